//! When a route runs: crontab lines, read as crontab reads them, in the creator's time zone.
//!
//! A schedule speaks of the *wall clock*: "at 02:30" means when a clock on the wall in that zone shows 02:30. A
//! moment of the schedule is due at the first instant at which the clock shows that time or a later one. Daylight
//! saving needs no other rule:
//!
//! - the clock jumps forward over 02:30: due at the jump, as soon as 02:30 has passed;
//! - the clock goes back and shows 02:30 twice: due the first time only. A schedule of every few minutes pauses until
//!   the clock shows a time that it hasn't shown before.
//!
//! Which wall times belong to a schedule, the crate `cron` decides. It counts Sunday as 1, wants a match of day of
//! month *and* day of week where crontab wants either, and repeats or skips runs when clocks change. So each field is
//! read here, spelled out for the crate as a plain list, and the crate is only ever asked about wall times, as if they
//! were UTC.
//!
//! This module never reads the clock, never waits and never rolls dice: "after when" and the random number are the
//! caller's. It knows the years 1970 to 2100, as the crate does.

mod clock;
mod error;
mod field;
#[cfg(test)]
mod tests;

use std::fmt;
use std::iter;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use chrono_tz::Tz;

pub use self::error::ScheduleError;
use self::field::Values;
pub use self::field::{Field, Flaw};

/// The last year in which the crate `cron` looks for a match.
const LAST_YEAR: i32 = 2100;

/// The fields of a line with seconds; an ordinary crontab line has all but the first.
const FIELDS: [Field; 6] = [
    Field::Second,
    Field::Minute,
    Field::Hour,
    Field::DayOfMonth,
    Field::Month,
    Field::DayOfWeek,
];

/// Nicknames and the lines they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The moments at which something is to run.
///
/// Two schedules are equal if they were written alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    /// A wall time belongs to the schedule if it matches any of these: one, or two when day of month and day of week
    /// are both restricted.
    either: Vec<cron::Schedule>,
}

impl Schedule {
    /// Reads a crontab line, a line of six fields with seconds first, or a nickname such as `@daily`.
    ///
    /// As in crontab: Sunday is 0 or 7; months and days of the week may be named; `*`, lists, ranges and steps; when
    /// neither day of month nor day of week begins with `*`, a day that matches either will do. A range may run over
    /// the end: `FRI-MON`, `22-2`.
    ///
    /// The error is a sentence that tells what to write instead. A line that no day fits (31 February) is an error.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let line = expand_nickname(text.trim())?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let fields = match words.len() {
            5 => &FIELDS[1..],
            6 => &FIELDS[..],
            _ => return Err(ScheduleError::not_a_line(&words)),
        };
        let mut values = Vec::with_capacity(FIELDS.len());
        if words.len() == 5 {
            values.push(Values::only(0));
        }
        for (index, (&field, word)) in iter::zip(fields, &words).enumerate() {
            let read = field
                .read(word)
                .map_err(|flaw| ScheduleError::field(field, index + 1, &words, flaw))?;
            values.push(read);
        }

        let schedule = Self {
            text: text.to_owned(),
            either: match_either(&values)?,
        };
        if schedule.next_wall_time(DateTime::UNIX_EPOCH.naive_utc()).is_none() {
            return Err(ScheduleError::never(text));
        }
        Ok(schedule)
    }

    /// The first moment of the schedule strictly later than `after`.
    ///
    /// None only when the years run out. Asked again with its own answer, it walks through all moments, each once and
    /// in order, over any change of clocks.
    pub fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        if after.year() > LAST_YEAR {
            return None;
        }
        // Wall times that the clock shows for the second time are passed over one by one: those of an hour as a rule,
        // of seven at most since 1970 (Vostok, 1994).
        let from = clock::shown_at(after.max(DateTime::UNIX_EPOCH), zone);
        iter::successors(self.next_wall_time(from), |wall| self.next_wall_time(*wall))
            .filter_map(|wall| clock::first_showing(wall, zone))
            .find(|due| *due > after)
    }

    /// Whether a moment of the schedule has come since `last_run`, up to and including `now`.
    ///
    /// However many were missed while the machine slept, the answer is one yes: one run makes up for all.
    pub fn missed_since(&self, last_run: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> bool {
        self.next_after(last_run, zone).is_some_and(|due| due <= now)
    }

    /// How long to wait after `tick` so that not everyone knocks at a server on the full minute.
    ///
    /// `random` picks from nothing up to `most`, evenly; never more than half of the time until the next moment of the
    /// schedule, so that runs keep their order and their distance.
    pub fn jitter(&self, tick: DateTime<Utc>, zone: Tz, most: Duration, random: u64) -> Duration {
        let half_way = self
            .next_after(tick, zone)
            .and_then(|next| (next - tick).to_std().ok())
            .map_or(most, |interval| interval / 2);
        scale(most.min(half_way), random)
    }

    fn next_wall_time(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let after = after.and_utc();
        self.either
            .iter()
            .filter_map(|cron| cron.after(&after).next())
            .min()
            .map(|wall| wall.naive_utc())
    }
}

impl fmt::Display for Schedule {
    /// The text as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The line that a nickname stands for; any other text as it is.
fn expand_nickname(text: &str) -> Result<&str, ScheduleError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    NICKNAMES
        .iter()
        .find(|(nickname, _)| text.eq_ignore_ascii_case(nickname))
        .map(|&(_, line)| line)
        .ok_or_else(|| ScheduleError::nickname(text))
}

/// Spells the six fields out for the crate, which knows only "day of month and day of week".
fn match_either(values: &[Values]) -> Result<Vec<cron::Schedule>, ScheduleError> {
    let spelled: Vec<String> = iter::zip(FIELDS, values)
        .map(|(field, values)| field.spell(values))
        .collect();
    let restricted = |field| iter::zip(FIELDS, values).any(|(f, values)| f == field && !values.starred);
    let loosened = |loose| {
        let words: Vec<&str> = iter::zip(FIELDS, &spelled)
            .map(|(f, word)| if f == loose { "*" } else { word })
            .collect();
        words.join(" ")
    };

    let lines = if restricted(Field::DayOfMonth) && restricted(Field::DayOfWeek) {
        vec![loosened(Field::DayOfWeek), loosened(Field::DayOfMonth)]
    } else {
        vec![spelled.join(" ")]
    };
    lines
        .into_iter()
        .map(|line| cron::Schedule::from_str(&line).map_err(|error| ScheduleError::refused(line, &error)))
        .collect()
}

/// The part of `whole` that `random` is of all numbers, to the millisecond.
fn scale(whole: Duration, random: u64) -> Duration {
    let milliseconds = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
    let part = (u128::from(milliseconds) * u128::from(random)) >> u64::BITS;
    Duration::from_millis(u64::try_from(part).unwrap_or(milliseconds))
}
