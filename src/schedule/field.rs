//! One field of a crontab line: text to the set of numbers it allows, and that set spelled out for the crate `cron`.
//! Never looks at the other fields.

use std::collections::BTreeSet;
use std::fmt;

/// The place of a word in a crontab line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Only in lines of six fields.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or by name.
    Month,
    /// 0 to 7 with Sunday at both ends, or by name.
    DayOfWeek,
}

/// What is wrong with one item of a field's list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// `1,,2`
    #[error("there is nothing between two commas, or beside one")]
    EmptyItem,
    /// `-5`
    #[error("a range needs a beginning and an end, such as {example}")]
    HalfRange {
        /// A whole range.
        example: String,
    },
    /// `61`
    #[error("{number} is out of range")]
    OutOfRange {
        /// As written.
        number: String,
    },
    /// `noon`
    #[error("{word:?} is no {field}")]
    NotAValue {
        /// As written.
        word: String,
        /// What it should have been.
        field: Field,
    },
    /// `*/90`
    #[error("the step after \"/\" must be a number from 1 to {last}")]
    Step {
        /// The longest step.
        last: u32,
    },
    /// `5/15`
    #[error("a step needs a range to step through: write {start}-{last}/{step}")]
    StepWithoutRange {
        /// As written.
        start: String,
        /// The end of the range that was probably meant.
        last: u32,
        /// As written.
        step: u32,
    },
    /// `L`, `15W`, `FRI#2`
    #[error("{word:?} is Quartz, not crontab: the last, nearest or nth day can't be asked for")]
    Quartz {
        /// As written.
        word: String,
    },
    /// `?`
    #[error("\"?\" is Quartz, not crontab: write \"*\"")]
    QuestionMark,
    /// `H`, `0~59`
    #[error("{word:?} asks for a random time: write a fixed one, runs are spread by themselves")]
    Random {
        /// As written.
        word: String,
    },
}

/// The numbers that a field allows.
#[derive(Debug)]
pub(super) struct Values {
    allowed: BTreeSet<u32>,
    /// Begins with `*`: crontab then calls the field unrestricted, even in `*/2`.
    pub(super) starred: bool,
}

impl Values {
    pub(super) fn only(number: u32) -> Self {
        Self {
            allowed: BTreeSet::from([number]),
            starred: false,
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

impl Field {
    /// Reads a list of single values, ranges and steps.
    pub(super) fn read(self, word: &str) -> Result<Values, Flaw> {
        let mut allowed = BTreeSet::new();
        for item in word.split(',') {
            self.read_item(item, &mut allowed)?;
        }
        Ok(Values {
            allowed,
            starred: word.starts_with('*'),
        })
    }

    /// Writes the numbers so that the crate `cron` understands the same: as a list, days of the week by name.
    pub(super) fn spell(self, values: &Values) -> String {
        if values.allowed.len() == self.count() as usize {
            return "*".to_owned();
        }
        let words: Vec<String> = values
            .allowed
            .iter()
            .map(|number| match (self, DAYS.get(*number as usize)) {
                (Field::DayOfWeek, Some(day)) => (*day).to_owned(),
                _ => number.to_string(),
            })
            .collect();
        words.join(",")
    }

    /// What may be written in this field, in words.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Field::Second | Field::Minute => "0 to 59",
            Field::Hour => "0 to 23",
            Field::DayOfMonth => "1 to 31",
            Field::Month => "1 to 12 or JAN to DEC",
            Field::DayOfWeek => "0 to 7 (0 and 7 are Sunday) or SUN to SAT",
        }
    }

    /// A good word for this field.
    pub(super) fn example(self) -> &'static str {
        match self {
            Field::Second => "0 or */20",
            Field::Minute => "0,30 or */15",
            Field::Hour => "9-17 or */6",
            Field::DayOfMonth => "1,15 or */10",
            Field::Month => "1-6 or MAR,SEP",
            Field::DayOfWeek => "1-5 or SAT,SUN",
        }
    }

    fn first(self) -> u32 {
        match self {
            Field::Second | Field::Minute | Field::Hour | Field::DayOfWeek => 0,
            Field::DayOfMonth | Field::Month => 1,
        }
    }

    /// The largest number that may be written.
    fn last(self) -> u32 {
        match self {
            Field::Second | Field::Minute => 59,
            Field::Hour => 23,
            Field::DayOfMonth => 31,
            Field::Month => 12,
            Field::DayOfWeek => 7,
        }
    }

    /// How many different values there are; Sunday, which has two numbers, counts once.
    fn count(self) -> u32 {
        match self {
            Field::DayOfWeek => 7,
            _ => self.last() - self.first() + 1,
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::DayOfWeek => &DAYS,
            _ => &[],
        }
    }

    fn read_item(self, item: &str, allowed: &mut BTreeSet<u32>) -> Result<(), Flaw> {
        if item.is_empty() {
            return Err(Flaw::EmptyItem);
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.read_step(step)?)),
            None => (item, None),
        };
        let (start, span) = match (range.split_once('-'), step) {
            _ if range == "*" => (self.first(), self.count() - 1),
            (Some((start, end)), _) => self.read_range(start, end)?,
            (None, None) => (self.read_value(range)?, 0),
            (None, Some(step)) => {
                self.read_value(range)?;
                return Err(Flaw::StepWithoutRange {
                    start: shorten(range),
                    last: self.last(),
                    step,
                });
            }
        };
        let from_first = start - self.first();
        let steps = (0..=span).step_by(step.unwrap_or(1) as usize);
        allowed.extend(steps.map(|n| self.first() + (from_first + n) % self.count()));
        Ok(())
    }

    /// Where a range starts and how far it goes, over the end if need be.
    fn read_range(self, start: &str, end: &str) -> Result<(u32, u32), Flaw> {
        if start.is_empty() || end.is_empty() {
            return Err(Flaw::HalfRange {
                example: format!("{}-{}", self.first(), self.last()),
            });
        }
        let (start, end) = (self.read_value(start)?, self.read_value(end)?);
        let span = if start <= end {
            end - start
        } else {
            (end + self.count() - start) % self.count()
        };
        Ok((start, span))
    }

    fn read_step(self, step: &str) -> Result<u32, Flaw> {
        // As in cronie. "*/90" would run once an hour, which nobody who writes it expects.
        number(step)
            .filter(|step| (1..=self.last()).contains(step))
            .ok_or(Flaw::Step { last: self.last() })
    }

    fn read_value(self, word: &str) -> Result<u32, Flaw> {
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            return number(word)
                .filter(|number| (self.first()..=self.last()).contains(number))
                .ok_or_else(|| Flaw::OutOfRange { number: shorten(word) });
        }
        let named = |name: &&str| word.len() >= 3 && begins_with(name, word);
        match (self.first()..).zip(self.names()).find(|(_, name)| named(name)) {
            Some((number, _)) => Ok(number),
            None => Err(self.explain(word)),
        }
    }

    /// What a word that is neither number nor name was meant to be.
    fn explain(self, word: &str) -> Flaw {
        let letters = word
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .to_ascii_uppercase();
        match letters.as_str() {
            _ if word.contains('?') => Flaw::QuestionMark,
            _ if word.contains('#') => Flaw::Quartz { word: shorten(word) },
            _ if word.contains('~') => Flaw::Random { word: shorten(word) },
            "L" | "W" | "LW" => Flaw::Quartz { word: shorten(word) },
            "H" => Flaw::Random { word: shorten(word) },
            _ => Flaw::NotAValue {
                word: shorten(word),
                field: self,
            },
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day of month",
            Field::Month => "month",
            Field::DayOfWeek => "day of week",
        })
    }
}

/// Text for a message: whoever pastes a novel into a schedule needn't read it again.
pub(super) fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn number(word: &str) -> Option<u32> {
    // `parse` alone would take "+5".
    word.parse().ok().filter(|_| !word.starts_with('+'))
}

fn begins_with(name: &str, word: &str) -> bool {
    name.get(..word.len())
        .is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
}
