//! Files: streamed, taken up again where they broke off, never put together from two versions.

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use bytes::Bytes;
use futures_util::stream;
use tombolo_model::{Clock, TestClock};
use tombolo_net::stand_in::Server;
use tombolo_net::{Download, Net, NetError};

use crate::rig::{answering, clock, drain, net, net_within, raw, reply, short, start, within};

const OLD: (&str, &str) = ("last-modified", "Tue, 24 Nov 2026 10:00:00 GMT");
const DATE: (&str, &str) = ("date", "Wed, 25 Nov 2026 10:00:00 GMT");
const STRONG: (&str, &str) = ("etag", "\"v1\"");
const WEAK: (&str, &str) = ("etag", "W/\"v1\"");

/// So many bytes, none like its neighbours.
fn content(size: usize) -> Bytes {
    (0..size).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect()
}

/// What a server says that knows ranges: the file from where it is asked for, cut after `most` bytes.
fn part(request: &Request, file: &Bytes, headers: &[(&str, &str)], most: usize) -> Response<Body> {
    let range = request.headers().get("range").map(|v| v.to_str().unwrap());
    let from: usize = range.map_or(0, |r| r[6..r.len() - 1].parse().unwrap());
    let (length, of) = (
        (file.len() - from).to_string(),
        format!("bytes {from}-{}/{}", file.len() - 1, file.len()),
    );
    let mut all = vec![
        ("content-length", length.as_str()),
        ("content-type", "Video/MP4; a=b"),
        DATE,
    ];
    if range.is_some() {
        all.push(("content-range", &of));
    }
    all.extend_from_slice(headers);
    reply(
        if range.is_some() { 206 } else { 200 },
        &all,
        cut(&file.slice(from..), most),
    )
}

/// A body that ends, or breaks off, after so many bytes.
fn cut(body: &Bytes, most: usize) -> Body {
    let end = (body.len() > most).then(|| Err(std::io::Error::other("cut")));
    let body = body.slice(..body.len().min(most));
    // What has been said is given time to leave.
    let pieces = stream::iter([Ok(body)]);
    let pause = stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        Ok(Bytes::new())
    });
    Body::from_stream(futures_util::StreamExt::chain(
        futures_util::StreamExt::chain(pieces, pause),
        stream::iter(end),
    ))
}

async fn open(net: &Net, server: &Server) -> Download {
    net.download(&server.base, None).await.unwrap().1
}

/// The file that came, or how far it came and why no further.
async fn fetch(clock: &TestClock, server: &Server) -> (Vec<u8>, Option<String>) {
    drain(open(&net(clock, &[&server.base]), server).await.stream).await
}

#[tokio::test]
async fn a_file_comes_with_its_size_and_type_as_it_is() {
    let file = content(3 << 20);
    let original = file.clone();
    let server = answering(&clock(), move |_, request| part(request, &original, &[], usize::MAX)).await;
    let download = open(&net(&clock(), &[&server.base]), &server).await;
    assert_eq!(download.bytes, Some(3 << 20));
    assert_eq!(download.media_type.as_deref(), Some("video/mp4"));
    let (got, problem) = drain(download.stream).await;
    assert_eq!(problem, None);
    assert!(got == file);
    assert_eq!(server.arrivals.all()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_file_that_isnt_there_is_said_so() {
    let server = answering(&clock(), |_, _| reply(404, &[], "no")).await;
    let (status, _) = net(&clock(), &[&server.base])
        .download(&server.base, None)
        .await
        .unwrap();
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test]
async fn a_file_is_opened_with_patience() {
    let clock = clock();
    let server = answering(&clock, |number, request| match number {
        0 => reply(500, &[], ""),
        1 => reply(429, &[("retry-after", "8")], ""),
        _ => part(request, &content(10), &[], 10),
    })
    .await;
    let (got, problem) = fetch(&clock, &server).await;
    assert_eq!((got, problem), (content(10).to_vec(), None));
    assert!(clock.now() >= start() + chrono::TimeDelta::seconds(8));
    let busy = answering(&clock, |_, _| reply(429, &[("retry-after", "3000")], "")).await;
    let result = net(&clock, &[&busy.base]).download(&busy.base, None).await.map(|_| ());
    assert!(matches!(result, Err(NetError::Throttled { .. })), "{result:?}");
}

#[tokio::test]
async fn a_file_that_breaks_off_is_taken_up_where_it_broke_off() {
    for (headers, validator) in [
        (vec![STRONG], "\"v1\""),
        (vec![STRONG, OLD], "\"v1\""),
        (vec![OLD], OLD.1),
        // PeerTube's way.
        (vec![WEAK, OLD], OLD.1),
    ] {
        let clock = clock();
        let file = content(1000);
        let original = file.clone();
        let server = answering(&clock, move |_, request| part(request, &original, &headers, 400)).await;
        let (got, problem) = fetch(&clock, &server).await;
        assert_eq!(problem, None);
        assert_eq!(got, file);
        let arrivals = server.arrivals.all();
        assert_eq!(arrivals.len(), 3);
        assert_eq!(arrivals[0].header("range"), None);
        for (arrival, range) in arrivals[1..].iter().zip(["bytes=400-", "bytes=800-"]) {
            assert_eq!(arrival.header("range"), Some(range));
            assert_eq!(arrival.header("if-range"), Some(validator));
            assert_eq!(arrival.header("accept-encoding"), Some("identity"));
        }
    }
}

#[tokio::test]
async fn without_a_validator_that_tells_bytes_apart_it_is_not_taken_up() {
    let just_now = ("last-modified", "Wed, 25 Nov 2026 09:59:58 GMT");
    for headers in [vec![], vec![WEAK], vec![WEAK, just_now], vec![just_now]] {
        let clock = clock();
        let server = answering(&clock, move |_, request| part(request, &content(1000), &headers, 400)).await;
        let (got, problem) = fetch(&clock, &server).await;
        assert_eq!(got, content(1000)[..400]);
        assert!(problem.unwrap().contains("broke off at byte 400"));
        assert_eq!(server.arrivals.all().len(), 1);
    }
}

#[tokio::test]
async fn bytes_of_two_versions_are_never_joined() {
    type Second = fn(&Request) -> Response<Body>;
    let seconds: [Second; 8] = [
        // As it should be: the whole of the other version.
        |_| reply(200, &[("etag", "\"v2\"")], vec![b'x'; 1000]),
        // No ranges there.
        |_| reply(200, &[STRONG], vec![b'x'; 1000]),
        // The server doesn't look at If-Range.
        |request| part(request, &Bytes::from(vec![b'x'; 1000]), &[("etag", "\"v2\"")], 1000),
        |request| part(request, &Bytes::from(vec![b'x'; 1001]), &[STRONG], 2000),
        // Another part than was asked for.
        |_| {
            let of = [STRONG, ("content-range", "bytes 0-999/1000")];
            reply(206, &of, vec![b'x'; 1000])
        },
        |_| reply(206, &[STRONG], vec![b'x'; 600]),
        |_| reply(416, &[("content-range", "bytes */100")], ""),
        |_| reply(404, &[], "x"),
    ];
    for (number, second) in seconds.into_iter().enumerate() {
        let clock = clock();
        let server = answering(&clock, move |number, request| match number {
            0 => part(request, &content(1000), &[STRONG], 400),
            _ => second(request),
        })
        .await;
        let (got, problem) = fetch(&clock, &server).await;
        assert_eq!(got, content(1000)[..400], "{number}");
        assert!(problem.is_some(), "{number}");
        assert_eq!(server.arrivals.all().len(), 2, "{number}");
    }
}

#[tokio::test]
async fn the_rest_is_asked_for_again_while_the_server_is_busy() {
    let clock = clock();
    let server = answering(&clock, |number, request| match number {
        1 => reply(503, &[("retry-after", "12")], ""),
        2 => reply(502, &[], ""),
        _ => part(request, &content(1000), &[STRONG], 600),
    })
    .await;
    let (got, problem) = fetch(&clock, &server).await;
    assert_eq!((got, problem), (content(1000).to_vec(), None));
    assert!(clock.now() >= start() + chrono::TimeDelta::seconds(12));

    let server = answering(&clock, |number, request| match number {
        0 => part(request, &content(1000), &[STRONG], 600),
        _ => reply(429, &[("retry-after", "3000")], ""),
    })
    .await;
    let (_, problem) = fetch(&clock, &server).await;
    assert!(problem.unwrap().contains("asks to wait until"));
    assert_eq!(server.arrivals.all().len(), 2);
}

#[tokio::test]
async fn a_server_that_hands_out_single_bytes_is_given_up() {
    let clock = clock();
    let server = answering(&clock, |_, request| part(request, &content(1000), &[STRONG], 1)).await;
    let (got, problem) = fetch(&clock, &server).await;
    assert_eq!(got, content(1000)[..4]);
    assert!(problem.is_some());
    assert_eq!(server.arrivals.all().len(), 4);
}

#[tokio::test]
async fn many_breaks_are_no_matter_while_it_comes_further() {
    let clock = clock();
    let file = content(10 << 20);
    let original = file.clone();
    let server = answering(&clock, move |_, request| part(request, &original, &[STRONG], 3 << 19)).await;
    let (got, problem) = fetch(&clock, &server).await;
    assert_eq!(problem, None);
    assert!(got == file);
    assert_eq!(server.arrivals.all().len(), 7);
}

#[tokio::test]
async fn a_redirected_file_is_taken_up_by_the_same_way() {
    let clock = clock();
    let store = answering(&clock, |_, request| part(request, &content(1000), &[STRONG], 600)).await;
    let location = store.base.to_string();
    let server = answering(&clock, move |_, _| reply(302, &[("location", &location)], "")).await;
    let net = net(&clock, &[&server.base, &store.base]);
    let (got, problem) = drain(open(&net, &server).await.stream).await;
    assert_eq!((got, problem), (content(1000).to_vec(), None));
    assert_eq!((server.arrivals.all().len(), store.arrivals.all().len()), (2, 2));
}

#[tokio::test]
async fn a_file_that_stands_still_is_taken_up_or_given_up() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"a\"\r\n\r\n01234";
    let rest =
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\nETag: \"a\"\r\n\r\n";
    let server = raw(move |number, mut wire| async move {
        wire.request().await;
        match number {
            0 => wire.say(head).await,
            1 => true,
            _ => wire.say(format!("{rest}56789")).await,
        };
        wire.fall_silent().await;
    })
    .await;
    let clock = clock();
    let net = net_within(short(), &clock, &[&server.base]);
    let (_, download) = net.download(&server.base, None).await.unwrap();
    assert_eq!(drain(download.stream).await, (b"0123456789".to_vec(), None));

    let plain = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234").await;
        wire.fall_silent().await;
    })
    .await;
    let net = net_within(short(), &clock, &[&plain.base]);
    let (_, download) = net.download(&plain.base, None).await.unwrap();
    let (got, problem) = drain(download.stream).await;
    assert_eq!(got, b"01234");
    assert!(problem.unwrap().contains("nothing came for 100ms"));
}

#[tokio::test]
async fn a_slow_file_is_not_cut_while_it_moves() {
    let server = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n").await;
        wire.drip(&[b'a'; 50]).await;
    })
    .await;
    let net = net_within(within(200), &clock(), &[&server.base]);
    let started = std::time::Instant::now();
    let (_, download) = net.download(&server.base, None).await.unwrap();
    assert_eq!(drain(download.stream).await, (vec![b'a'; 50], None));
    assert!(started.elapsed() > within(200).idle * 2);
}

#[tokio::test]
async fn a_file_whose_end_cant_be_known_has_no_size() {
    let server = raw(async |number, mut wire| {
        wire.request().await;
        wire.say(match number {
            0 => "HTTP/1.0 200 OK\r\nETag: \"a\"\r\n\r\n01234",
            1 => "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n9\r\n0",
        })
        .await;
    })
    .await;
    let net = net(&clock(), &[&server.base]);
    for complete in [true, true, false] {
        let (_, download) = net.download(&server.base, None).await.unwrap();
        assert_eq!(download.bytes, None);
        let (got, problem) = drain(download.stream).await;
        assert_eq!(got[..5], *b"01234");
        assert_eq!(problem.is_none(), complete, "{problem:?}");
    }
}

#[tokio::test]
async fn never_more_bytes_come_than_were_announced() {
    for (answer, expected) in [
        ("Content-Length: 5\r\n\r\n0123456789", "01234"),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
            "",
        ),
    ] {
        let server = raw(move |_, mut wire| async move {
            wire.request().await;
            wire.say(format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\n{answer}")).await;
        })
        .await;
        let net = net(&clock(), &[&server.base]);
        let Ok((_, download)) = net.download(&server.base, None).await else {
            continue;
        };
        let announced = download.bytes;
        let (got, problem) = drain(download.stream).await;
        assert!(
            announced.is_none() || got == expected.as_bytes(),
            "{announced:?} {got:?} {problem:?}"
        );
    }
}

#[tokio::test]
async fn a_file_that_comes_packed_though_it_was_asked_for_as_it_is_isnt_taken_for_the_file() {
    let server = answering(&clock(), |_, _| {
        reply(200, &[("content-encoding", "br"), STRONG], "packed")
    })
    .await;
    let result = net(&clock(), &[&server.base])
        .download(&server.base, None)
        .await
        .map(|_| ());
    assert!(matches!(result, Err(NetError::Refused(_))), "{result:?}");
    // What the client unpacks by itself has no size, and isn't taken up by bytes that count otherwise.
    let server = answering(&clock(), |_, _| {
        let headers = [("content-encoding", "gzip"), ("content-length", "50"), STRONG];
        reply(200, &headers, cut(&Bytes::from_static(&[0x1f; 50]), 20))
    })
    .await;
    let download = open(&net(&clock(), &[&server.base]), &server).await;
    assert_eq!(download.bytes, None);
    assert!(drain(download.stream).await.1.is_some());
    assert_eq!(server.arrivals.all().len(), 1);
}

// Pieces.

const PIECE: &str = "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/99\r\n\r\n";

#[tokio::test]
async fn a_piece_that_stands_still_after_its_headers_is_asked_for_again_and_then_given_up() {
    let once = raw(async |number, mut wire| {
        wire.request().await;
        wire.say(PIECE).await;
        wire.say(if number == 0 { "01234" } else { "0123456789" }).await;
        wire.fall_silent().await;
    })
    .await;
    let ever = raw(async |_, mut wire| {
        wire.request().await;
        wire.say(PIECE).await;
        wire.fall_silent().await;
    })
    .await;
    let (clock, patience) = (clock(), std::time::Duration::from_secs(20));
    let net = net_within(short(), &clock, &[&once.base, &ever.base]);
    let piece = tokio::time::timeout(patience, net.piece(&once.base, 0, 10))
        .await
        .expect("it doesn't hang");
    assert_eq!(piece.unwrap().bytes, "0123456789");
    let silent = tokio::time::timeout(patience, net.piece(&ever.base, 0, 10))
        .await
        .expect("it doesn't hang");
    assert!(matches!(silent, Err(NetError::Transient(why)) if why.contains("stood still for 100ms")));
}

#[tokio::test]
async fn a_piece_that_comes_byte_by_byte_is_not_waited_for() {
    let server = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 206 Partial Content\r\nContent-Length: 999\r\nContent-Range: bytes 0-998/999\r\n\r\n")
            .await;
        wire.drip(&[b'a'; 999]).await;
    })
    .await;
    let net = net_within(within(40), &clock(), &[&server.base]);
    let slow = net.piece(&server.base, 0, 999).await;
    assert!(matches!(slow, Err(NetError::Transient(why)) if why.contains("comes too slowly")));
}
