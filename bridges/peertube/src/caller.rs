//! Requests with the account's token: reads, and writes that are sent once.
//!
//! A refused token is renewed once and the request repeated once, since a 401 proves that nothing happened; so does a 429.
//! Nothing else is ever sent again from here, and the token goes to the configured instance only.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;
use tombolo_model::{DestinationError, Origin, TokenStore};
use tombolo_net::{Answer, Get, Net, NetError, Send, SendError, WriteBody, rate_limit_reset, retry_after};
use url::Url;

use crate::grant::without;
use crate::session::{NoToken, Session};
use crate::wire::Problem;

/// Longest wait for the instance's limit inside a call; what takes longer is reported.
const PATIENCE: TimeDelta = TimeDelta::seconds(20);
/// How often a request meets the limit before that is reported.
const MAX_LIMITED: u32 = 3;
/// A wait that the server named no end of.
const UNNAMED_WAIT: TimeDelta = TimeDelta::seconds(30);

/// Asks one instance as one account.
pub(crate) struct Caller {
    net: Net,
    instance: Url,
    session: Session,
    /// Not before then: the limit counts everything under `/api/v1` together, chunks too (contract peertube §8).
    pace: Mutex<Option<DateTime<Utc>>>,
}

/// A request with an effect.
pub(crate) struct Write<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Makes the body; asked again where the request is provably to be repeated.
    pub(crate) body: &'a (dyn Fn() -> WriteBody + Sync),
    pub(crate) sent: Option<Arc<AtomicU64>>,
}

/// Why a request with an effect got no answer that decides anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It had no effect: there is no token.
    Auth(NoToken),
    /// It had no effect: the instance asks to wait.
    Throttled { reason: String, until: DateTime<Utc> },
    /// It never left.
    NotSent(String),
    /// Nobody knows what became of it.
    Unknown(String),
}

impl Caller {
    pub(crate) fn new(net: Net, instance: Url, tokens: Arc<dyn TokenStore>) -> Self {
        Self {
            session: Session::new(net.clone(), instance.clone(), tokens),
            net,
            instance,
            pace: Mutex::new(None),
        }
    }

    pub(crate) fn instance(&self) -> &Url {
        &self.instance
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.net.clock().now()
    }

    pub(crate) async fn sleep(&self, pause: Duration) {
        self.net.clock().sleep(pause).await;
    }

    /// An address of the API, each segment escaped.
    pub(crate) fn api(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, DestinationError> {
        let segments: Vec<&str> = ["api", "v1"].iter().chain(path).copied().collect();
        let mut url = address(&self.instance, &segments)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Whether anybody may be signed in.
    pub(crate) fn signs_in(&self) -> bool {
        self.session.signs_in()
    }

    /// Reads a public document, without a token: a bad one would turn it into a 401 (contract peertube §2.8).
    pub(crate) async fn read_public(&self, path: &[&str]) -> Result<Value, DestinationError> {
        let (url, answer) = self.ask_public(path).await?;
        if answer.status.as_u16() != 200 {
            return Err(DestinationError::Malformed(format!(
                "{}{} was answered with status {}; is it a PeerTube instance?",
                Origin::of(&url),
                url.path(),
                answer.status.as_u16()
            )));
        }
        json(&url, &answer)
    }

    /// The same; `None`: there is none.
    pub(crate) async fn find_public(&self, path: &[&str]) -> Result<Option<Value>, DestinationError> {
        let (url, answer) = self.ask_public(path).await?;
        if answer.status.as_u16() == 200 {
            return json(&url, &answer).map(Some);
        }
        Ok(None)
    }

    async fn ask_public(&self, path: &[&str]) -> Result<(Url, Answer), DestinationError> {
        let url = self.api(path, &[])?;
        let answer = self.net.get(&Get::json(url.clone())).await.map_err(destination_error)?;
        Ok((url, answer))
    }

    /// Reads with the token. Any status but 401 `invalid_token` is the caller's to judge.
    pub(crate) async fn get(&self, url: &Url) -> Result<Answer, DestinationError> {
        self.keep_pace().await.map_err(|until| DestinationError::Throttled {
            what: format!("GET {}{}", Origin::of(url), url.path()),
            until,
        })?;
        let mut token = self.session.token().await?;
        let mut renewed = false;
        loop {
            let get = Get::json(url.clone()).bearer(&token);
            let answer = unrepeated(self.net.get(&get).await.map_err(destination_error)?, &token);
            match refused_token(&answer) {
                None => return Ok(answer),
                Some(problem) if renewed => {
                    let reason = self.session.needs_sign_in(&problem.to_string());
                    return Err(DestinationError::AuthLost(reason));
                }
                Some(_) => token = self.session.instead_of(&token).await?,
            }
            renewed = true;
        }
    }

    /// Sends a request with an effect.
    pub(crate) async fn send(&self, write: Write<'_>) -> Result<Answer, NoAnswer> {
        let what = format!("{} {}{}", write.method, Origin::of(&write.url), write.url.path());
        let mut token = self.session.token().await.map_err(NoAnswer::Auth)?;
        let (mut renewed, mut limited) = (false, 0);
        loop {
            self.keep_pace().await.map_err(|until| NoAnswer::Throttled {
                reason: format!("the instance's limit of requests is used up ({what})"),
                until,
            })?;
            let send = Send {
                method: write.method.clone(),
                url: write.url.clone(),
                bearer: &token,
                headers: write.headers.clone(),
                body: (write.body)(),
                // A 503 to a chunk says something of that upload only, not of other requests.
                family: "upload",
                sent: write.sent.clone(),
            };
            let answer = self.net.send(send).await.map_err(|error| match error {
                SendError::NotSent(reason) => NoAnswer::NotSent(reason),
                SendError::Unknown(reason) => NoAnswer::Unknown(reason),
            })?;
            let answer = unrepeated(answer, &token);
            self.learn(&answer.headers);
            if answer.status.as_u16() == 429 {
                limited += 1;
                let now = self.now();
                let until = retry_after(&answer.headers, now)
                    .or_else(|| rate_limit_reset(&answer.headers, now))
                    .unwrap_or(now + UNNAMED_WAIT);
                if limited > MAX_LIMITED || until - now > PATIENCE {
                    let reason = format!("the instance's limit of requests is used up ({what})");
                    return Err(NoAnswer::Throttled { reason, until });
                }
                *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
                continue;
            }
            match refused_token(&answer) {
                None => return Ok(answer),
                Some(problem) if renewed => {
                    let reason = self.session.needs_sign_in(&problem.to_string());
                    return Err(NoAnswer::Auth(NoToken::Lost(reason)));
                }
                Some(_) => token = self.session.instead_of(&token).await.map_err(NoAnswer::Auth)?,
            }
            renewed = true;
        }
    }

    /// Waits for the limit, or says until when it would have to.
    async fn keep_pace(&self) -> Result<(), DateTime<Utc>> {
        let paced = *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let until = paced
            .max(self.net.throttled_until(&self.instance, "api"))
            .filter(|until| *until > now);
        let Some(until) = until else {
            return Ok(());
        };
        if until - now > PATIENCE {
            return Err(until);
        }
        let wait = (until - now).to_std().unwrap_or_default() + Duration::from_millis(50);
        self.sleep(wait).await;
        Ok(())
    }

    fn learn(&self, headers: &HeaderMap) {
        let left = headers.get("x-ratelimit-remaining").and_then(|v| v.to_str().ok());
        if left.and_then(|v| v.trim().parse::<u64>().ok()) == Some(0) {
            let reset = rate_limit_reset(headers, self.now());
            *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = reset;
        }
    }
}

/// A refusal as it is shown: a server that repeats our token isn't repeated.
fn unrepeated(mut answer: Answer, token: &SecretString) -> Answer {
    if !answer.status.is_success() {
        answer.body = without(&String::from_utf8_lossy(&answer.body), token).into();
    }
    answer
}

/// A refusal of the token. 401 means "private" and "blocked" too: the code tells them apart (contract peertube §11.2).
fn refused_token(answer: &Answer) -> Option<Problem> {
    let problem = (answer.status.as_u16() == 401).then(|| Problem::of(answer))?;
    (problem.has_code("invalid_token") || problem.has_code("unauthorized_request")).then_some(problem)
}

/// An address on the instance, each segment escaped.
pub(crate) fn address(instance: &Url, segments: &[&str]) -> Result<Url, DestinationError> {
    crate::api::address(instance, segments).map_err(|e| DestinationError::Refused(e.to_string()))
}

/// JSON, where the answer says that it is.
pub(crate) fn json(url: &Url, answer: &Answer) -> Result<Value, DestinationError> {
    crate::api::json(url, answer).map_err(|e| DestinationError::Malformed(e.to_string()))
}

pub(crate) fn destination_error(error: NetError) -> DestinationError {
    match error {
        NetError::Refused(message) => DestinationError::Refused(message),
        NetError::Transient(message) => DestinationError::Transient(message),
        NetError::TooLarge(message) => DestinationError::Malformed(message),
        NetError::Throttled { what, until } => DestinationError::Throttled { what, until },
    }
}
