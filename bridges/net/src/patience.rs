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
        // Not all at once when the window opens (contract mastodon §8.2).
        let later = 1.0 + 4.0 * self.net.entropy().fraction();
        let pause = wait.to_std().unwrap_or_default() + Duration::from_secs_f64(later);
        tracing::warn!(
            "reading a long list goes on in {}, when the server's limit allows: {what}",
            in_words(pause)
        );
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

/// A pause as people say it.
fn in_words(pause: Duration) -> String {
    match pause.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::sync::{Arc, Mutex};

    use tombolo_model::{SeededEntropy, TestClock};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;
    use crate::{Guard, NetConfig};

    /// What a terminal shows by default.
    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<String>>);

    impl Visit for Terminal {
        fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
            write!(self.0.lock().expect("no panic"), "{value:?}").expect("a string grows");
        }
    }

    impl Subscriber for Terminal {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::WARN
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            event.record(&mut self.clone());
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn a_wait_is_said_with_its_length_and_reason() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let terminal = Terminal::default();
        let _shown = tracing::subscriber::set_default(terminal.clone());
        let clock = TestClock::at("2026-11-23T05:46:00Z".parse().expect("a date"));
        let config = NetConfig {
            guard: Guard::new(Vec::new(), []),
            user_agent: "tombolo-tests".into(),
        };
        let net = Net::new(config, Arc::new(clock.clone()), Arc::new(SeededEntropy::new(7))).expect("it starts");
        let error = SourceError::Throttled {
            what: "GET https://toots.example/api/v1/statuses".into(),
            until: net.clock().now() + TimeDelta::minutes(4),
        };
        assert!(Patience::of_a_walk(&net).outlasts(&error).await);
        let shown = terminal.0.lock().expect("no panic").clone();
        assert!(
            shown.contains("in 5 minutes") && shown.contains("https://toots.example/api/v1/statuses"),
            "{shown:?}"
        );
    }
}
