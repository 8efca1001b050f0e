//! Asking for tokens: the instance's own client, one grant at a time, and never more often than it allows.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tombolo_model::{Origin, TokenPair, number_of};
use tombolo_net::{Get, Net, SendError, SendForm, rate_limit_reset, retry_after};
use url::Url;

use crate::caller::{address, destination_error};
use crate::session::NoToken;
use crate::wire::Problem;

/// Most token requests of ours within [`COUNTED`]; the instance allows 15, refreshes included (contract peertube §8).
const MOST: usize = 12;
const COUNTED: TimeDelta = TimeDelta::minutes(5);
/// A wait that the server named no end of.
const UNNAMED_WAIT: TimeDelta = TimeDelta::minutes(5);
/// Longest lifetime of a token that is believed, in seconds: ten years.
const LONGEST_LIFE: f64 = 315_360_000.0;

/// How a token request failed.
pub(crate) enum Failed {
    /// Refused: it had no effect, and would be refused again.
    Refused(Problem),
    /// Nobody knows what became of it.
    Unknown(String),
    /// It had no effect, and may work later.
    No(NoToken),
}

/// Where tokens are asked for.
#[derive(Default)]
pub(crate) struct Desk {
    /// Id and secret of the instance's own client (contract peertube §2.1).
    client: Option<(String, SecretString)>,
    /// When we asked for tokens lately.
    asked: VecDeque<DateTime<Utc>>,
}

impl Desk {
    /// One grant, with the instance's client; that is fetched again where it isn't known any more (contract peertube §2.1).
    ///
    /// `secret` is what the fields carry: a message that repeats it is cleaned of it.
    pub(crate) async fn ask(
        &mut self,
        net: &Net,
        instance: &Url,
        fields: &[(&str, &str)],
        secret: &SecretString,
    ) -> Result<TokenPair, Failed> {
        let mut fresh = false;
        loop {
            let (id, client_secret) = match &self.client {
                Some(client) => client.clone(),
                None => {
                    fresh = true;
                    let client = fetch_client(net, instance).await.map_err(Failed::No)?;
                    self.client.insert(client).clone()
                }
            };
            let mut all = vec![
                ("client_id", id.as_str()),
                ("client_secret", client_secret.expose_secret()),
            ];
            all.extend_from_slice(fields);
            match self.once(net, instance, &all, secret).await {
                Err(Failed::Refused(problem)) if problem.has_code("invalid_client") && !fresh => self.client = None,
                other => return other,
            }
        }
    }

    async fn once(
        &mut self,
        net: &Net,
        instance: &Url,
        fields: &[(&str, &str)],
        secret: &SecretString,
    ) -> Result<TokenPair, Failed> {
        let clock = net.clock();
        let now = clock.now();
        let url = address(instance, &["api", "v1", "users", "token"]).map_err(|e| Failed::No(e.into()))?;
        self.asked.retain(|at| *at + COUNTED > now);
        let full = self
            .asked
            .front()
            .filter(|_| self.asked.len() >= MOST)
            .map(|first| *first + COUNTED);
        if let Some(until) = net.throttled_until(&url, "token").max(full) {
            let what = format!("signing in at {}", Origin::of(instance));
            return Err(Failed::No(NoToken::Throttled { what, until }));
        }
        self.asked.push_back(now);
        let sent = net
            .send_form(SendForm {
                url,
                headers: Vec::new(),
                fields,
                family: "token",
            })
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(SendError::NotSent(reason)) => return Err(Failed::No(NoToken::Later(reason))),
            Err(SendError::Unknown(reason)) => return Err(Failed::Unknown(reason)),
        };
        let problem = Problem::of(&answer);
        match problem.status {
            200 => answer
                .json()
                .ok()
                .and_then(|body| pair_of(&body, clock.now()))
                .ok_or_else(|| {
                    Failed::Unknown(format!(
                        "{} answered a sign-in with something else than tokens",
                        Origin::of(instance)
                    ))
                }),
            429 => {
                let until = retry_after(&answer.headers, now)
                    .or_else(|| rate_limit_reset(&answer.headers, now))
                    .unwrap_or(now + UNNAMED_WAIT);
                let what = format!("signing in at {}", Origin::of(instance));
                Err(Failed::No(NoToken::Throttled { what, until }))
            }
            400..=499 if problem.by_peertube => Err(Failed::Refused(problem)),
            400..=499 => Err(Failed::No(NoToken::Later(without(&problem.to_string(), secret)))),
            _ => Err(Failed::Unknown(without(&problem.to_string(), secret))),
        }
    }
}

async fn fetch_client(net: &Net, instance: &Url) -> Result<(String, SecretString), NoToken> {
    let url = address(instance, &["api", "v1", "oauth-clients", "local"])?;
    let answer = net.get(&Get::json(url)).await.map_err(destination_error)?;
    let body: Value = answer.json().unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    match (answer.status.as_u16(), text("client_id"), text("client_secret")) {
        (200, Some(id), Some(secret)) => Ok((id.to_owned(), SecretString::from(secret))),
        (status, ..) => Err(NoToken::Later(format!(
            "{} doesn't tell how to sign in (status {status} at /api/v1/oauth-clients/local); is it a PeerTube instance?",
            Origin::of(instance)
        ))),
    }
}

fn pair_of(body: &Value, now: DateTime<Utc>) -> Option<TokenPair> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let end = |key: &str| {
        let seconds = body
            .get(key)
            .and_then(number_of)
            .filter(|s| (0.0..=LONGEST_LIFE).contains(s))?;
        #[allow(clippy::cast_possible_truncation)] // bounded above
        Some(now + TimeDelta::seconds(seconds as i64))
    };
    Some(TokenPair {
        access: SecretString::from(text("access_token")?),
        refresh: text("refresh_token").map(SecretString::from),
        access_expires: end("expires_in"),
        refresh_expires: end("refresh_token_expires_in"),
    })
}

/// A server that repeats our secret isn't repeated.
pub(crate) fn without(text: &str, secret: &SecretString) -> String {
    match secret.expose_secret() {
        "" => text.to_owned(),
        secret => text.replace(secret, "[secret]"),
    }
}
