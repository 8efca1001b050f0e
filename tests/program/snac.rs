//! A real `snac` (Debian: snac2), freshly initialised, on a free loopback port, over plain HTTP.
//!
//! Needs only std, tokio (features `net`, `io-util`, `time`) and serde_json. The requests made here
//! go over a socket of their own rather than through a client library: snac closes every connection
//! after one answer without announcing it, which pooling clients trip over now and then, and a
//! proxy in the environment must not matter.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The one account of the instance.
pub const USER: &str = "creator";
/// Its password, for those who want to go through /oauth/authorize.
pub const PASSWORD: &str = "secret";

const READY_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const PORTS_TRIED: usize = 5;

pub struct Snac {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub base: String,
    /// A bearer token of [`USER`]; snac knows no scopes.
    pub token: String,
    /// `creator@127.0.0.1:PORT`; the port belongs to the name, WebFinger answers for nothing else.
    pub handle: String,
    /// The account's id, as `verify_credentials` gives it.
    pub account_id: String,
    port: u16,
    data: PathBuf,
    child: Option<Child>,
}

/// Initialises an instance below `dir`, adds [`USER`] and starts it. `None`: there is no `snac` on
/// the PATH. If `dir` holds an instance of an earlier call, that one is started, on its old port.
///
/// # Panics
/// When snac is there and doesn't come up: with what it said.
pub async fn start(dir: &Path) -> Option<Snac> {
    let binary = on_path("snac")?;
    let data = dir.join("snac");
    let settings = data.join("server.json");

    let fresh = !settings.exists();
    if fresh {
        fs::create_dir_all(dir).expect("create the directory for snac");
        initialise(&binary, &data);
    }

    let (token, mut port) = if fresh {
        (new_token(&data), free_port())
    } else {
        (
            old_token(&data),
            u16::try_from(read_json(&settings)["port"].as_u64().expect("port")).expect("a port"),
        )
    };

    for attempt in 1.. {
        configure(&settings, port);
        let mut snac = Snac {
            base: format!("http://127.0.0.1:{port}"),
            token: token.clone(),
            handle: format!("{USER}@127.0.0.1:{port}"),
            account_id: String::new(),
            port,
            data: data.clone(),
            child: None,
        };
        match snac.launch().await {
            Ok(()) => return Some(snac),
            // Somebody took the port between our look and snac's bind. Posts carry the port in
            // their ids, so only an instance without any may move.
            Err(Down::PortTaken) if fresh && attempt < PORTS_TRIED => port = free_port(),
            Err(why) => panic!("snac doesn't start: {why:?}\n{}", snac.log()),
        }
    }
    unreachable!()
}

#[derive(Debug)]
enum Down {
    PortTaken,
    Exited(String),
    NotReady,
}

impl Snac {
    /// Everything the account has posted, newest first, as Mastodon statuses, non-public ones too.
    ///
    /// By the home timeline: `/api/v1/accounts/:id/statuses` ignores all its parameters and ends
    /// silently at the newest 256.
    pub async fn statuses(&self) -> Vec<Value> {
        let own = format!("{}/{USER}/p/", self.base);
        let mut all: Vec<Value> = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/api/v1/timelines/home?limit=40{before}");
            let page = self.get_json(&path, "application/json").await;
            let page = page.as_array().unwrap_or_else(|| panic!("{path}: not a list: {page}"));
            let Some(last) = page.last() else { break };
            let next = format!("&max_id={}", text(last, "id"));
            assert_ne!(next, before, "{path}: the same page again");
            before = next;
            for status in page {
                // A boosted status is wrapped, whoever boosted it; what was posted is inside.
                let status = if status["reblog"].is_object() {
                    &status["reblog"]
                } else {
                    status
                };
                if text(status, "uri").starts_with(&own) {
                    all.push(status.clone());
                }
            }
        }
        all
    }

    /// The notes of the ActivityPub outbox, newest first: public and unlisted ones, anonymously.
    /// They hold what the REST statuses don't: `contentMap` (language), `to`/`cc` (visibility),
    /// `attachment` with types REST doesn't know.
    pub async fn outbox(&self) -> Vec<Value> {
        let collection = self
            .get_json(&format!("/{USER}/outbox"), "application/activity+json")
            .await;
        let items = collection["orderedItems"].as_array().cloned().unwrap_or_default();
        items.into_iter().map(|create| create["object"].clone()).collect()
    }

    /// The stored file behind the URL of a media attachment. Over HTTP snac ends every file at
    /// 268,435,455 bytes, with a matching Content-Length; on disk it is whole.
    pub fn media_path(&self, url: &str) -> PathBuf {
        let name = url.rsplit('/').next().expect("a media URL");
        self.data.join("user").join(USER).join("static").join(name)
    }

    /// How many files were uploaded, used or not.
    pub fn media_count(&self) -> usize {
        let dir = self.data.join("user").join(USER).join("static");
        let names = fs::read_dir(dir)
            .expect("static")
            .filter_map(Result::ok)
            .map(|e| e.file_name());
        names.filter(|n| !n.to_string_lossy().ends_with(".txt")).count()
    }

    /// Where the instance keeps its files.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// What snac has logged, of all starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Ends the process at once, as `kill -9` does. Requests under way get no answer.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = child.id();
            let _ = child.kill();
            let _ = child.wait();
            // A killed snac leaves these behind.
            let _ = fs::remove_file(format!("/dev/shm/sem.job_{pid}"));
            let _ = fs::remove_file(format!("/dev/shm/127.0.0.1:{}_snac_state", self.port));
        }
    }

    /// Kills the process and starts it again: same port, same posts, same token.
    pub async fn restart(&mut self) {
        self.kill();
        if let Err(why) = self.launch().await {
            panic!("snac doesn't start again: {why:?}\n{}", self.log());
        }
    }

    /// Starts the process and returns when it answers as this instance, to this token.
    async fn launch(&mut self) -> Result<(), Down> {
        let log_from = fs::metadata(self.log_path()).map_or(0, |m| usize::try_from(m.len()).expect("a small log"));
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("open snac's log");
        let mut command = Command::new("snac");
        command.arg("httpd").arg(&self.data);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log"))
            .stderr(log);
        // snac delivers every post to its own inbox too, by libcurl.
        for name in [
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "DEBUG",
        ] {
            command.env_remove(name);
        }
        self.child = Some(command.spawn().expect("start snac"));

        let since = Instant::now();
        loop {
            if let Some(status) = self.child.as_mut().expect("child").try_wait().expect("wait") {
                self.child = None;
                let log = self.log();
                let taken = log.get(log_from..).is_some_and(|l| l.contains("cannot bind socket"));
                return Err(if taken {
                    Down::PortTaken
                } else {
                    Down::Exited(status.to_string())
                });
            }
            // Only this instance knows this token: whoever else sits on the port can't say 200.
            let path = "/api/v1/accounts/verify_credentials";
            if let Ok((200, body)) = self.get(path, "application/json").await
                && let Ok(account) = serde_json::from_slice::<Value>(&body)
            {
                text(&account, "id").clone_into(&mut self.account_id);
                return Ok(());
            }
            if since.elapsed() > READY_WITHIN {
                return Err(Down::NotReady);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn get_json(&self, path: &str, accept: &str) -> Value {
        let (status, body) = self
            .get(path, accept)
            .await
            .unwrap_or_else(|e| panic!("GET {path}: {e}"));
        assert_eq!(status, 200, "GET {path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_else(|e| panic!("GET {path}: {e}"))
    }

    /// One request, one connection: snac closes it after the answer.
    async fn get(&self, path: &str, accept: &str) -> std::io::Result<(u16, Vec<u8>)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: {accept}\r\n\
             Authorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.port, self.token
        );
        let exchange = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, exchange)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;

        let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        let end = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .ok_or_else(|| bad("no complete answer"))?;
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let body = answer[end + 4..].to_vec();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
        if length
            .and_then(|l| l.trim().parse().ok())
            .is_some_and(|l: usize| l != body.len())
        {
            return Err(bad("a torn answer"));
        }
        Ok((status.ok_or_else(|| bad("no status"))?, body))
    }

    fn log_path(&self) -> PathBuf {
        self.data.with_extension("log")
    }
}

impl Drop for Snac {
    fn drop(&mut self) {
        self.kill();
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

fn initialise(binary: &Path, data: &Path) {
    // address, port, host, prefix, admin's mail: all of them are overwritten by `configure`.
    run(
        Command::new(binary).arg("init").arg(data),
        "127.0.0.1\n1\n127.0.0.1:1\n\n\n",
    );
    run(Command::new(binary).arg("adduser").arg(data).arg(USER), "");

    let path = data.join("user").join(USER).join("user.json");
    let mut user = read_json(&path);
    // nonce:sha1("nonce:uid:password")
    user["passwd"] = json!("00112233:b54631681d6086cb7dd50990a686eb264f82d8c6");
    write_json(&path, &user);
}

fn configure(path: &Path, port: u16) {
    let mut server = read_json(path);
    let settings = json!({
        "host": format!("127.0.0.1:{port}"),
        "address": "127.0.0.1",
        "port": port,
        "prefix": "",
        "protocol": "http",
        "max_public_entries": 1_000_000,
        "timeline_purge_days": 0,
        // snac posts every message to its own shared inbox as well. With its default of three
        // worker threads these deliveries take all of them and then wait for themselves, six
        // seconds at a time, in which no request is answered.
        "num_threads": 128,
        "queue_timeout": 1,
        "queue_timeout_2": 1,
        "queue_retry_max": 0,
        "disable_inbox_collection": true,
        "disable_email_notifications": true,
    });
    for (key, value) in settings.as_object().expect("an object") {
        server[key] = value.clone();
    }
    write_json(path, &server);
}

fn new_token(data: &Path) -> String {
    let mut bytes = [0u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut f| f.read_exact(&mut bytes))
        .expect("urandom");
    let token: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let dir = data.join("token");
    fs::create_dir_all(&dir).expect("create the token directory");
    let content = json!({
        "token": token, "client_id": "snac-client", "client_secret": "", "uid": USER, "code": "",
    });
    write_json(&dir.join(format!("{token}.json")), &content);
    token
}

fn old_token(data: &Path) -> String {
    let mut files = fs::read_dir(data.join("token")).expect("token directory");
    let file = files.next().expect("a token").expect("token directory").path();
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn run(command: &mut Command, input: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start snac");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(input.as_bytes())
        .expect("answer snac");
    let output = child.wait_with_output().expect("wait for snac");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write_json(path: &Path, value: &Value) {
    let text = serde_json::to_string_pretty(value).expect("JSON");
    fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}
