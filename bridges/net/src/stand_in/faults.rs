//! Faults by script: what goes wrong on the way to a server, and at it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the request is looked at: nothing happened at the server.
    CutBefore,
    /// The request takes effect, and the connection is closed instead of an answer.
    CutAfter,
    /// The request takes effect, and this is answered instead: status, content type, body.
    AnswerAfter(u16, String, String),
    /// The request has no effect, and this is answered: status, headers, body.
    Answer(u16, Vec<(String, String)>, String),
    /// Headers of the real answer come, then half of its body, then the connection is closed.
    CutHalfway,
    /// The request takes effect, and the answer comes this much later (real time).
    Late(Duration),
    /// The answer never comes; the request has no effect.
    Hang,
    /// The request takes effect, and its answer waits at this gate.
    At(Gate),
}

/// Where an answer waits until a test lets it go, so that something can happen between two requests. Clones share it.
#[derive(Clone, Debug)]
pub struct Gate(Arc<(Semaphore, Semaphore)>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

impl Gate {
    /// Waits until an answer waits here.
    pub async fn reached(&self) {
        take(&self.0.0).await;
    }

    /// Lets the answer go.
    pub fn open(&self) {
        self.0.1.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        self.0.0.add_permits(1);
        take(&self.0.1).await;
    }
}

async fn take(permits: &Semaphore) {
    // Never closed, so that this never fails.
    if let Ok(permit) = permits.acquire().await {
        permit.forget();
    }
}

/// Which requests a fault hits.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// HTTP method; empty for any.
    pub method: String,
    /// How the path begins.
    pub path: String,
    /// So many matching requests pass first.
    pub skip: u32,
    /// So many are hit; `u32::MAX` for all.
    pub times: u32,
    /// What goes wrong.
    pub fault: Fault,
}

/// The script of faults of one stand-in. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<FaultRule>>>);

impl Faults {
    /// Adds a rule; the first that matches and isn't used up wins.
    pub fn add(&self, rule: FaultRule) {
        self.rules().push(rule);
    }

    /// The next `times` requests of this method and path go wrong like this.
    pub fn next(&self, method: &str, path: &str, times: u32, fault: Fault) {
        self.add(FaultRule {
            method: method.into(),
            path: path.into(),
            skip: 0,
            times,
            fault,
        });
    }

    /// Everything works again.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The fault this request meets, if any.
    pub fn hit(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = self.rules();
        for rule in rules.iter_mut() {
            if !(rule.method.is_empty() || rule.method.eq_ignore_ascii_case(method)) || !path.starts_with(&rule.path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times > 0 {
                if rule.times != u32::MAX {
                    rule.times -= 1;
                }
                return Some(rule.fault.clone());
            }
        }
        None
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<FaultRule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
