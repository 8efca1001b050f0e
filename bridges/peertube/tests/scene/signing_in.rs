//! Sessions: how they begin, go on and end.

use std::time::Duration;

use super::{Given, Scene, recorded};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn tokens(given: &Given) -> (String, String) {
    let body = given.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (format!("Bearer {}", text("access_token")), text("refresh_token"))
}

#[tokio::test]
async fn sessions_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.replay("001").await;
    let password = scene.tube.password("alice");
    let given = scene.replay_with("003", &[], &[("password", &password)], &[]).await;
    let recording = recorded("003");
    for name in ["token_type", "expires_in", "refresh_token_expires_in"] {
        assert_eq!(given.json()[name], recording.response.body[name], "{name}");
    }
    let (access, refresh) = tokens(&given);
    scene.replay_with("004", &[], &[("password", "wrong")], &[]).await;
    scene.replay_with("005", &[], &[("password", &password)], &[]).await;
    scene.replay_with("006", &[], &[("password", &password)], &[]).await;
    let by_refresh = [("refresh_token", refresh.as_str())];
    let (newer, _) = tokens(&scene.replay_with("007", &[], &by_refresh, &[]).await);
    scene.replay_as("008", &[("authorization", &access)], &[]).await;
    scene.replay_with("009", &[], &by_refresh, &[]).await;
    for number in ["010", "011"] {
        scene.replay(number).await;
    }
    scene.replay_as("012", &[("authorization", &newer)], &[]).await;
    scene.replay_as("013", &[("authorization", &newer)], &[]).await;
    let other = scene.replay_with("003", &[], &[("password", &password)], &[]).await;
    scene.replay_as("015", &[("authorization", &newer)], &[]).await;
    scene.replay_as("008", &[("authorization", &newer)], &[]).await;
    scene
        .replay_as("012", &[("authorization", &tokens(&other).0)], &[])
        .await;
}

#[tokio::test]
async fn a_second_factor_is_asked_for_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.tube.add_account("otpuser");
    scene.tube.set_second_factor("otpuser", Some("123456"));
    let password = scene.tube.password("otpuser");
    let form = [("password", password.as_str())];
    scene.replay_with("301", &[], &form, &[]).await;
    scene
        .replay_with("302", &[("x-peertube-otp", "000000")], &form, &[])
        .await;
    let given = scene
        .replay_with("303", &[("x-peertube-otp", "123456")], &form, &[])
        .await;
    let refresh = tokens(&given).1;
    scene.replay_with("304", &[], &[("refresh_token", &refresh)], &[]).await;
}

#[tokio::test]
async fn tokens_run_out_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let password = scene.tube.password("alice");
    let given = scene.replay_with("003", &[], &[("password", &password)], &[]).await;
    let (access, refresh) = tokens(&given);
    scene.clock.advance(DAY);
    scene.replay_as("305", &[("authorization", &access)], &[]).await;
    scene.replay_as("306", &[("authorization", &access)], &[]).await;
    let given = scene.replay_with("307", &[], &[("refresh_token", &refresh)], &[]).await;
    let refresh = tokens(&given).1;
    scene.clock.advance(14 * DAY);
    scene.replay_with("308", &[], &[("refresh_token", &refresh)], &[]).await;
}

#[tokio::test]
async fn signing_in_too_often_is_refused_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let form = [("password", "wrong")];
    scene.replay_with("322", &[], &form, &[]).await;
    for _ in 0..14 {
        scene.replay_with("322", &[], &form, &[]).await;
    }
    let given = scene.replay_with("323", &[], &form, &[]).await;
    assert_eq!(given.headers["x-ratelimit-limit"], "15");
    scene.clock.advance(Duration::from_secs(300));
    scene.replay_with("322", &[], &form, &[]).await;
}
