//! Looks through what an account has published, for what may be there already.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{DestinationError, as_array};

use crate::Client;
use crate::entities::{Status, parse_status};

/// Most a listing gives at once (contract mastodon §7.1).
const PAGE: &str = "40";
/// Most pages of one look at an account's statuses.
const MAX_PAGES: usize = 100;
/// Most pages of a look for a boost.
const BOOST_PAGES: usize = 10;
/// Longest time of one look.
const MAX_TIME: TimeDelta = TimeDelta::minutes(2);

/// How far a walk through a listing came.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged {
    /// The statuses, the newest first.
    pub statuses: Vec<Status>,
    /// Whether the walk reached the time it was to reach, or the end of the listing.
    pub reached: bool,
    /// Whether the listing can't be paged.
    pub repeats: bool,
}

impl Client {
    /// Looks through the account's own statuses, the newest first, until one is older than `since` on the server's clock,
    /// and keeps those that are `wanted`.
    ///
    /// Where the account's listing can't be paged (snac gives its newest 256 whatever is asked), the home timeline is walked
    /// instead, which holds the account's own statuses too.
    pub async fn own_statuses_since(
        &self,
        account: &str,
        since: DateTime<Utc>,
        wanted: &(dyn Fn(&Status) -> bool + Sync),
    ) -> Result<Paged, DestinationError> {
        let own = self
            .walk(&["api", "v1", "accounts", account, "statuses"], account, since, wanted)
            .await?;
        if !own.repeats || !own.statuses.is_empty() {
            return Ok(own);
        }
        // What can't be read shows nothing, and proves nothing.
        Ok(self
            .walk(&["api", "v1", "timelines", "home"], account, since, wanted)
            .await
            .unwrap_or(own))
    }

    /// Looks through the account's newest statuses for its boost of another one, until one is older than `since`.
    pub async fn own_boost_of(
        &self,
        account: &str,
        boosted: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<Status>, DestinationError> {
        let (mut seen, mut max_id) = (HashSet::new(), None::<String>);
        for _ in 0..BOOST_PAGES {
            let mut query = vec![("limit", PAGE.to_owned())];
            query.extend(max_id.take().map(|id| ("max_id", id)));
            let value = self
                .read(&["api", "v1", "accounts", account, "statuses"], &query)
                .await?;
            let page: Vec<Status> = as_array(&value).iter().filter_map(parse_status).collect();
            let is_it = |status: &&Status| status.boosted.as_ref().is_some_and(|inner| inner.id == boosted);
            let own = |status: &&Status| status.author.as_deref().is_none_or(|author| author == account);
            if let Some(boost) = page.iter().filter(own).find(is_it) {
                return Ok(Some(boost.clone()));
            }
            let older = page.iter().any(|status| status.created_at.is_some_and(|at| at < since));
            let fresh = page.iter().filter(|status| seen.insert(status.id.clone())).count();
            let Some(last) = page.last().filter(|_| fresh > 0 && !older) else {
                break;
            };
            max_id = Some(last.id.clone());
        }
        Ok(None)
    }

    async fn walk(
        &self,
        path: &[&str],
        account: &str,
        since: DateTime<Utc>,
        wanted: &(dyn Fn(&Status) -> bool + Sync),
    ) -> Result<Paged, DestinationError> {
        let begun = self.net().clock().now();
        let (mut statuses, mut seen, mut max_id) = (Vec::new(), HashSet::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let mut query = vec![("limit", PAGE.to_owned())];
            query.extend(max_id.take().map(|id| ("max_id", id)));
            let value = self.read(path, &query).await?;
            let Some(items) = value.as_array() else {
                return Err(DestinationError::Malformed(format!(
                    "{} didn't answer with a list of statuses",
                    self.instance()
                )));
            };
            let page: Vec<Status> = items.iter().filter_map(parse_status).collect();
            if page.is_empty() && !items.is_empty() {
                return Err(DestinationError::Malformed(format!(
                    "{} lists statuses that can't be read",
                    self.instance()
                )));
            }
            let Some(last) = page.last().map(|s| s.id.clone()) else {
                return Ok(Paged {
                    statuses,
                    reached: true,
                    repeats: false,
                });
            };
            // A boost stands where it was made, but may carry the date of what it boosts.
            let own = |s: &&Status| s.author.as_deref().is_none_or(|author| author == account);
            let mut dated = page
                .iter()
                .filter(|s| s.boosted.is_none())
                .filter(own)
                .filter_map(|s| s.created_at);
            let older = dated.next_back().is_some_and(|at| at < since);
            let fresh: Vec<Status> = page.into_iter().filter(|s| seen.insert(s.id.clone())).collect();
            if fresh.is_empty() {
                // The parameter changes nothing here: what is beyond this page can't be seen.
                return Ok(Paged {
                    statuses,
                    reached: false,
                    repeats: true,
                });
            }
            statuses.extend(fresh.into_iter().filter_map(|s| own_status(s, account)).filter(wanted));
            if older {
                return Ok(Paged {
                    statuses,
                    reached: true,
                    repeats: false,
                });
            }
            if self.net().clock().now() - begun > MAX_TIME {
                break;
            }
            max_id = Some(last);
        }
        Ok(Paged {
            statuses,
            reached: false,
            repeats: false,
        })
    }
}

/// The status, or the one inside it, if the account wrote it.
fn own_status(status: Status, account: &str) -> Option<Status> {
    let status = match status.boosted {
        Some(inner) => *inner,
        None => status,
    };
    status
        .author
        .as_deref()
        .is_none_or(|author| author == account)
        .then_some(status)
}
