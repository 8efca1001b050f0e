//! What a clock on the wall shows, and when it first shows it. Never decides what is due.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone, Timelike, Utc};
use chrono_tz::{GapInfo, Tz};

/// What the clock shows at this instant, without fractions of a second.
pub(super) fn shown_at(instant: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let wall = instant.with_timezone(&zone).naive_local();
    wall.with_nanosecond(0).unwrap_or(wall)
}

/// The first instant at which the clock shows this time, or a later one if it jumps over this one.
///
/// None only where the known history of the zone ends in the middle of a jump.
pub(super) fn first_showing(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let first = match zone.from_local_datetime(&wall) {
        LocalResult::Single(only) => only,
        LocalResult::Ambiguous(first, _again) => first,
        LocalResult::None => GapInfo::new(&wall, &zone)?.end?,
    };
    Some(first.to_utc())
}
