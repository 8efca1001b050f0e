//! A request left and nobody knows what became of it: the destination is looked at before anything is sent again.
//!
//! Found: adopted, and asked about like any copy that may still be in work. Absent: a second look once the request can no
//! longer take effect, then the part is free again. Cannot see: never taken for absence.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{Destination, DestinationError, Found, Window, file_name};

use super::listing::pause;
use super::pass::{Advance, Candidate};
use super::{Engine, SyncError};
use crate::ledger::{Changes, PartState, Unresolved, Waiting};

/// Least time between two looks: listings may lag behind by seconds (contract mastodon §6.3).
const BETWEEN_LOOKS: TimeDelta = TimeDelta::seconds(30);
/// The longest time until the next look where the destination can't be seen.
const BLIND_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// Looks for the copies of the first unresolved part.
pub(super) async fn reconcile(
    engine: &Engine,
    destination: &dyn Destination,
    candidate: &mut Candidate,
) -> Result<Advance, SyncError> {
    let delivery = &mut candidate.delivery;
    let taken: Vec<String> = delivery.copies().map(|copy| copy.id.clone()).collect();
    let Some(part) = delivery.parts.iter_mut().find(|part| part.is_unresolved()) else {
        return Ok(Advance::Rest);
    };
    let now = engine.clock.now();
    let (progress, unresolved) = match &part.state {
        PartState::Unknown(unresolved) => (unresolved.progress.clone(), unresolved.clone()),
        PartState::Publishing(publishing) => {
            let unresolved = Unresolved {
                reason: "tombolo was stopped while it published".into(),
                refused: None,
                // It may have been alive until a moment ago.
                since: now,
                absent_since: None,
                next_look: now,
                failed_looks: 0,
                progress: publishing.progress.clone(),
            };
            (publishing.progress.clone(), unresolved)
        }
        _ => return Ok(Advance::Rest),
    };
    let mut marker = part.marker.clone();
    for media in &progress.uploaded {
        marker.media.push(media.id.clone());
        marker.files.extend(media.url.as_deref().and_then(file_name));
    }
    let since = part.posted_since.unwrap_or(unresolved.since);
    let found = match destination
        .find(&delivery.key.to.account, &marker, Window { since })
        .await
    {
        Ok(found) => found,
        Err(DestinationError::AuthLost(reason)) => return Ok(Advance::AuthLost(reason)),
        Err(DestinationError::Throttled { what, until }) => return Ok(Advance::Blocked(until, what)),
        Err(e) => Found {
            copies: Vec::new(),
            blind: Some(e.to_string()),
        },
    };
    // A copy that another delivery or another part has made isn't this one's.
    let mut own = Vec::new();
    for copy in found.copies {
        let is_free = engine
            .ledger
            .copy_owner(&copy.uri)?
            .is_none_or(|owner| owner == delivery.key);
        if is_free && !taken.contains(&copy.id) {
            own.push(copy);
        }
    }
    let mut own = own.into_iter();
    part.state = match (own.next(), found.blind) {
        // It exists; whether it is finished is asked next.
        (Some(copy), _) => PartState::Settling {
            copy,
            more: own.collect(),
            waiting: Waiting {
                reason: "it was found at the destination".into(),
                not_before: now,
                times: 0,
            },
        },
        (None, Some(why)) => {
            let soon = pause(unresolved.failed_looks + 1, engine.entropy.fraction());
            let soon = TimeDelta::from_std(soon).unwrap_or(BLIND_PAUSE).min(BLIND_PAUSE);
            let unresolved = Unresolved {
                failed_looks: unresolved.failed_looks.saturating_add(1),
                ..unresolved
            };
            blind(unresolved, &why, now + soon)
        }
        (None, None) => {
            // A server that keeps answering nothing useful is given more and more time.
            let patience = if part.posts > 1 {
                pause(part.posts, engine.entropy.fraction())
            } else {
                Duration::ZERO
            };
            absent(unresolved, destination.capabilities().settle.max(patience), now)
        }
    };
    let advance = match &part.state {
        // Free again: go on at once, before the proof of absence grows old.
        PartState::Waiting { .. } | PartState::Settling { .. } => Advance::Again,
        _ => Advance::Rest,
    };
    let mut changes = Changes::new();
    changes.put_delivery(delivery);
    engine.ledger.commit(changes).await?;
    Ok(advance)
}

fn blind(unresolved: Unresolved, why: &str, next_look: DateTime<Utc>) -> PartState {
    PartState::Unknown(Unresolved {
        reason: format!("it may have been published, and the destination doesn't show whether: {why}"),
        next_look,
        ..unresolved
    })
}

fn absent(unresolved: Unresolved, settle: Duration, now: DateTime<Utc>) -> PartState {
    let settle = TimeDelta::from_std(settle).unwrap_or(TimeDelta::MAX);
    let first = unresolved.absent_since.unwrap_or(now);
    let second_look = (unresolved.since + settle).max(first + settle.min(BETWEEN_LOOKS));
    if unresolved.absent_since.is_some() && now >= second_look {
        if let Some(reason) = unresolved.refused {
            return PartState::Failed { reason, copy: None };
        }
        let waiting = Waiting {
            reason: "it was not published after all".into(),
            not_before: now,
            times: 0,
        };
        return PartState::Waiting {
            waiting,
            progress: unresolved.progress,
        };
    }
    PartState::Unknown(Unresolved {
        absent_since: Some(first),
        next_look: second_look,
        ..unresolved
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_model::PublishProgress;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn unresolved(since: i64, absent_since: Option<i64>) -> Unresolved {
        Unresolved {
            reason: String::new(),
            refused: None,
            since: at(since),
            absent_since: absent_since.map(at),
            next_look: at(0),
            failed_looks: 0,
            progress: PublishProgress::default(),
        }
    }

    fn look(since: i64, absent_since: Option<i64>, now: i64) -> Option<i64> {
        match absent(unresolved(since, absent_since), Duration::from_secs(60), at(now)) {
            PartState::Unknown(u) => Some((u.next_look - at(0)).num_seconds()),
            PartState::Waiting { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_look_never_proves_absence() {
        assert_eq!(look(0, None, 1), Some(60));
        assert_eq!(look(0, None, 10_000), Some(10_030));
    }

    #[test]
    fn a_second_look_proves_it_only_after_the_request_can_no_longer_take_effect() {
        assert_eq!(look(0, Some(1), 59), Some(60));
        assert_eq!(look(0, Some(1), 60), None);
        assert_eq!(look(0, Some(10_000), 10_029), Some(10_030));
        assert_eq!(look(0, Some(10_000), 10_030), None);
    }
}
