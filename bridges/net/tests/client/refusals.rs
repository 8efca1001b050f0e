//! What is never reached for, and what never leaves.

use std::sync::Arc;

use reqwest::StatusCode;
use secrecy::SecretString;
use tombolo_model::SystemClock;
use tombolo_net::stand_in::Fault;
use tombolo_net::{Get, Net, NetError, SendError, SystemEntropy, WriteBody};
use url::Url;

use crate::rig::{SECRET, answering, clock, config, net, net_within, post, raw, reply, token, within};

fn guarded(allow: &[&str], plain_http: &[&Url]) -> Net {
    Net::new(
        config(allow, plain_http),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    )
    .unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, NetError>) -> String {
    match result {
        Err(NetError::Refused(message)) => message,
        other => panic!("not refused: {other:?}"),
    }
}

/// All four ways out, to one address.
async fn all_are_refused(net: &Net, url: &Url) {
    refused(net.get(&Get::json(url.clone())).await);
    refused(net.get(&Get::json(url.clone()).bearer(&token())).await);
    refused(net.head(url).await);
    refused(net.download(url, None).await.map(|_| ()));
    refused(net.download(url, Some(&token())).await.map(|_| ()));
    let sent = net.send(post(url.clone(), &token())).await;
    assert!(matches!(sent, Err(SendError::NotSent(_))), "{sent:?}");
}

#[tokio::test]
async fn loopback_is_refused_in_every_spelling_and_by_every_way_out() {
    let server = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
    ] {
        let url: Url = format!("http://{host}:{}/x", server.address.port()).parse().unwrap();
        all_are_refused(&guarded(&["10.0.0.0/8"], &[&url]), &url).await;
    }
    assert_eq!(server.arrivals.all().len(), 0);
}

#[tokio::test]
async fn a_name_leads_where_its_network_is_allowed() {
    let server = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let url: Url = format!("http://localhost:{}/", server.address.port()).parse().unwrap();
    let answer = guarded(&["127.0.0.0/8"], &[&url]).get(&Get::json(url)).await.unwrap();
    assert_eq!(&answer.body[..], b"reached");
}

#[tokio::test]
async fn plain_http_other_schemes_and_user_names_are_refused() {
    let server = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let net = guarded(&["127.0.0.0/8"], &[]);
    all_are_refused(&net, &server.base).await;
    let net = guarded(&["127.0.0.0/8"], &[&server.base]);
    let port = server.address.port();
    for url in [
        format!("http://me@127.0.0.1:{port}/"),
        format!("http://me:pw@127.0.0.1:{port}/"),
        format!("http://:pw@127.0.0.1:{port}/"),
        format!("ftp://127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "data:application/json,{}".to_owned(),
    ] {
        all_are_refused(&net, &url.parse().unwrap()).await;
    }
    assert_eq!(server.arrivals.all().len(), 0);
}

#[tokio::test]
async fn a_redirect_to_what_is_refused_is_refused_at_once() {
    let inner = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let elsewhere: Url = format!("http://127.0.0.2:{}/", inner.address.port()).parse().unwrap();
    let port = inner.address.port();
    let targets = [
        elsewhere.to_string(),
        "https://10.0.0.1/".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/".to_owned(),
        "https://[::ffff:10.0.0.1]/".to_owned(),
        "https://0xa000001/".to_owned(),
        "//10.0.0.1/".to_owned(),
        // Plain http to an origin that isn't configured.
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        "https://me:pw@video.example/".to_owned(),
        "ftp://video.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "javascript:alert(1)".to_owned(),
        "data:application/json,{}".to_owned(),
        "https://".to_owned(),
    ];
    let count = targets.len();
    // The path says which status, and which target.
    let server = answering(&clock(), move |_, request| {
        let (status, target) = request.uri().path()[1..].split_once('/').unwrap();
        let target = &targets[target.parse::<usize>().unwrap()];
        reply(status.parse().unwrap(), &[("location", target)], "")
    })
    .await;
    let net = guarded(&["127.0.0.1/32"], &[&server.base, &elsewhere]);
    for target in 0..count {
        for status in [301, 302, 303, 307, 308] {
            let url = server.base.join(&format!("{status}/{target}")).unwrap();
            refused(net.get(&Get::json(url)).await);
        }
        let url = server.base.join(&format!("302/{target}")).unwrap();
        refused(net.head(&url).await);
        refused(net.download(&url, None).await.map(|_| ()));
    }
    assert_eq!(server.arrivals.all().len(), count * 7, "none was tried again");
    assert_eq!(inner.arrivals.all().len(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_name_that_leads_to_a_private_address_is_refused() {
    let inner = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let by_name: Url = format!("http://localhost:{}/", inner.address.port()).parse().unwrap();
    let location = by_name.to_string();
    let server = answering(&clock(), move |_, _| reply(302, &[("location", &location)], "")).await;
    // The same server by another loopback address, so that the name's address isn't allowed.
    let proxy = raw_forwarder(server.address.port()).await;
    let net = guarded(&["127.0.0.2/32"], &[&proxy, &by_name]);
    refused(net.get(&Get::json(proxy)).await);
    assert_eq!(server.arrivals.all().len(), 1);
    assert_eq!(inner.arrivals.all().len(), 0);
}

/// 127.0.0.2 leads to what listens on 127.0.0.1.
async fn raw_forwarder(port: u16) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    url
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_refused() {
    let server = answering(&clock(), |_, request| {
        let left: u32 = request.uri().path()[1..].parse().unwrap();
        match left {
            0 => reply(200, &[], "arrived"),
            _ => reply(302, &[("location", &format!("/{}", left - 1))], ""),
        }
    })
    .await;
    let net = net(&clock(), &[&server.base]);
    let answer = net.get(&Get::json(server.base.join("3").unwrap())).await.unwrap();
    assert_eq!(&answer.body[..], b"arrived");
    assert_eq!(answer.url.path(), "/0");
    server.arrivals.clear();
    let message = refused(net.get(&Get::json(server.base.join("4").unwrap())).await);
    assert!(message.contains("more than 3 times"), "{message}");
    assert_eq!(server.arrivals.all().len(), 4);
}

#[tokio::test]
async fn a_request_with_a_token_follows_no_redirect() {
    let other = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let location = other.base.to_string();
    let server = answering(&clock(), move |_, _| reply(307, &[("location", &location)], "moved")).await;
    let net = net(&clock(), &[&server.base, &other.base]);
    let token = token();
    let answer = net.get(&Get::json(server.base.clone()).bearer(&token)).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    let (status, _) = net.download(&server.base, Some(&token)).await.unwrap();
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    let answer = net.send(post(server.base.clone(), &token)).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(other.arrivals.all().len(), 0);
    for arrival in server.arrivals.all() {
        assert_eq!(arrival.header("authorization"), Some("Bearer s3cret"));
    }
}

#[tokio::test]
async fn a_redirect_that_is_followed_carries_no_token_nor_says_where_it_came_from() {
    let other = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let location = other.base.to_string();
    let server = answering(&clock(), move |_, _| reply(302, &[("location", &location)], "")).await;
    let net = net(&clock(), &[&server.base, &other.base]);
    net.get(&Get::json(server.base.clone())).await.unwrap();
    let arrival = &other.arrivals.all()[0];
    assert_eq!(arrival.header("authorization"), None);
    assert_eq!(arrival.header("referer"), None);
    assert_eq!(arrival.header("user-agent"), Some("tombolo-test"));
}

#[tokio::test]
async fn no_message_shows_a_query_or_a_token() {
    let clock = clock();
    let server = answering(&clock, |_, request| match request.uri().path() {
        "/large" => reply(200, &[], vec![b' '; 5 << 20]),
        "/busy" => reply(429, &[("retry-after", "3600")], ""),
        "/broken" => reply(500, &[], ""),
        "/down" => reply(302, &[("location", "http://10.0.0.1/?t=s3cret")], ""),
        "/away" => reply(302, &[("location", "ftp://a.example/?t=s3cret")], ""),
        "/nowhere" => reply(302, &[("location", "data:s3cret")], ""),
        "/round" => reply(302, &[("location", "/round?t=s3cret")], ""),
        "/gzip" => reply(200, &[("content-encoding", "gzip")], "no gzip"),
        _ => reply(200, &[("content-encoding", "br")], "odd"),
    })
    .await;
    for (path, fault) in [
        ("/cut", Fault::CutBefore),
        ("/half", Fault::CutHalfway),
        ("/hang", Fault::Hang),
    ] {
        server.faults.next("", path, u32::MAX, fault);
    }
    let garbage = raw(async |_, mut wire| {
        wire.request().await;
        wire.say("SSH-2.0-OpenSSH\r\n").await;
    })
    .await;
    let nobody: Url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
    };
    let net = net_within(within(20), &clock, &[&server.base, &garbage.base, &nobody]);
    let token = token();
    let mut urls: Vec<Url> = [&garbage.base, &nobody]
        .map(|base| base.join("/x?t=s3cret").unwrap())
        .into();
    urls.push("http://video.example/?t=s3cret".parse().unwrap());
    urls.push("https://me:s3cret@video.example/?t=s3cret".parse().unwrap());
    urls.push("https://nobody.invalid/?t=s3cret#s3cret".parse().unwrap());
    for path in [
        "large", "broken", "down", "away", "nowhere", "round", "gzip", "cut", "half", "hang", "busy", "odd",
    ] {
        urls.push(server.base.join(&format!("{path}?t=s3cret")).unwrap());
    }
    let mut messages = Vec::new();
    for url in urls {
        let get = Get::json(url.clone());
        messages.extend(net.get(&get).await.err().map(|e| format!("{e} {e:?}")));
        messages.extend(net.get(&get.bearer(&token)).await.err().map(|e| format!("{e} {e:?}")));
        messages.extend(net.head(&url).await.err().map(|e| e.to_string()));
        messages.extend(
            net.send(post(url.clone(), &token))
                .await
                .err()
                .map(|e| format!("{e} {e:?}")),
        );
        match net.download(&url, None).await {
            Ok((_, file)) => messages.extend(crate::rig::drain(file.stream).await.1),
            Err(e) => messages.push(e.to_string()),
        }
    }
    assert!(messages.len() > 50, "{messages:#?}");
    for message in messages {
        assert!(!message.contains(SECRET), "{message}");
    }
    assert!(!format!("{:?}", Get::json(server.base.clone()).bearer(&token)).contains(SECRET));
}

#[tokio::test]
async fn nothing_can_be_slipped_in_between_headers() {
    let server = answering(&clock(), |_, _| reply(200, &[], "reached")).await;
    let net = net(&clock(), &[&server.base]);
    let evil = "x\r\nX-Evil: 1";
    let evil_token = SecretString::from(evil);
    let plain = || Get::json(server.base.clone());
    refused(
        net.get(&Get {
            accept: evil,
            ..plain()
        })
        .await,
    );
    refused(
        net.get(&Get {
            if_none_match: Some(evil),
            ..plain()
        })
        .await,
    );
    refused(net.get(&plain().bearer(&evil_token)).await);
    refused(net.download(&server.base, Some(&evil_token)).await.map(|_| ()));
    let good_token = token();
    let mut with_header = post(server.base.clone(), &good_token);
    with_header.headers.push(("idempotency-key", evil.to_owned()));
    let mut sent = vec![net.send(with_header).await];
    sent.push(net.send(post(server.base.clone(), &evil_token)).await);
    for result in sent {
        assert!(matches!(result, Err(SendError::NotSent(_))), "{result:?}");
    }
    assert_eq!(server.arrivals.all().len(), 0);

    // In an address it is a part of the path.
    let url = server.base.join("/a\r\nX-Evil: 1\r\n\r\nGET /b").unwrap();
    net.get(&Get::json(url)).await.unwrap();
    let mut put = post(server.base.join("/c%0d%0aX-Evil:%201").unwrap(), &good_token);
    put.body = WriteBody::Empty;
    net.send(put).await.unwrap();
    for arrival in server.arrivals.all() {
        assert_eq!(arrival.header("x-evil"), None);
    }
    assert_eq!(server.arrivals.all().len(), 2);
}
