//! Fetching a file from the loopback interface, for imports: plain HTTP, one request, to the end of the connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::FileBody;
use super::disk::{Disk, OnDisk};

/// The head of an answer.
const MOST_HEAD: usize = 16 * 1024;

/// What is at a URL of this machine.
pub(super) async fn fetch(url: &Url) -> io::Result<FileBody> {
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = url.host_str().unwrap_or_default();
    // Answers to this version aren't in chunks.
    let request = format!("GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut head, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    let body_at = loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 || head.len() > MOST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..read]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&head[..body_at]).into_owned();
    let status = text.split(' ').nth(1);
    if status != Some("200") {
        return Err(io::Error::other(format!("status {}", status.unwrap_or_default())));
    }
    let disk = Disk::new()?;
    disk.write(0, &head[body_at..])?;
    let mut length = (head.len() - body_at) as u64;
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        disk.write(length, &piece[..read])?;
        length += read as u64;
    }
    let expected = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<u64>().ok()).flatten()
    });
    if expected.is_some_and(|expected| expected != length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(FileBody::OnDisk(OnDisk::new(disk, length)))
}
