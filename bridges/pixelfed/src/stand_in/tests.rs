//! What the recordings do not show.

use std::io::Cursor;
use std::time::Duration;

use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage};
use reqwest::{Client, Method, multipart};
use serde_json::{Value, json};
use tombolo_model::TestClock;
use tombolo_net::stand_in::Fault;

use super::*;

const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";

struct Rig {
    photos: Pixelfed,
    clock: TestClock,
    client: Client,
    token: String,
}

async fn rig(options: Options) -> Rig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = TestClock::at(chrono::DateTime::from_timestamp(1_795_412_701, 0).expect("a date"));
    let options = Options {
        clock: Arc::new(clock.clone()),
        limits: options.limits.with_video(),
        ..options
    };
    let photos = Pixelfed::start(options).await.expect("a free port");
    let token = photos.add_account("alice");
    photos.set_active("alice", true);
    Rig {
        photos,
        clock,
        client: Client::new(),
        token,
    }
}

impl Rig {
    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self
            .client
            .request(method, address(self.photos.base(), path))
            .bearer_auth(&self.token)
            .header("accept", "application/json")
            .json(&body);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, json!({})).await
    }

    async fn upload(&self, bytes: Vec<u8>) -> String {
        let part = multipart::Part::bytes(bytes).file_name("x");
        let request = self
            .client
            .post(address(self.photos.base(), "/api/v2/media"))
            .bearer_auth(&self.token)
            .header("accept", "application/json")
            .multipart(multipart::Form::new().part("file", part));
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        answer["id"].as_str().expect("an upload succeeds").to_owned()
    }
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let image = DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([10, 200, 30])));
    let mut bytes = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .expect("writing to memory");
    bytes
}

/// A JPEG, left half dark, whose metadata says that it lies on its side.
fn lying_jpeg() -> Vec<u8> {
    let image = RgbImage::from_fn(64, 32, |x, _| if x < 32 { Rgb([0; 3]) } else { Rgb([255; 3]) });
    let mut bytes = Vec::new();
    DynamicImage::from(image)
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg)
        .expect("writing to memory");
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = u16::try_from(exif.len() + 2).expect("a short segment");
    let segment = [b"\xff\xe1".as_slice(), &length.to_be_bytes(), exif].concat();
    bytes.splice(2..2, segment);
    bytes
}

#[tokio::test]
async fn a_picture_is_turned_upright_and_loses_its_metadata() {
    let rig = rig(Options::default()).await;
    let bytes = lying_jpeg();
    rig.upload(bytes.clone()).await;
    let upload = rig.photos.uploads().pop().expect("an upload");
    assert_eq!((upload.bytes.as_ref(), upload.size), (bytes.as_slice(), Some((32, 64))));
    assert!(!upload.served.windows(4).any(|four| four == b"Exif"));
    let upright = image::load_from_memory(&upload.served).expect("a picture");
    assert!(upright.get_pixel(16, 4)[0] < 60 && upright.get_pixel(16, 60)[0] > 200);
    let served = rig.client.get(&upload.url).send().await.expect("an answer");
    assert_eq!(served.headers()["content-type"], "image/jpeg");
    assert_eq!(served.bytes().await.expect("a body"), upload.served);
}

#[tokio::test]
async fn without_optimisation_a_picture_stays_as_it_came() {
    let options = Options {
        optimize_images: false,
        ..Options::default()
    };
    let rig = rig(options).await;
    rig.upload(lying_jpeg()).await;
    let upload = rig.photos.uploads().pop().expect("an upload");
    assert_eq!(upload.served, upload.bytes);
}

#[tokio::test]
async fn media_that_nobody_uses_are_collected_after_two_hours() {
    let rig = rig(Options::default()).await;
    let id = rig.upload(png(8, 8)).await;
    rig.clock.advance(Duration::from_secs(2 * 3600 - 1));
    assert_eq!(rig.get(&format!("/api/v1/media/{id}")).await.0, 200);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.get(&format!("/api/v1/media/{id}")).await.0, 500);
    assert!(rig.photos.uploads().is_empty());
}

#[tokio::test]
async fn a_key_is_free_again_after_an_hour() {
    let rig = rig(Options::default()).await;
    let post = async |id: String| {
        let url = address(rig.photos.base(), "/api/v1/statuses");
        let request = rig
            .client
            .post(url)
            .bearer_auth(&rig.token)
            .header("idempotency-key", "k");
        let request = request.json(&json!({ "media_ids": [id] }));
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(post(rig.upload(png(8, 8)).await).await, 200);
    let second = rig.upload(png(8, 8)).await;
    assert_eq!(post(second.clone()).await, 400);
    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(post(second).await, 200);
    assert_eq!(rig.photos.statuses("alice").len(), 2);
}

#[tokio::test]
async fn a_mixed_album_exists_and_is_in_no_list() {
    let rig = rig(Options::default()).await;
    let ids = [rig.upload(png(8, 8)).await, rig.upload(MP4.to_vec()).await];
    let (status, made) = rig
        .ask(Method::POST, "/api/v1/statuses", json!({ "media_ids": ids }))
        .await;
    assert_eq!(status, 200);
    let account = rig.photos.account_id("alice").expect("alice is there");
    assert_eq!(
        rig.get(&format!("/api/v1/accounts/{account}/statuses")).await.1,
        json!([])
    );
    let id = made["id"].as_str().expect("an id");
    let native = rig.get(&format!("/api/v1/statuses/{id}?_pe=1")).await.1;
    assert_eq!(native["pf_type"], "photo:video:album");
}

#[tokio::test]
async fn half_a_failure_swallows_media_in_a_draft() {
    let rig = rig(Options::default()).await;
    let id = rig.upload(png(8, 8)).await;
    let body = json!({ "media_ids": [id, "999"] });
    assert_eq!(rig.ask(Method::POST, "/api/v1/statuses", body).await.0, 500);
    let again = rig
        .ask(Method::POST, "/api/v1/statuses", json!({ "media_ids": [id] }))
        .await;
    assert_eq!(again, (400, json!({ "error": "Invalid media_ids" })));
    let left: Vec<String> = rig
        .photos
        .statuses("alice")
        .into_iter()
        .map(|post| post.visibility)
        .collect();
    assert_eq!(left, ["draft"]);
}

#[tokio::test]
async fn later_versions_have_proper_statuses() {
    let rig = rig(Options::default()).await;
    rig.photos.set_errors(Errors::Proper);
    assert_eq!(rig.get("/api/v1/media/7").await.0, 404);
    let (status, wrong) = rig
        .ask(Method::POST, "/api/v1/statuses", json!({ "visibility": "x" }))
        .await;
    assert_eq!((status, wrong["errors"]["visibility"].is_array()), (422, true));
    let url = address(rig.photos.base(), "/api/v1/accounts/verify_credentials");
    let nobody = rig.client.get(&url).send().await.expect("an answer");
    assert_eq!(nobody.status(), 401);
    assert_eq!(nobody.json::<Value>().await.expect("JSON")["error"], "Unauthenticated.");
    rig.photos.set_limits(InstanceLimits {
        requests_a_minute: Some(1),
        ..InstanceLimits::default()
    });
    assert_eq!(rig.get("/api/v1/media/7").await.0, 404);
    assert_eq!(rig.get("/api/v1/media/7").await.0, 429);
}

#[tokio::test]
async fn an_expired_token_is_no_token() {
    let rig = rig(Options::default()).await;
    rig.photos.expire(&rig.token);
    let answer = rig.get("/api/v1/accounts/verify_credentials").await;
    assert_eq!(answer, (500, json!({ "error": "Unauthenticated." })));
}

#[tokio::test]
async fn a_walk_by_cursor_skips_posts_of_the_same_second() {
    let rig = rig(Options::default()).await;
    for number in 0..5 {
        let media = vec![NewMedia::new(png(8, 8), "green")];
        let post = NewPost {
            text: number.to_string(),
            media,
            ..NewPost::default()
        };
        rig.photos.post("alice", post).expect("alice is there");
        if number % 3 == 2 {
            rig.clock.advance(Duration::from_secs(1));
        }
    }
    let account = rig.photos.account_id("alice").expect("alice is there");
    let url = address(
        rig.photos.base(),
        &format!("/api/pixelfed/v1/accounts/{account}/statuses?limit=3"),
    );
    let first = rig.client.get(url).send().await.expect("an answer");
    let link = first.headers()["link"].to_str().expect("text").to_owned();
    let older = link.split(['<', '>']).nth(1).expect("an address").to_owned();
    let texts = |page: &Value| -> Vec<String> {
        let posts = page.as_array().into_iter().flatten();
        posts
            .filter_map(|post| post["content_text"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(texts(&first.json().await.expect("JSON")), ["3", "4", "0"]);
    let second = rig.client.get(older).send().await.expect("an answer");
    assert!(texts(&second.json().await.expect("JSON")).is_empty());
}

#[tokio::test]
async fn what_was_posted_elsewhere_can_be_read_and_deleted() {
    let rig = rig(Options::default()).await;
    let at = chrono::DateTime::from_timestamp(1_700_000_000, 0);
    let media = vec![NewMedia::new(png(8, 8), "a green square"), NewMedia::new(png(9, 8), "")];
    let post = NewPost {
        text: "Two squares #green".into(),
        media,
        visibility: "unlisted".into(),
        sensitive: true,
        spoiler_text: Some("green".into()),
        at,
        ..NewPost::default()
    };
    let posted = rig.photos.post("alice", post).expect("alice is there");
    let path = format!("/api/v1/statuses/{}?_pe=1", posted.id);
    let native = rig.get(&path).await.1;
    assert_eq!(
        (&native["pf_type"], &native["spoiler_text"]),
        (&json!("photo:album"), &json!("green"))
    );
    assert_eq!(native["created_at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(native["tags"][0]["name"], "green");
    assert_eq!(native["media_attachments"][0]["description"], "a green square");
    assert!(rig.photos.edit(&posted.id, "Three squares"));
    assert_eq!(rig.get(&path).await.1["content_text"], "Three squares");
    assert!(rig.photos.delete_status(&posted.id));
    assert_eq!(rig.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_cut_connection_leaves_the_post() {
    let rig = rig(Options::default()).await;
    let id = rig.upload(png(8, 8)).await;
    rig.photos.faults().next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    let url = address(rig.photos.base(), "/api/v1/statuses");
    let request = rig
        .client
        .post(url)
        .bearer_auth(&rig.token)
        .json(&json!({ "media_ids": [id] }));
    assert!(request.send().await.is_err());
    assert_eq!(rig.photos.statuses("alice").len(), 1);
    assert_eq!(rig.photos.arrivals().count("POST", "/api/v1/statuses"), 1);
}

#[tokio::test]
async fn until_the_queue_has_run_a_file_is_as_it_came() {
    let options = Options {
        queue_delay: chrono::Duration::seconds(5),
        ..Options::default()
    };
    let rig = rig(options).await;
    let id = rig.upload(lying_jpeg()).await;
    let upload = rig.photos.uploads().pop().expect("an upload");
    let served = async || {
        let answer = rig.client.get(&upload.url).send().await.expect("an answer");
        answer.bytes().await.expect("a body")
    };
    assert_eq!(served().await, upload.bytes);
    assert!(rig.get(&format!("/api/v1/media/{id}")).await.1.get("meta").is_none());
    rig.clock.advance(Duration::from_secs(5));
    assert_eq!(served().await, upload.served);
    let medium = rig.get(&format!("/api/v1/media/{id}")).await.1;
    assert_eq!(medium["meta"]["original"]["size"], "32x64");
    let thumbnail = medium["preview_url"].as_str().expect("an address");
    let thumbnail = rig.client.get(thumbnail).send().await.expect("an answer");
    let square = image::load_from_memory(&thumbnail.bytes().await.expect("a body")).expect("a picture");
    assert_eq!((square.width(), square.height()), (32, 32));
}

#[tokio::test]
async fn a_code_is_good_for_whoever_knows_the_verifier_and_a_refresh_ends_the_old_token() {
    let rig = rig(Options::default()).await;
    let cookie = rig.photos.log_in("alice").expect("alice is there");
    let post = async |path: &str, form: &[(&str, &str)]| -> Value {
        let request = rig
            .client
            .post(address(rig.photos.base(), path))
            .header("cookie", &cookie);
        let answer = request.form(form).send().await.expect("an answer");
        answer.json().await.unwrap_or_default()
    };
    let oob = "urn:ietf:wg:oauth:2.0:oob";
    let app = post("/api/v1/apps", &[("client_name", "tombolo"), ("redirect_uris", oob)]).await;
    let (id, secret) = (
        app["client_id"].as_str().expect("an id"),
        app["client_secret"].as_str().expect("a secret"),
    );
    // The verifier and its challenge are the example of RFC 7636.
    let page = format!(
        "/oauth/authorize?client_id={id}&redirect_uri={oob}&response_type=code&scope=read+write&\
         code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let page = rig
        .client
        .get(address(rig.photos.base(), &page))
        .header("cookie", &cookie);
    assert_eq!(page.send().await.expect("an answer").status(), 200);
    let code = post("/oauth/authorize", &[]).await["code"].clone();
    let client = [("client_id", id), ("client_secret", secret), ("redirect_uri", oob)];
    let with = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let all = client.iter().chain(more);
        all.map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let grant = async |more: &[(&'static str, &str)]| -> Value {
        let form = with(more);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post("/oauth/token", &form).await
    };
    let pair = grant(&[
        ("grant_type", "authorization_code"),
        ("code", code.as_str().expect("a code")),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ])
    .await;
    let refresh = pair["refresh_token"].as_str().expect("a refresh token");
    let renewed = grant(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    let verify = async |token: &Value| {
        let url = address(rig.photos.base(), "/api/v1/accounts/verify_credentials");
        let request = rig.client.get(url).bearer_auth(token.as_str().expect("a token"));
        let answer = request.header("accept", "application/json").send().await;
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(verify(&pair["access_token"]).await, 500);
    assert_eq!(verify(&renewed["access_token"]).await, 200);
    let again = grant(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(again["error_description"], "The refresh token is invalid.");
}
