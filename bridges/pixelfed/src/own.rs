//! The account's statuses as its token shows them, page by page, by `max_id` alone (contract pixelfed §6).
//!
//! One bad post can make every page with it fail for months (§9): it is closed in on and stepped over.

use serde_json::Value;

use crate::listing::{Pager, number_of};
use crate::wire::{Api, Failure};

/// Sizes of pages, the smaller ones for lists that fail.
const SIZES: [u32; 3] = [40, 10, 1];
/// How closely a bad post is closed in on. Ids count milliseconds in steps of 2²²: nobody posts twice in one.
const CLOSE: u64 = 1 << 22;
/// How far below a bad post is looked first: about a minute of ids.
const FIRST_STEP: u64 = CLOSE << 16;
/// Where ids begin to count: 2019-02-10, in milliseconds.
const EPOCH: i64 = 1_549_756_800_000;
/// Above every id.
const TOP: u64 = i64::MAX as u64;

/// A walk from the newest status to the oldest.
pub(crate) struct OwnPages<'a> {
    api: &'a Api,
    account: &'a str,
    below: Option<u64>,
    size: usize,
    /// Ids just below bad posts of earlier walks.
    known: Vec<u64>,
    /// Ids just below bad posts that were stepped over now.
    holes: Vec<u64>,
    /// Whether a good post may have been stepped over between two bad ones.
    unsure: bool,
}

impl<'a> OwnPages<'a> {
    /// `known`: where earlier walks found bad posts; without, they are found again.
    pub(crate) fn new(api: &'a Api, account: &'a str, known: Vec<u64>) -> Self {
        Self {
            known,
            api,
            account,
            below: None,
            size: 0,
            holes: Vec::new(),
            unsure: false,
        }
    }

    fn query(below: Option<u64>, limit: u32) -> Vec<(&'static str, String)> {
        let mut query = vec![("_pe", "1".to_owned()), ("limit", limit.to_string())];
        query.extend(below.map(|id| ("max_id", id.to_string())));
        query
    }

    /// Steps over the newest post below `below`, which the server can't show: finds the highest id from which on a page
    /// can be shown again. `Ok(false)`: no page can, so that it isn't one post's fault.
    async fn step_over(&mut self) -> Result<bool, Failure> {
        let (mut works, mut fails) = (1, self.below.unwrap_or(TOP));
        if fails <= works || !self.shows(works).await? {
            return Ok(false);
        }
        // Should a second bad post have come since, what lies between the two has to wait for the next full listing.
        let known = self.known.iter().copied().filter(|id| *id > works && *id < fails).max();
        if let Some(id) = known
            && self.shows(id).await?
        {
            self.below = Some(id);
            self.holes.push(id);
            return Ok(true);
        }
        // Between two bad posts good ones can be shown again, and further down a second one fails again: it is looked for
        // from above, in steps that grow, so that the first bad post is the one that is closed in on.
        if self.below.is_none() {
            let now = u64::try_from(self.api.net().clock().now().timestamp_millis() - EPOCH).unwrap_or_default();
            let soon = now.saturating_mul(CLOSE).saturating_add(FIRST_STEP);
            if soon < fails && !self.shows(soon).await? {
                fails = soon;
            }
        }
        let mut step = FIRST_STEP;
        while fails.saturating_sub(step) > works {
            let lower = fails - step;
            if self.shows(lower).await? {
                works = lower;
            } else {
                fails = lower;
                step = step.saturating_mul(2);
            }
        }
        self.unsure = true;
        while fails - works > CLOSE {
            let middle = works + (fails - works) / 2;
            if self.shows(middle).await? {
                works = middle;
            } else {
                fails = middle;
            }
        }
        tracing::warn!(
            account = self.account,
            "the server can't show one post near id {works}; it is stepped over"
        );
        self.below = Some(works);
        self.holes.push(works);
        Ok(true)
    }

    async fn shows(&self, below: u64) -> Result<bool, Failure> {
        let path = ["api", "v1", "accounts", self.account, "statuses"];
        match self.api.read_once(&path, &Self::query(Some(below), 1)).await {
            Ok(_) => Ok(true),
            Err(Failure::Broken(500, _)) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

#[async_trait::async_trait]
impl Pager for OwnPages<'_> {
    fn holes(&self) -> &[u64] {
        &self.holes
    }

    fn is_sure(&self) -> bool {
        !self.unsure
    }

    async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure> {
        let path = ["api", "v1", "accounts", self.account, "statuses"];
        let page = loop {
            match self.api.read(&path, &Self::query(self.below, SIZES[self.size])).await {
                Ok(page) => break page,
                Err(failure @ Failure::Broken(500, _)) => {
                    if self.size + 1 < SIZES.len() {
                        self.size += 1;
                    } else if self.step_over().await? {
                        self.size = 0;
                    } else {
                        return Err(failure);
                    }
                }
                Err(other) => return Err(other),
            }
        };
        let Value::Array(entries) = page else {
            return Err(Failure::Malformed(format!(
                "{} didn't answer with a list of statuses",
                self.api.instance()
            )));
        };
        // A page may be short though more follow: only an empty one is the end.
        if entries.is_empty() {
            return Ok(None);
        }
        let Some(oldest) = entries.iter().filter_map(number_of).min() else {
            return Err(Failure::Malformed(format!(
                "{} lists statuses that can't be read",
                self.api.instance()
            )));
        };
        if self.below.is_some_and(|below| oldest >= below) {
            return Err(Failure::Malformed(format!(
                "the list of {} brings the same statuses again (max_id changes nothing)",
                self.api.instance()
            )));
        }
        self.below = Some(oldest);
        Ok(Some(entries))
    }
}
