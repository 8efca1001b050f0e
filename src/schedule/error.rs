//! Why a schedule can't be used, as sentences that tell what to write instead.

use super::field::{Field, Flaw, shorten};

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing but white space.
    #[error(
        "the schedule is empty: write five fields (minute, hour, day of month, month, day of week), for example \
         \"*/15 * * * *\" for every quarter of an hour, or a nickname such as @hourly"
    )]
    Empty,
    /// Fewer than five fields or more than six.
    #[error(
        "{text:?} has {found} {}, a schedule has five (minute, hour, day of month, month, day of week), or six with \
         seconds first; for example \"0 9 * * 1-5\" for nine o'clock from Monday to Friday{}",
        if *found == 1 { "field" } else { "fields" },
        if *found == 7 { ". Years can't be given" } else { "" }
    )]
    FieldCount {
        /// As written.
        text: String,
        /// How many fields it has.
        found: usize,
    },
    /// A word that its field doesn't allow.
    #[error(
        "field {position} of {count} ({field}) is {word:?}: {flaw}; allowed: {}, for example {}",
        field.allowed(),
        field.example()
    )]
    Field {
        /// What the word stands for.
        field: Field,
        /// Its place in the line, from 1.
        position: usize,
        /// 5, or 6 when seconds come first.
        count: usize,
        /// As written.
        word: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// `@reboot`
    #[error(
        "@reboot names no time: write when to run, for example @hourly; a run missed while tombolo was stopped is \
         made up for when it starts"
    )]
    Reboot,
    /// `@every 5m`
    #[error(
        "{text:?} isn't crontab: write \"*/5 * * * *\" for every five minutes, \"0 */2 * * *\" for every two hours"
    )]
    Every {
        /// As written.
        text: String,
    },
    /// Some other word with an `@`.
    #[error(
        "{text:?} is no nickname: use @hourly, @daily or @midnight, @weekly, @monthly, @yearly or @annually, or write \
         five fields, for example \"0 9 * * *\" for every day at nine"
    )]
    Nickname {
        /// As written.
        text: String,
    },
    /// `CRON_TZ=Europe/Berlin 0 9 * * *`
    #[error("{text:?} doesn't belong into the schedule: the time zone is a setting of its own, `timezone`")]
    TimeZone {
        /// As written.
        text: String,
    },
    /// 31 February.
    #[error(
        "{text:?} never fires: none of its months has that day; choose a day from 1 to 28, or other months, for \
         example \"0 9 28 2 *\" for 28 February"
    )]
    Never {
        /// As written.
        text: String,
    },
    /// The crate `cron` doesn't take what this module made of the text: a mistake in here.
    #[error("the schedule can't be used, which is a bug in tombolo: {line:?} was refused ({reason})")]
    Refused {
        /// What was handed to the crate.
        line: String,
        /// What the crate said.
        reason: String,
    },
}

impl ScheduleError {
    pub(super) fn not_a_line(words: &[&str]) -> Self {
        match words {
            [] => Self::Empty,
            [first, ..] if is_time_zone(first) => Self::TimeZone { text: shorten(first) },
            _ => Self::FieldCount {
                text: shorten(&words.join(" ")),
                found: words.len(),
            },
        }
    }

    /// `position` counts from 1.
    pub(super) fn field(field: Field, position: usize, words: &[&str], flaw: Flaw) -> Self {
        let word = words.get(position - 1).copied().unwrap_or_default();
        if is_time_zone(word) {
            return Self::TimeZone { text: shorten(word) };
        }
        Self::Field {
            field,
            position,
            count: words.len(),
            word: shorten(word),
            flaw,
        }
    }

    pub(super) fn nickname(text: &str) -> Self {
        let nickname = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        match nickname.as_str() {
            "@reboot" => Self::Reboot,
            "@every" => Self::Every { text: shorten(text) },
            _ => Self::Nickname { text: shorten(text) },
        }
    }

    pub(super) fn never(text: &str) -> Self {
        Self::Never { text: shorten(text) }
    }

    pub(super) fn refused(line: String, error: &cron::error::Error) -> Self {
        Self::Refused {
            line,
            reason: error.to_string(),
        }
    }
}

fn is_time_zone(word: &str) -> bool {
    word.starts_with("TZ=") || word.starts_with("CRON_TZ=")
}
