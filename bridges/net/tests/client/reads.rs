//! Documents: what is read, how much of it, how often and how long.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use tombolo_model::Clock;
use tombolo_net::stand_in::{Fault, Server};
use tombolo_net::{Answer, Get, Net, NetError};
use url::Url;

use crate::rig::{answering, clock, net, net_within, raw, reply, short, start};

fn small(url: &Url) -> Get<'static> {
    Get {
        max_bytes: 1 << 20,
        ..Get::json(url.clone())
    }
}

async fn read(net: &Net, url: &Url) -> Result<Answer, NetError> {
    net.get(&small(url)).await
}

fn arrived(server: &Server) -> Vec<DateTime<Utc>> {
    server.arrivals.all().iter().map(|a| a.at).collect()
}

// How much.

#[tokio::test]
async fn a_body_may_be_as_large_as_allowed_and_not_a_byte_larger() {
    let server = answering(&clock(), |_, request| {
        let size: usize = request.uri().path()[1..].parse().unwrap();
        reply(200, &[], vec![b' '; size])
    })
    .await;
    let net = net(&clock(), &[&server.base]);
    let answer = read(&net, &server.base.join("1048576").unwrap()).await.unwrap();
    assert_eq!(answer.body.len(), 1 << 20);
    let result = read(&net, &server.base.join("1048577").unwrap()).await;
    assert!(matches!(result, Err(NetError::TooLarge(_))), "{result:?}");
    assert_eq!(server.arrivals.all().len(), 2, "it isn't tried again");
}

#[tokio::test]
async fn a_body_without_end_is_refused_on_the_way() {
    let server = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
        wire.say_for_ever(&chunk).await;
    })
    .await;
    let result = read(&net(&clock(), &[&server.base]), &server.base).await;
    assert!(matches!(result, Err(NetError::TooLarge(_))), "{result:?}");
}

/// Gzip, so dense that 13 bits unpack to 258 zero bytes: in a block of fixed codes, a zero, and then "258 bytes as one
/// byte before" again and again (RFC 1951 §3.2.6).
fn gzip_bomb(repeats: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let mut code = |text: &str| bits.extend(text.bytes().map(|b| b == b'1'));
    code("00110000");
    for _ in 0..repeats {
        code("11000101");
        code("00000");
    }
    let packed = bits
        .chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |sum, bit| sum * 2 + u8::from(*bit)));
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
        .into_iter()
        .chain(packed)
        .collect()
}

#[tokio::test]
async fn what_a_gzip_bomb_unpacks_to_is_what_counts() {
    let bomb = gzip_bomb(100_000);
    assert!(bomb.len() < 200_000);
    let server = answering(&clock(), move |_, _| {
        reply(200, &[("content-encoding", "gzip")], bomb.clone())
    })
    .await;
    let result = read(&net(&clock(), &[&server.base]), &server.base).await;
    assert!(matches!(result, Err(NetError::TooLarge(_))), "{result:?}");
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = raw(async |number, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 200 OK\r\nX-A: ").await;
        let piece = match number % 2 {
            0 => [b'a'; 4096],
            _ => *b"a\r\nX-A: ".repeat(512).as_array().unwrap(),
        };
        let taken = wire.say_for_ever(&piece).await;
        assert!(taken < 32 << 20, "{taken}");
    })
    .await;
    let result = read(&net(&clock(), &[&server.base]), &server.base).await;
    assert!(matches!(result, Err(NetError::Transient(_))), "{result:?}");
}

// How long.

#[tokio::test]
async fn an_answer_that_trickles_is_ended_by_the_limit_to_the_whole() {
    let server = raw(async |_, mut wire| {
        let head = wire.request().await.unwrap();
        if head.contains("/body") {
            wire.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        } else if head.contains("/headers") {
            wire.say("HTTP/1.1 200 OK\r\n").await;
        } else {
            let piece = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40);
            return wire.drip(&piece).await;
        }
        wire.drip(&[b'a'; 1000]).await;
    })
    .await;
    let net = net_within(short(), &clock(), &[&server.base]);
    let started = Instant::now();
    let urls = ["body", "headers", "hints"].map(|path| server.base.join(path).unwrap());
    for result in futures_util::future::join_all(urls.iter().map(|url| read(&net, url))).await {
        let Err(NetError::Transient(message)) = result else {
            panic!("{result:?}")
        };
        assert!(message.contains("took longer than 100ms (4 attempts)"), "{message}");
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

// How often.

#[tokio::test]
async fn what_may_work_later_is_tried_four_times_with_growing_pauses() {
    for status in [408, 425, 500, 501, 502, 503, 504, 520, 522, 526] {
        let clock = clock();
        let server = answering(&clock, move |_, _| reply(status, &[], "busy")).await;
        let net = net(&clock, &[&server.base]);
        let result = read(&net, &server.base).await;
        let Err(NetError::Transient(message)) = result else {
            panic!("{result:?}")
        };
        assert!(
            message.contains(&status.to_string()) && message.contains("4 attempts"),
            "{message}"
        );
        let at = arrived(&server);
        let pauses: Vec<_> = at.windows(2).map(|w| (w[1] - w[0]).num_milliseconds()).collect();
        assert_eq!(pauses.len(), 3);
        assert!(
            pauses[0] >= 500 && pauses.is_sorted_by(|a, b| 3 * a < 2 * b),
            "{pauses:?}"
        );
    }
}

#[tokio::test]
async fn it_succeeds_when_a_later_attempt_does() {
    let server = answering(&clock(), |number, _| match number {
        0..3 => reply(500, &[], "an import is pending"),
        _ => reply(200, &[], "{}"),
    })
    .await;
    let answer = read(&net(&clock(), &[&server.base]), &server.base).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_final_answer_is_returned_at_once() {
    for status in [200, 204, 304, 400, 401, 403, 404, 410, 422, 505] {
        let server = answering(&clock(), move |_, _| reply(status, &[], "")).await;
        let answer = read(&net(&clock(), &[&server.base]), &server.base).await.unwrap();
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(server.arrivals.all().len(), 1);
    }
}

#[tokio::test]
async fn cuts_before_and_within_an_answer_are_repaired() {
    let server = answering(&clock(), |_, _| reply(200, &[], "a whole answer")).await;
    server.faults.next("GET", "/", 1, Fault::CutBefore);
    server.faults.next("GET", "/", 2, Fault::CutHalfway);
    let answer = read(&net(&clock(), &[&server.base]), &server.base).await.unwrap();
    assert_eq!(&answer.body[..], b"a whole answer");
    assert_eq!(server.arrivals.all().len(), 4);
}

#[tokio::test]
async fn a_look_at_headers_is_repeated_like_a_read_and_asks_for_the_size_as_it_is() {
    let server = answering(&clock(), |number, _| match number {
        0 => reply(503, &[], ""),
        _ => reply(200, &[("content-length", "5000")], ""),
    })
    .await;
    server.faults.next("HEAD", "/", 1, Fault::CutBefore);
    let (status, headers) = net(&clock(), &[&server.base]).head(&server.base).await.unwrap();
    assert_eq!(
        (status, &headers["content-length"]),
        (StatusCode::OK, &"5000".parse().unwrap())
    );
    let arrivals = server.arrivals.all();
    assert_eq!(arrivals.len(), 3);
    assert_eq!(arrivals[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_connection_that_the_server_had_closed_costs_neither_an_error_nor_a_pause() {
    // Like snac, but so slow to close that the next request is already on its way.
    let server = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        wire.request().await;
    })
    .await;
    let clock = clock();
    let net = net(&clock, &[&server.base]);
    for _ in 0..10 {
        assert_eq!(&read(&net, &server.base).await.unwrap().body[..], b"{}");
    }
    assert_eq!(clock.now(), start());
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_without_saying_so_is_no_trouble() {
    let server = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    })
    .await;
    let clock = clock();
    let net = net(&clock, &[&server.base]);
    for _ in 0..50 {
        assert_eq!(&read(&net, &server.base).await.unwrap().body[..], b"{}");
    }
    assert_eq!(clock.now(), start());
}

#[tokio::test]
async fn a_server_that_answers_nothing_is_left_alone_after_four_attempts() {
    let clock = clock();
    let server = answering(&clock, |_, _| reply(200, &[], "")).await;
    server.faults.next("GET", "/", u32::MAX, Fault::CutBefore);
    let result = read(&net(&clock, &[&server.base]), &server.base).await;
    assert!(matches!(result, Err(NetError::Transient(_))), "{result:?}");
    let at = arrived(&server);
    assert_eq!(at.len(), 4);
    assert!(at[3] - at[1] > TimeDelta::seconds(5), "{at:?}");
}

/// Whether the server says that this is how it is.
fn says_so(answer: &Answer) -> bool {
    &answer.body[..] == b"no such thing"
}

#[tokio::test]
async fn who_judges_by_the_body_gets_the_failing_answer_at_once_where_it_is_final_and_at_last_where_it_isnt() {
    for (said, asked) in [("no such thing", 1), ("busy", 4)] {
        let clock = clock();
        let server = answering(&clock, move |_, _| reply(500, &[], said)).await;
        let get = Get {
            is_final: Some(says_so),
            ..small(&server.base)
        };
        let answer = net(&clock, &[&server.base]).get(&get).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (500, said.as_bytes()));
        assert_eq!(server.arrivals.all().len(), asked, "{said}");
    }
}

#[tokio::test]
async fn a_head_that_the_server_doesnt_know_is_not_repeated() {
    let server = answering(&clock(), |_, _| reply(501, &[], "")).await;
    let result = net(&clock(), &[&server.base]).head(&server.base).await;
    assert!(matches!(result, Err(NetError::Refused(_))), "{result:?}");
    assert_eq!(server.arrivals.all().len(), 1);
}

// When the server asks to wait.

#[tokio::test]
async fn a_limit_without_an_end_is_waited_for_a_minute_then_twice_as_long_up_to_a_quarter_of_an_hour() {
    let clock = clock();
    let server = answering(&clock, |number, _| match number {
        6 => reply(200, &[], "{}"),
        _ => reply(429, &[], ""),
    })
    .await;
    let net = net(&clock, &[&server.base]);
    for minutes in [1, 2, 4, 8, 15, 15, 0, 1] {
        let until = clock.now() + TimeDelta::minutes(minutes);
        let result = read(&net, &server.base).await;
        if minutes == 0 {
            result.unwrap();
            continue;
        }
        assert!(
            matches!(result, Err(NetError::Throttled { until: at, .. }) if at == until),
            "{minutes}: {result:?}"
        );
        clock.set(until);
    }
    assert_eq!(server.arrivals.all().len(), 8);
}

#[tokio::test]
async fn a_short_wait_is_waited_out() {
    let in_nine_seconds = (start() + TimeDelta::seconds(9)).to_rfc3339();
    let date = httpdate::fmt_http_date(start().into());
    let waits: [Vec<(&str, &str)>; 4] = [
        vec![("retry-after", "9")],
        vec![("retry-after", "Wed, 25 Nov 2026 10:00:09 GMT"), ("date", &date)],
        vec![("x-ratelimit-reset", &in_nine_seconds), ("date", &date)],
        vec![("x-ratelimit-reset", "1795600809"), ("date", &date)],
    ];
    for wait in waits {
        let clock = clock();
        let shown = format!("{wait:?}");
        let wait: Vec<(String, String)> = wait.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let server = answering(&clock, |_, _| reply(200, &[], "{}")).await;
        server
            .faults
            .next("GET", "/", 1, Fault::Answer(429, wait, String::new()));
        read(&net(&clock, &[&server.base]), &server.base).await.unwrap();
        let at = arrived(&server);
        let waited = at[1] - at[0];
        assert!(
            waited >= TimeDelta::seconds(9) && waited < TimeDelta::seconds(11),
            "{shown} {waited}"
        );
    }
}

#[tokio::test]
async fn a_long_wait_is_reported_and_nothing_is_asked_until_then() {
    let clock = clock();
    let server = answering(&clock, |number, _| match number {
        0 => reply(429, &[("retry-after", "300")], ""),
        _ => reply(200, &[], "{}"),
    })
    .await;
    let net = net(&clock, &[&server.base]);
    let until = start() + TimeDelta::seconds(300);
    for _ in 0..2 {
        let result = read(&net, &server.base).await;
        assert!(
            matches!(result, Err(NetError::Throttled { until: at, .. }) if at == until),
            "{result:?}"
        );
    }
    assert_eq!(net.throttled_until(&server.base, "api"), Some(until));
    assert_eq!(clock.now(), start());
    assert_eq!(server.arrivals.all().len(), 1);
    clock.advance(Duration::from_secs(300));
    read(&net, &server.base).await.unwrap();
}

#[tokio::test]
async fn a_server_that_only_asks_to_wait_is_reported_with_its_time() {
    let clock = clock();
    let server = answering(&clock, |_, _| reply(503, &[("retry-after", "10")], "")).await;
    let result = read(&net(&clock, &[&server.base]), &server.base).await;
    assert!(matches!(result, Err(NetError::Throttled { .. })), "{result:?}");
    assert_eq!(server.arrivals.all().len(), 4);
}

#[tokio::test]
async fn a_used_up_limit_holds_back_its_own_family_at_its_own_host() {
    let clock = clock();
    let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "15")];
    let server = answering(&clock, move |_, request| match request.uri().path() {
        "/api" => reply(200, &used_up, "{}"),
        _ => reply(
            200,
            &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "15")],
            "{}",
        ),
    })
    .await;
    let other = answering(&clock, |_, _| reply(200, &[], "{}")).await;
    let net = net(&clock, &[&server.base, &other.base]);
    let api = server.base.join("api").unwrap();
    let answer = read(&net, &api).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "what used it up is still an answer");

    let family = Get {
        family: "media",
        ..small(&server.base)
    };
    net.get(&family).await.unwrap();
    net.get(&family).await.unwrap();
    read(&net, &other.base).await.unwrap();
    assert_eq!(clock.now(), start());

    read(&net, &api).await.unwrap();
    assert!(clock.now() >= start() + TimeDelta::seconds(15));
}

// Odd servers.

#[tokio::test]
async fn an_old_server_is_understood() {
    let server = raw(async |number, mut wire| {
        wire.request().await;
        let head = match number {
            0 => "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n",
            1 => "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
            _ => "HTTP/1.0 200\r\nContent-Length: 5\r\n\r\n",
        };
        wire.say(head).await;
        wire.say("hello").await;
    })
    .await;
    let clock = clock();
    let net = net(&clock, &[&server.base]);
    for _ in 0..3 {
        assert_eq!(&read(&net, &server.base).await.unwrap().body[..], b"hello");
    }
    assert_eq!(clock.now(), start());
}

#[tokio::test]
async fn an_answer_shorter_than_announced_is_an_error_and_a_longer_one_ends_where_announced() {
    let server = raw(async |_, mut wire| {
        let short = wire.request().await.unwrap().contains("/short");
        let length = if short { 10 } else { 2 };
        wire.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello"))
            .await;
    })
    .await;
    let net = net(&clock(), &[&server.base]);
    let result = read(&net, &server.base.join("short").unwrap()).await;
    assert!(matches!(result, Err(NetError::Transient(_))), "{result:?}");
    for _ in 0..3 {
        let answer = read(&net, &server.base.join("long").unwrap()).await.unwrap();
        assert_eq!(&answer.body[..], b"he", "and what follows is never the next answer");
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    for answer in [
        "",
        "\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ] {
        let server = raw(move |_, mut wire| async move {
            wire.request().await;
            wire.say(answer).await;
        })
        .await;
        let result = read(&net(&clock(), &[&server.base]), &server.base).await;
        assert!(matches!(result, Err(NetError::Transient(_))), "{answer:?} {result:?}");
    }
}
