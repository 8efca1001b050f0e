//! How often a host may be asked: what its own headers say is left, and never while it asks to wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use tombolo_model::Origin;

use crate::headers::{rate_limit_remaining, rate_limit_reset, retry_after};

/// Where the server refuses for its limit and names no end: the first wait, doubled each time, and the longest (contract
/// mastodon §8.2).
const UNNAMED_WAIT: TimeDelta = TimeDelta::minutes(1);
const LONGEST_UNNAMED: TimeDelta = TimeDelta::minutes(15);

/// What is known of each origin's limits, by family of requests.
#[derive(Debug, Default)]
pub(crate) struct Budgets(Mutex<HashMap<(Origin, &'static str), Budget>>);

#[derive(Clone, Copy, Debug)]
struct Budget {
    /// Nothing more is asked before.
    until: DateTime<Utc>,
    /// How long the last wait was of which the server named no end.
    unnamed: TimeDelta,
}

impl Budgets {
    /// When the next request may go out, if it has to wait.
    pub(crate) fn not_before(
        &self,
        origin: &Origin,
        family: &'static str,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.retain(|_, budget| budget.until > now || !budget.unnamed.is_zero());
        let budget = budgets.get(&(origin.clone(), family))?;
        (budget.until > now).then_some(budget.until)
    }

    /// Learns from an answer. Returns until when to wait, where the server refused for that reason.
    pub(crate) fn learn(
        &self,
        origin: &Origin,
        family: &'static str,
        status: u16,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let refused = matches!(status, 429 | 503);
        let used_up = rate_limit_remaining(headers) == Some(0);
        let key = (origin.clone(), family);
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if status != 429
            && let Some(budget) = budgets.get_mut(&key)
        {
            budget.unnamed = TimeDelta::zero();
        }
        if !refused && !used_up {
            return None;
        }
        let named =
            retry_after(headers, now).or_else(|| rate_limit_reset(headers, now).filter(|_| used_up || status == 429));
        let (until, unnamed) = match named {
            Some(until) => (until, TimeDelta::zero()),
            None if status == 429 => {
                let last = budgets.get(&key).map_or(TimeDelta::zero(), |budget| budget.unnamed);
                let wait = (last * 2).clamp(UNNAMED_WAIT, LONGEST_UNNAMED);
                (now + wait, wait)
            }
            None => return None,
        };
        let budget = budgets.entry(key).or_insert(Budget { until, unnamed });
        budget.until = budget.until.max(until);
        budget.unnamed = unnamed;
        refused.then_some(until)
    }
}
