//! Requests with an effect: sent once, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tombolo_net::stand_in::Fault;
use tombolo_net::{Answer, Get, Net, Send, SendError, SendForm, WriteBody, multipart};
use url::Url;

use crate::rig::{answering, clock, net, net_within, post, raw, reply, short, start, token, within};

async fn send(net: &Net, url: &Url) -> Result<Answer, SendError> {
    net.send(post(url.clone(), &token())).await
}

fn unknown(result: Result<Answer, SendError>) -> String {
    match result {
        Err(SendError::Unknown(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_found_no_server_was_not_sent() {
    let nobody: Url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
    };
    let no_name: Url = "http://nobody.invalid/".parse().unwrap();
    let net = net(&clock(), &[&nobody, &no_name]);
    for url in [&nobody, &no_name] {
        let result = send(&net, url).await;
        assert!(matches!(result, Err(SendError::NotSent(_))), "{result:?}");
    }
}

#[tokio::test]
async fn what_got_no_answer_is_unknown_and_not_sent_again() {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutHalfway, Fault::Hang] {
        let clock = clock();
        let server = answering(&clock, |_, _| reply(200, &[], "{\"id\":\"1\"}")).await;
        server.faults.next("POST", "/", u32::MAX, fault);
        unknown(send(&net_within(short(), &clock, &[&server.base]), &server.base).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(server.arrivals.all().len(), 1);
        assert_eq!(tombolo_model::Clock::now(&clock), start());
    }
}

#[tokio::test]
async fn any_answer_is_returned_after_one_request() {
    for status in [200, 302, 307, 401, 408, 413, 422, 425, 429, 500, 502, 503, 504] {
        let server = answering(&clock(), move |_, _| {
            reply(status, &[("location", "/other"), ("retry-after", "1")], "said")
        })
        .await;
        let answer = send(&net(&clock(), &[&server.base]), &server.base).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, b"said".as_slice()));
        assert_eq!(server.arrivals.all().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_unknown() {
    let server = raw(async |_, mut wire| {
        let head = wire.request().await.unwrap();
        wire.say("HTTP/1.1 200 OK\r\n\r\n").await;
        if head.contains("/slow") {
            wire.drip(&[b' '; 1000]).await;
        } else {
            wire.say_for_ever(&[b' '; 0x1000]).await;
        }
    })
    .await;
    let slow = net_within(short(), &clock(), &[&server.base]);
    unknown(send(&slow, &server.base.join("slow").unwrap()).await);
    let net = net(&clock(), &[&server.base]);
    unknown(send(&net, &server.base.join("large").unwrap()).await);
}

#[tokio::test]
async fn no_request_with_a_token_goes_over_a_connection_that_was_used_before() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    // It would answer the second request on a connection with a cut.
    let server = raw(move |_, mut wire| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            wire.request().await;
            wire.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
            wire.request().await;
        }
    })
    .await;
    let net = net(&clock(), &[&server.base]);
    let token = token();
    for _ in 0..3 {
        net.get(&Get::json(server.base.clone())).await.unwrap();
        send(&net, &server.base).await.unwrap();
        net.get(&Get::json(server.base.clone()).bearer(&token)).await.unwrap();
    }
    assert!(connections.load(Ordering::SeqCst) >= 6);
}

#[tokio::test]
async fn an_answer_tells_when_the_next_may_be_sent() {
    let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "100")];
    let server = answering(&clock(), move |_, _| reply(200, &used_up, "{}")).await;
    let clock = clock();
    let net = net(&clock, &[&server.base]);
    send(&net, &server.base).await.unwrap();
    assert!(net.throttled_until(&server.base, "statuses").is_some());
    assert_eq!(net.throttled_until(&server.base, "upload"), None);
}

/// A file of so many pieces, each after a pause.
fn upload(url: &Url, token: &'static secrecy::SecretString, pieces: u64, pause: Duration) -> Send<'static> {
    static PIECE: [u8; 16 << 10] = [0; 16 << 10];
    let sent = Arc::new(AtomicU64::new(0));
    let counter = sent.clone();
    let stream = futures_util::stream::iter(0..pieces).then(move |_| {
        let counter = counter.clone();
        async move {
            tokio::time::sleep(pause).await;
            counter.fetch_add(PIECE.len() as u64, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&PIECE))
        }
    });
    let part = multipart::Part::stream_with_length(reqwest::Body::wrap_stream(stream), pieces * PIECE.len() as u64);
    Send {
        method: reqwest::Method::POST,
        url: url.clone(),
        bearer: token,
        headers: Vec::new(),
        body: WriteBody::Multipart(multipart::Form::new().part("file", part.file_name("a.mp4"))),
        family: "upload",
        sent: Some(sent),
    }
}

fn lasting_token() -> &'static secrecy::SecretString {
    static TOKEN: std::sync::LazyLock<secrecy::SecretString> = std::sync::LazyLock::new(token);
    &TOKEN
}

#[tokio::test]
async fn an_upload_that_moves_takes_as_long_as_it_takes() {
    let server = raw(async |_, mut wire| {
        // Reads all of it: 25 pieces, and what is around them.
        wire.swallow(25 * (16 << 10)).await;
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    })
    .await;
    let net = net_within(within(200), &clock(), &[&server.base]);
    let started = std::time::Instant::now();
    net.send(upload(&server.base, lasting_token(), 25, Duration::from_millis(20)))
        .await
        .unwrap();
    assert!(
        started.elapsed() > Duration::from_millis(400),
        "longer than the limit for an answer"
    );
}

#[tokio::test]
async fn an_upload_that_stands_still_is_given_up() {
    let net = |base: &Url| net_within(short(), &clock(), &[base]);
    // The server reads nothing, the source gives nothing, or all was read and no answer comes.
    let deaf = raw(async |_, wire| wire.fall_silent().await).await;
    unknown(
        net(&deaf.base)
            .send(upload(&deaf.base, lasting_token(), 4000, Duration::ZERO))
            .await,
    );
    let server = raw(async |_, mut wire| {
        wire.swallow(usize::MAX).await;
    })
    .await;
    let never = Duration::from_secs(3600);
    unknown(
        net(&server.base)
            .send(upload(&server.base, lasting_token(), 3, never))
            .await,
    );
    let message = unknown(
        net(&server.base)
            .send(upload(&server.base, lasting_token(), 3, Duration::ZERO))
            .await,
    );
    assert!(message.contains("not answered within 100ms"), "{message}");
}

#[tokio::test]
async fn an_upload_that_is_refused_before_its_end_gets_the_answer() {
    let server = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
            .await;
        // Closing with unread bytes makes the kernel reset the connection.
    })
    .await;
    let net = net(&clock(), &[&server.base]);
    for _ in 0..20 {
        let answer = net
            .send(upload(&server.base, lasting_token(), 4000, Duration::ZERO))
            .await;
        match answer {
            Ok(answer) => assert_eq!(
                (answer.status.as_u16(), &answer.body[..]),
                (413, b"too large".as_slice())
            ),
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::test]
async fn a_piece_of_a_file_leaves_with_its_length_and_is_counted() {
    let server = answering(&clock(), move |_, request| {
        let length = request.headers().get("content-length").cloned();
        assert!(!request.headers().contains_key("transfer-encoding"));
        let length = length
            .and_then(|v| v.to_str().map(str::to_owned).ok())
            .unwrap_or_default();
        // Not a redirect to follow: how far an upload is (RFC 9110 knows no other meaning, upload protocols do).
        reply(308, &[("range", "bytes=0-199999"), ("location", "/elsewhere")], length)
    })
    .await;
    let sent = Arc::new(AtomicU64::new(0));
    let answer = net(&clock(), &[&server.base])
        .send(Send {
            method: reqwest::Method::PUT,
            url: server.base.clone(),
            bearer: lasting_token(),
            headers: vec![("content-range", "bytes 0-199999/300000".into())],
            body: WriteBody::Bytes(Bytes::from(vec![7; 200_000])),
            family: "upload",
            sent: Some(sent.clone()),
        })
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (308, b"200000".as_slice()));
    assert_eq!(sent.load(Ordering::Relaxed), 200_000);
    assert_eq!(server.arrivals.all().len(), 1);
}

#[tokio::test]
async fn a_sign_in_form_carries_no_token_and_is_sent_once() {
    let server = answering(&clock(), |_, _| reply(500, &[], "")).await;
    let net = net(&clock(), &[&server.base]);
    let form = |url: Url| SendForm {
        url,
        headers: vec![("x-otp", "1".into())],
        fields: &[("grant_type", "password"), ("password", "a&b =")],
        family: "token",
    };
    let answer = net.send_form(form(server.base.clone())).await.unwrap();
    assert_eq!(answer.status.as_u16(), 500);
    let arrivals = server.arrivals.all();
    assert_eq!(arrivals.len(), 1);
    assert_eq!(arrivals[0].header("authorization"), None);
    assert_eq!(arrivals[0].header("x-otp"), Some("1"));
    assert_eq!(
        arrivals[0].body.as_deref(),
        Some(b"grant_type=password&password=a%26b+%3D".as_slice())
    );
    // What never reached anybody doesn't show what it carried.
    let gone = server.base.clone();
    drop(server);
    let error = net.send_form(form(gone)).await.unwrap_err();
    assert!(!error.to_string().contains("a&b"), "{error}");
}
