//! Signing in, renewing, and what is said when neither works.

use std::time::Duration;

use futures_util::future::join_all;
use tombolo_model::{Destination, DestinationError};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::Grant;

use crate::rig::{Rig, TOKEN, created, draft, film};

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[track_caller]
fn lost<T: std::fmt::Debug>(result: Result<T, DestinationError>) -> String {
    match result {
        Err(DestinationError::AuthLost(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_signs_in_once_and_the_pair_is_kept() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    destination.limits().await.expect("signed in");
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), 1);
    let sessions = rig.tube.sessions();
    assert_eq!(rig.store.access().as_ref(), Some(&sessions[0].access_token));
    // The next process goes on with it.
    rig.destination().identity().await.expect("signed in");
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), 1);
}

#[tokio::test]
async fn a_token_is_renewed_at_half_of_its_life_before_it_is_used() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(hours(11));
    destination.identity().await.expect("signed in");
    assert_eq!(rig.tube.sessions().len(), 1);
    rig.clock.advance(hours(2));
    destination.identity().await.expect("signed in");
    let sessions = rig.tube.sessions();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[1].grant, Grant::Refresh);
    assert_eq!(rig.store.access().as_ref(), Some(&sessions[1].access_token));
    // No request ever met a refusal.
    let refused = rig
        .tube
        .arrivals()
        .all()
        .iter()
        .filter(|a| a.path() == "/api/v1/users/me")
        .count();
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn a_short_life_is_renewed_at_its_half_too() {
    let rig = Rig::start().await;
    rig.tube
        .set(|settings| settings.access_token = Duration::from_secs(600));
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(Duration::from_secs(200));
    destination.identity().await.expect("signed in");
    assert_eq!(rig.tube.sessions().len(), 1);
    rig.clock.advance(Duration::from_secs(101));
    destination.identity().await.expect("signed in");
    assert_eq!(rig.tube.sessions().len(), 2);
}

#[tokio::test]
async fn many_callers_share_one_renewal() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.tube.expire_access_tokens();
    let all = join_all((0..10).map(|_| destination.identity())).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), 2);
}

#[tokio::test]
async fn a_pair_that_cannot_be_kept_is_not_used() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(hours(25));
    *rig.store.failures.lock().expect("no panic") = 1;
    let before = rig.tube.arrivals().count("GET", "/api/v1/users/me");
    match destination.identity().await {
        Err(DestinationError::Transient(reason)) => assert!(reason.contains("the disk is full"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.tube.arrivals().count("GET", "/api/v1/users/me"), before);
    // It is kept as soon as that works, and used then.
    destination.identity().await.expect("signed in");
    assert_eq!(rig.tube.sessions().len(), 2);
}

#[tokio::test]
async fn a_crash_between_answer_and_note_costs_a_password_and_nothing_else() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(hours(13));
    *rig.store.failures.lock().expect("no panic") = u32::MAX;
    destination.identity().await.expect_err("nothing can be kept");
    drop(destination);
    *rig.store.failures.lock().expect("no panic") = 0;
    rig.destination().identity().await.expect("signed in anew");
    let sessions = rig.tube.sessions();
    assert_eq!(sessions.last().expect("a session").grant, Grant::Password);
}

#[tokio::test]
async fn a_lost_answer_to_a_renewal_is_no_lost_account() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(hours(13));
    rig.tube.faults().next("POST", TOKEN, 1, Fault::CutAfter);
    destination.identity().await.expect("signed in anew");
    // Where there is no password, that is the end of it.
    *rig.store.password.lock().expect("no panic") = None;
    rig.clock.advance(hours(13));
    rig.tube.faults().next("POST", TOKEN, 1, Fault::CutAfter);
    let reason = lost(destination.identity().await);
    assert!(reason.contains("sign-in") && reason.contains("no password"), "{reason}");
}

#[tokio::test]
async fn a_renewal_that_never_left_is_tried_again_while_the_old_token_lives() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(hours(13));
    rig.tube
        .faults()
        .next("POST", TOKEN, 2, Fault::Answer(502, vec![], "Bad gateway".into()));
    destination.identity().await.expect("the old one still works");
    destination.identity().await.expect("renewed");
    assert_eq!(rig.tube.sessions().len(), 2);
}

#[tokio::test]
async fn a_broken_chain_is_begun_anew_with_the_password_in_the_middle_of_work() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.tube.end_sessions();
    destination.identity().await.expect("signed in anew");
    rig.tube.end_sessions();
    let (outcome, _) = rig.publish(&draft(&film(100_000, 1))).await;
    created(outcome);
    rig.only();
}

#[tokio::test]
async fn a_wrong_password_is_refused_once_and_never_repeated_or_tried_again() {
    let rig = Rig::start().await;
    rig.tube.set_password("alice", "another");
    let destination = rig.destination();
    let reason = lost(destination.identity().await);
    assert!(reason.contains("the password for alice was refused"), "{reason}");
    assert!(!reason.contains("alice-password"), "{reason}");
    assert_eq!(lost(destination.identity().await), reason);
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), 1);
    // A corrected one is.
    *rig.store.password.lock().expect("no panic") = Some(("alice".into(), "another".into()));
    destination.identity().await.expect("signed in");
}

#[tokio::test]
async fn two_factors_need_a_person_but_renewals_do_not() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.tube.set_second_factor("alice", Some("123456"));
    rig.clock.advance(hours(13));
    destination.identity().await.expect("renewed without a code");
    rig.tube.end_sessions();
    let reason = lost(destination.identity().await);
    assert!(reason.contains("two-factor authentication"), "{reason}");
    let asked = rig.tube.arrivals().count("POST", TOKEN);
    lost(destination.identity().await);
    // The old refresh token isn't tried again either.
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), asked);
}

#[tokio::test]
async fn a_client_that_is_no_longer_known_is_fetched_again() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    rig.clock.advance(hours(13));
    let unknown = r#"{"type":"about:blank","status":400,"code":"invalid_client","detail":"Invalid client"}"#;
    let kind = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    rig.tube
        .faults()
        .next("POST", TOKEN, 1, Fault::Answer(400, kind, unknown.into()));
    destination.identity().await.expect("renewed");
    assert_eq!(rig.tube.arrivals().count("GET", "/api/v1/oauth-clients/local"), 2);
    assert_eq!(rig.tube.sessions().len(), 2);
}

#[tokio::test]
async fn what_refuses_every_token_is_given_up_within_the_servers_limit() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    let refused = r#"{"type":"x#section/Errors/invalid_token","status":401,"code":"invalid_token"}"#;
    let kind = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    rig.tube.faults().next(
        "GET",
        "/api/v1/users/me",
        u32::MAX,
        Fault::Answer(401, kind, refused.into()),
    );
    let reason = lost(destination.identity().await);
    assert!(reason.contains("needs a new sign-in"), "{reason}");
    let mut last = None;
    for _ in 0..20 {
        last = destination.identity().await.err();
    }
    assert!(matches!(last, Some(DestinationError::Throttled { .. })), "{last:?}");
    assert!(rig.tube.arrivals().count("POST", TOKEN) <= 15);
}

#[tokio::test]
async fn without_token_and_password_it_says_what_is_missing() {
    let rig = Rig::start().await;
    *rig.store.password.lock().expect("no panic") = None;
    let reason = lost(rig.destination().identity().await);
    assert!(reason.contains("neither a token nor a password"), "{reason}");
}

#[tokio::test]
async fn another_process_that_renewed_first_is_followed() {
    let rig = Rig::start().await;
    let (one, other) = (rig.destination(), rig.destination());
    one.identity().await.expect("signed in");
    other.identity().await.expect("signed in");
    rig.clock.advance(hours(13));
    one.identity().await.expect("renewed");
    other.identity().await.expect("the same pair");
    let sessions = rig.tube.sessions();
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|s| s.grant != Grant::Test));
}

#[tokio::test]
async fn a_renewal_whose_caller_went_away_is_kept() {
    let rig = Rig::start().await;
    let destination = rig.destination();
    destination.identity().await.expect("signed in");
    *rig.store.password.lock().expect("no panic") = None;
    rig.clock.advance(hours(13));
    let old = rig.store.access();
    // The caller goes as soon as the renewal has arrived.
    tokio::select! {
        biased;
        () = async {
            while rig.tube.arrivals().count("POST", TOKEN) < 2 {
                tokio::task::yield_now().await;
            }
        } => {}
        _ = destination.identity() => panic!("the renewal came later than its use"),
    }
    while rig.store.access() == old {
        tokio::task::yield_now().await;
    }
    destination.identity().await.expect("the new pair works");
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), 2);
}
