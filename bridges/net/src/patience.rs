//! How long a walk through many pages waits for a server's limits.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::SourceError;

use crate::Net;

/// What a walk waits in all. Mastodon lets 300 pages be read in a quarter of an hour (contract mastodon §8.1): with this
/// long a wait they are more than any walk takes.
const IN_ALL: TimeDelta = TimeDelta::minutes(75);
/// What a wait counts for at least, so that a server can't ask for a moment again and again.
const LEAST: TimeDelta = TimeDelta::minutes(1);

/// The patience of one walk: a walk that gave up at a server's limit would begin anew, and never come further.
#[derive(Debug)]
pub struct Patience<'a> {
    net: &'a Net,
    left: TimeDelta,
    waited: TimeDelta,
}

impl<'a> Patience<'a> {
    /// For one walk that reads through `net`.
    pub fn of_a_walk(net: &'a Net) -> Self {
        Self {
            net,
            left: IN_ALL,
            waited: TimeDelta::zero(),
        }
    }

    /// For what is better asked again than waited for.
    pub fn none(net: &'a Net) -> Self {
        Self {
            left: TimeDelta::seconds(-1),
            ..Self::of_a_walk(net)
        }
    }

    /// Waits as long as `error` asks for; false where it asks for no wait, or for more than is left.
    pub async fn outlasts(&mut self, error: &SourceError) -> bool {
        let SourceError::Throttled { what, until } = error else {
            return false;
        };
        let wait = (*until - self.net.clock().now()).max(TimeDelta::zero());
        if wait > self.left {
            return false;
        }
        tracing::info!(%until, what, "a long list uses up the server's limit; it goes on when the server allows");
        // Not all at once when the window opens (contract mastodon §8.2).
        let later = 1.0 + 4.0 * self.net.entropy().fraction();
        let pause = wait.to_std().unwrap_or_default() + Duration::from_secs_f64(later);
        self.net.wait(pause).await;
        self.left -= wait.max(LEAST);
        self.waited += TimeDelta::from_std(pause).unwrap_or_default();
        true
    }

    /// How long it has waited.
    pub fn waited(&self) -> TimeDelta {
        self.waited
    }

    /// How long the walk has taken since it `began`, without what it waited.
    pub fn walked_since(&self, began: DateTime<Utc>) -> TimeDelta {
        self.net.clock().now() - began - self.waited
    }
}
