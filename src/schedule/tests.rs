//! Crontab lines against calendars worked out by hand, and against a clock that is watched minute by minute.

use chrono::{DateTime, Datelike, Days, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use chrono_tz::{Africa::Cairo, America::New_York, Asia::Kathmandu, Australia::Lord_Howe};
use chrono_tz::{Europe::Berlin, Pacific::Apia, UTC};
use proptest::prelude::*;

use super::*;

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `2026-03-29 02:30`, with or without seconds.
fn wall(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%F %R")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%F %T"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn utc(text: &str) -> DateTime<Utc> {
    wall(text).and_utc()
}

/// The first moments after a time in UTC, as a clock in the zone shows them, with its distance to UTC.
fn moments<const N: usize>(text: &str, zone: Tz, after: &str) -> [String; N] {
    let schedule = schedule(text);
    let mut now = utc(after);
    std::array::from_fn(|_| {
        now = schedule.next_after(now, zone).expect("a moment");
        now.with_timezone(&zone)
            .format("%a %F %T%:z")
            .to_string()
            .replace(":00+", "+")
            .replace(":00-", "-")
    })
}

fn complaint(text: &str) -> String {
    match Schedule::parse(text) {
        Ok(schedule) => panic!("{schedule} was taken"),
        Err(error) => error.to_string(),
    }
}

mod what_crontab_says {
    use super::*;

    fn same_moments(one: &str, other: &str) {
        let (one, other) = (schedule(one), schedule(other));
        let mut now = utc("2024-02-25 13:37");
        for _ in 0..70 {
            let next = one.next_after(now, UTC);
            assert_eq!(next, other.next_after(now, UTC), "{one} and {other} after {now}");
            now = next.expect("a moment");
        }
    }

    #[test]
    fn five_fields_fire_on_the_full_minute() {
        assert_eq!(
            moments("*/20 9-10 * * *", UTC, "2026-05-01 09:30"),
            [
                "Fri 2026-05-01 09:40+00:00",
                "Fri 2026-05-01 10:00+00:00",
                "Fri 2026-05-01 10:20+00:00",
                "Fri 2026-05-01 10:40+00:00",
                "Sat 2026-05-02 09:00+00:00"
            ]
        );
    }

    #[test]
    fn with_six_fields_the_first_is_seconds() {
        assert_eq!(
            moments("15,45 0 12 * * *", UTC, "2026-05-01 12:00:15"),
            ["Fri 2026-05-01 12:00:45+00:00", "Sat 2026-05-02 12:00:15+00:00"]
        );
    }

    #[test]
    fn one_to_five_is_monday_to_friday() {
        assert_eq!(
            moments("0 9 * * 1-5", UTC, "2026-05-01 08:00"),
            ["Fri 2026-05-01 09:00+00:00", "Mon 2026-05-04 09:00+00:00"]
        );
    }

    #[test]
    fn sunday_is_0_and_7_and_sun() {
        for sunday in ["0", "7", "SUN", "sunday", "7-7", "7-0", "*/7", "0,7"] {
            same_moments(&format!("0 0 * * {sunday}"), "@weekly");
        }
    }

    #[test]
    fn ranges_reach_sunday_at_either_end() {
        same_moments("0 0 * * 5-7", "0 0 * * 0,5,6");
        same_moments("0 0 * * 0-7", "@daily");
        same_moments("0 0 * * 1-7", "@daily");
        same_moments("0 0 * * MON-SUN/2", "0 0 * * 1,3,5,7");
        same_moments("0 0 * * 7-2", "0 0 * * 0,1,2");
    }

    #[test]
    fn ranges_run_over_the_end() {
        same_moments("0 0 * * FRI-MON", "0 0 * * 5,6,0,1");
        same_moments("0 22-2/2 * * *", "0 22,0,2 * * *");
        same_moments("50-10/10 * * * *", "50,0,10 * * * *");
        same_moments("0 0 1 NOV-FEB *", "0 0 1 11,12,1,2 *");
        same_moments("0 0 30-2 * *", "0 0 30,31,1,2 * *");
    }

    #[test]
    fn names_are_short_or_whole_in_any_case() {
        same_moments("0 0 * jan,JULY Sat", "0 0 * 1,7 6");
        same_moments("0 0 * sept-dec tues,Thurs", "0 0 * 9-12 2,4");
    }

    #[test]
    fn steps_start_at_the_beginning_of_their_range() {
        same_moments("0 0 */10 * *", "0 0 1,11,21,31 * *");
        same_moments("7-59/20 * * * *", "7,27,47 * * * *");
        same_moments("0 0 1 */5 *", "0 0 1 1,6,11 *");
    }

    #[test]
    fn either_day_will_do_when_both_are_restricted() {
        assert_eq!(
            moments("0 0 13 * FRI", UTC, "2026-10-08 00:00"),
            [
                "Fri 2026-10-09 00:00+00:00",
                "Tue 2026-10-13 00:00+00:00",
                "Fri 2026-10-16 00:00+00:00",
                "Fri 2026-10-23 00:00+00:00"
            ]
        );
        same_moments("0 0 1-31 * MON", "@daily");
        same_moments("0 0 31 2 MON", "0 0 * 2 MON");
    }

    #[test]
    fn a_day_must_match_both_when_one_begins_with_a_star() {
        assert_eq!(
            moments("0 0 */2 * MON", UTC, "2026-05-01 00:00"),
            [
                "Mon 2026-05-11 00:00+00:00",
                "Mon 2026-05-25 00:00+00:00",
                "Mon 2026-06-01 00:00+00:00"
            ]
        );
    }

    #[test]
    fn a_leap_day_comes_every_four_years() {
        assert_eq!(
            moments("0 12 29 2 *", UTC, "2026-01-01 00:00"),
            ["Tue 2028-02-29 12:00+00:00", "Sun 2032-02-29 12:00+00:00"]
        );
    }

    #[test]
    fn nicknames_stand_for_lines() {
        for (nickname, line) in NICKNAMES {
            same_moments(nickname, line);
            same_moments(&nickname.to_uppercase(), line);
        }
        assert_eq!(
            moments("@weekly", UTC, "2026-05-01 00:00"),
            ["Sun 2026-05-03 00:00+00:00"]
        );
    }

    #[test]
    fn a_schedule_shows_as_it_was_written() {
        for text in ["*/5  * * * *", " @Daily ", "0 0 0 1,2 jan\tFRI-MON"] {
            assert_eq!(schedule(text).to_string(), text);
        }
    }
}

mod when_clocks_change {
    use super::*;

    #[test]
    fn berlin_in_spring_runs_at_the_jump_what_the_jump_skipped() {
        assert_eq!(
            moments("30 2 * * *", Berlin, "2026-03-28 00:00"),
            [
                "Sat 2026-03-28 02:30+01:00",
                "Sun 2026-03-29 03:00+02:00",
                "Mon 2026-03-30 02:30+02:00"
            ]
        );
        assert_eq!(
            moments("*/30 * * * *", Berlin, "2026-03-29 00:00"),
            [
                "Sun 2026-03-29 01:30+01:00",
                "Sun 2026-03-29 03:00+02:00",
                "Sun 2026-03-29 03:30+02:00",
                "Sun 2026-03-29 04:00+02:00"
            ]
        );
    }

    #[test]
    fn berlin_in_autumn_runs_once_what_the_clock_shows_twice() {
        assert_eq!(
            moments("30 2 * * *", Berlin, "2026-10-24 12:00"),
            ["Sun 2026-10-25 02:30+02:00", "Mon 2026-10-26 02:30+01:00"]
        );
        assert_eq!(
            moments("*/30 * * * *", Berlin, "2026-10-24 23:45"),
            [
                "Sun 2026-10-25 02:00+02:00",
                "Sun 2026-10-25 02:30+02:00",
                "Sun 2026-10-25 03:00+01:00",
                "Sun 2026-10-25 03:30+01:00"
            ]
        );
    }

    #[test]
    fn asked_in_the_repeated_hour_it_waits_for_a_time_not_yet_shown() {
        // 02:10 for the second time.
        assert_eq!(
            moments("*/5 * * * *", Berlin, "2026-10-25 01:10"),
            ["Sun 2026-10-25 03:00+01:00"]
        );
        assert_eq!(
            moments("* * * * * *", Berlin, "2026-10-25 01:00:00"),
            ["Sun 2026-10-25 03:00+01:00"]
        );
    }

    #[test]
    fn cairo_loses_midnight_and_no_day() {
        assert_eq!(
            moments("@daily", Cairo, "2026-04-22 12:00"),
            [
                "Thu 2026-04-23 00:00+02:00",
                "Fri 2026-04-24 01:00+03:00",
                "Sat 2026-04-25 00:00+03:00"
            ]
        );
        // In autumn the clock goes back from midnight to 23:00 of the day before.
        assert_eq!(
            moments("30 23 * * *", Cairo, "2026-10-28 12:00"),
            [
                "Wed 2026-10-28 23:30+03:00",
                "Thu 2026-10-29 23:30+03:00",
                "Fri 2026-10-30 23:30+02:00"
            ]
        );
        assert_eq!(
            moments("@daily", Cairo, "2026-10-29 12:00"),
            ["Fri 2026-10-30 00:00+02:00", "Sat 2026-10-31 00:00+02:00"]
        );
    }

    #[test]
    fn new_york_springs_forward_and_falls_back() {
        assert_eq!(
            moments("15 2 * * *", New_York, "2026-03-07 12:00"),
            ["Sun 2026-03-08 03:00-04:00", "Mon 2026-03-09 02:15-04:00"]
        );
        assert_eq!(
            moments("15 1 * * *", New_York, "2026-10-31 12:00"),
            ["Sun 2026-11-01 01:15-04:00", "Mon 2026-11-02 01:15-05:00"]
        );
    }

    #[test]
    fn lord_howe_moves_by_half_an_hour() {
        assert_eq!(
            moments("*/15 * * * *", Lord_Howe, "2026-10-03 15:10"),
            [
                "Sun 2026-10-04 01:45+10:30",
                "Sun 2026-10-04 02:30+11:00",
                "Sun 2026-10-04 02:45+11:00"
            ]
        );
        assert_eq!(
            moments("*/15 * * * *", Lord_Howe, "2026-04-04 14:20"),
            [
                "Sun 2026-04-05 01:30+11:00",
                "Sun 2026-04-05 01:45+11:00",
                "Sun 2026-04-05 02:00+10:30"
            ]
        );
    }

    #[test]
    fn kathmandu_is_a_quarter_of_an_hour_off() {
        assert_eq!(
            moments("0 9 * * *", Kathmandu, "2026-05-01 03:15"),
            ["Sat 2026-05-02 09:00+05:45", "Sun 2026-05-03 09:00+05:45"]
        );
    }

    #[test]
    fn samoa_skipped_a_day_and_runs_it_with_the_next() {
        assert_eq!(
            moments("@daily", Apia, "2011-12-28 12:00"),
            [
                "Thu 2011-12-29 00:00-10:00",
                "Sat 2011-12-31 00:00+14:00",
                "Sun 2012-01-01 00:00+14:00"
            ]
        );
    }
}

mod missed_moments {
    use super::*;

    fn missed(last_run: &str, now: &str) -> bool {
        schedule("0 * * * *").missed_since(utc(last_run), utc(now), UTC)
    }

    #[test]
    fn nothing_is_missed_between_two_moments() {
        assert!(!missed("2026-05-01 12:00", "2026-05-01 12:59:59"));
    }

    #[test]
    fn a_moment_counts_from_its_very_second() {
        assert!(missed("2026-05-01 12:00", "2026-05-01 13:00"));
    }

    #[test]
    fn a_run_on_the_moment_has_not_missed_it() {
        assert!(!missed("2026-05-01 12:00", "2026-05-01 12:00"));
    }

    #[test]
    fn a_week_of_sleep_is_noticed() {
        assert!(missed("2026-05-01 12:00", "2026-05-08 12:30"));
    }

    #[test]
    fn a_clock_set_back_misses_nothing() {
        assert!(!missed("2026-05-01 12:00", "2026-04-01 12:00"));
    }
}

mod jitter {
    use super::*;

    fn jitter(text: &str, most: Duration, random: u64) -> Duration {
        schedule(text).jitter(utc("2026-05-01 12:00"), UTC, most, random)
    }

    #[test]
    fn the_random_number_picks_from_nothing_to_the_most() {
        let most = Duration::from_secs(60);
        assert_eq!(jitter("@hourly", most, 0), Duration::ZERO);
        assert_eq!(jitter("@hourly", most, u64::MAX / 2 + 1), Duration::from_secs(30));
        assert_eq!(jitter("@hourly", most, u64::MAX), Duration::from_millis(59_999));
    }

    #[test]
    fn it_stays_in_the_first_half_of_a_short_interval() {
        assert_eq!(
            jitter("* * * * *", Duration::from_secs(600), u64::MAX),
            Duration::from_millis(29_999)
        );
        assert_eq!(
            jitter("* * * * * *", Duration::MAX, u64::MAX),
            Duration::from_millis(499)
        );
    }

    #[test]
    fn none_is_wanted_none_is_given() {
        assert_eq!(jitter("@hourly", Duration::ZERO, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn after_the_last_moment_there_is_no_half_to_stay_in() {
        let last = utc("2100-12-31 23:59:59");
        let most = Duration::from_secs(10);
        assert!(schedule("@yearly").jitter(last, UTC, most, u64::MAX) < most);
        assert!(schedule("@yearly").jitter(last, UTC, Duration::MAX, u64::MAX) > most);
    }
}

mod complaints {
    use super::*;

    #[test]
    fn name_the_field_the_value_and_what_is_allowed() {
        assert_eq!(
            complaint("0 25 * * *"),
            "field 2 of 5 (hour) is \"25\": 25 is out of range; allowed: 0 to 23, for example 9-17 or */6"
        );
        assert_eq!(
            complaint("0 0 0 * * 1,8"),
            "field 6 of 6 (day of week) is \"1,8\": 8 is out of range; allowed: 0 to 7 (0 and 7 are Sunday) or SUN \
             to SAT, for example 1-5 or SAT,SUN"
        );
        assert_eq!(
            complaint("0 9 * MON *"),
            "field 4 of 5 (month) is \"MON\": \"MON\" is no month; allowed: 1 to 12 or JAN to DEC, for example 1-6 \
             or MAR,SEP"
        );
    }

    #[test]
    fn say_what_to_write_instead() {
        for (text, remedy) in [
            ("5/15 * * * *", "write 5-59/15"),
            ("*/90 * * * *", "a number from 1 to 59"),
            ("*/0 * * * *", "a number from 1 to 59"),
            ("*/+5 * * * *", "a number from 1 to 59"),
            ("*/ * * * *", "a number from 1 to 59"),
            ("-5 * * * *", "such as 0-59"),
            ("1,,2 * * * *", "nothing between two commas"),
            ("+5 * * * *", "\"+5\" is no minute"),
            ("1-2-3 * * * *", "\"2-3\" is no minute"),
            ("99999999999999999999 * * * *", "is out of range"),
            ("0 0 0 * *", "is out of range; allowed: 1 to 31"),
            ("0 0 ? * *", "write \"*\""),
            ("0 0 L * *", "the last, nearest or nth day can't be asked for"),
            ("0 0 15W * *", "the last, nearest or nth day can't be asked for"),
            ("0 0 * * FRI#2", "the last, nearest or nth day can't be asked for"),
            ("H * * * *", "write a fixed one"),
            ("0~59 * * * *", "write a fixed one"),
            ("0 0 * * su", "\"su\" is no day of week"),
            ("0 0 * * sundays", "\"sundays\" is no day of week"),
            ("@reboot", "for example @hourly"),
            ("@every 5m", "write \"*/5 * * * *\""),
            ("@fortnightly", "use @hourly, @daily"),
            ("@daily /usr/bin/backup", "use @hourly, @daily"),
            ("CRON_TZ=Europe/Berlin 0 9 * * *", "a setting of its own, `timezone`"),
            ("TZ=UTC 0 0 9 * * *", "a setting of its own, `timezone`"),
            ("", "write five fields"),
            (" \t\n", "write five fields"),
            ("hourly", "has 1 field, a schedule has five"),
            ("* * * *", "has 4 fields, a schedule has five"),
            ("0 0 12 * * MON 2027", "Years can't be given"),
            ("0 0 12 * * MON 2027 x", "has 8 fields"),
        ] {
            let complaint = complaint(text);
            assert!(complaint.contains(remedy), "{text:?}: {complaint}");
        }
    }

    #[test]
    fn a_day_that_no_month_has_is_one() {
        for text in [
            "0 0 31 2 *",
            "0 0 30-31 FEB *",
            "0 0 31 APR,JUN,SEP,NOV *",
            "0 0 0 30 2 *",
        ] {
            assert!(
                complaint(text).contains("never fires: none of its months has that day"),
                "{text}"
            );
        }
    }

    #[test]
    fn stay_short_however_long_the_text() {
        for text in [
            "x ".repeat(100_000),
            "é".repeat(100_000),
            format!("{} * * * *", "1-2-".repeat(100_000)),
        ] {
            assert!(complaint(&text).len() < 500);
        }
    }
}

/// A field of a crontab line as data, matched by counting from the start of each range.
#[derive(Clone, Debug)]
enum Item {
    Star { step: u32 },
    One(u32),
    Range { start: u32, end: u32, step: u32 },
}

impl Item {
    fn write(&self) -> String {
        match self {
            Item::Star { step: 1 } => "*".to_owned(),
            Item::Star { step } => format!("*/{step}"),
            Item::One(number) => number.to_string(),
            Item::Range { start, end, step: 1 } => format!("{start}-{end}"),
            Item::Range { start, end, step } => format!("{start}-{end}/{step}"),
        }
    }

    /// `first..=last` are the numbers that may be written, and `wraps_to` follows `last`.
    fn matches(&self, number: u32, first: u32, last: u32, wraps_to: u32) -> bool {
        let (start, end, step) = match *self {
            Item::Star { step } => (first, last, step),
            Item::One(only) => (only, only, 1),
            Item::Range { start, end, step } => (start, end, step),
        };
        let (mut at, mut walked) = (start, 0);
        loop {
            if walked % step == 0 && at == number {
                return true;
            }
            if at == end {
                return false;
            }
            at = if at == last { wraps_to } else { at + 1 };
            walked += 1;
        }
    }
}

/// A crontab line as data.
#[derive(Clone, Debug)]
struct Line {
    minute: Vec<Item>,
    hour: Vec<Item>,
    day: Vec<Item>,
    month: Vec<Item>,
    weekday: Vec<Item>,
}

impl Line {
    fn write(&self) -> String {
        let word = |items: &Vec<Item>| items.iter().map(Item::write).collect::<Vec<_>>().join(",");
        [&self.minute, &self.hour, &self.day, &self.month, &self.weekday]
            .map(word)
            .join(" ")
    }

    fn matches_day(&self, at: NaiveDateTime) -> bool {
        let day = self.day.iter().any(|item| item.matches(at.day(), 1, 31, 1));
        // Sunday is 0 and 7, and Monday follows upon 7.
        let numbers = match at.weekday().num_days_from_sunday() {
            0 => vec![0, 7],
            other => vec![other],
        };
        let weekday = numbers
            .iter()
            .any(|number| self.weekday.iter().any(|item| item.matches(*number, 0, 7, 1)));
        let starred = |items: &[Item]| matches!(items.first(), Some(Item::Star { .. }));
        let right_day = if starred(&self.day) || starred(&self.weekday) {
            day && weekday
        } else {
            day || weekday
        };
        right_day && self.month.iter().any(|item| item.matches(at.month(), 1, 12, 1))
    }

    fn matches(&self, at: NaiveDateTime) -> bool {
        self.minute.iter().any(|item| item.matches(at.minute(), 0, 59, 0))
            && self.hour.iter().any(|item| item.matches(at.hour(), 0, 23, 0))
            && self.matches_day(at)
    }

    /// The first matching minute after `after` and no later than `until`, by looking at each.
    fn search(&self, after: NaiveDateTime, until: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut at = after.with_second(0)? + TimeDelta::minutes(1);
        while at <= until {
            if !self.matches_day(at) {
                at = (at.date() + Days::new(1)).and_hms_opt(0, 0, 0)?;
            } else if self.matches(at) {
                return Some(at);
            } else {
                at += TimeDelta::minutes(1);
            }
        }
        None
    }

    /// The moments in `(after, until]`, by watching the clock minute by minute: one is due when the clock shows, or
    /// has just jumped over, a matching time that it hasn't shown before.
    fn watch(&self, after: DateTime<Utc>, until: DateTime<Utc>, zone: Tz) -> Vec<DateTime<Utc>> {
        let shown = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
        let mut at = after.with_second(0).expect("a full minute") - TimeDelta::days(2);
        let mut latest = shown(at);
        let mut due = Vec::new();
        while at < until {
            at += TimeDelta::minutes(1);
            let now = shown(at);
            if now > latest && self.search(latest, now).is_some() && at > after && at <= until {
                due.push(at);
            }
            latest = latest.max(now);
        }
        due
    }
}

fn item(first: u32, last: u32) -> impl Strategy<Value = Item> {
    prop_oneof![
        1 => Just(Item::Star { step: 1 }),
        1 => (1..=last).prop_map(|step| Item::Star { step }),
        3 => (first..=last).prop_map(Item::One),
        2 => (first..=last, first..=last, prop_oneof![Just(1), 1..=last])
            // To a walker that goes from 7 to 1, a range to 0 after a later day has no end.
            .prop_filter("7-0", move |(start, end, _)| last != 7 || *end != 0 || start == end)
            .prop_map(|(start, end, step)| Item::Range { start, end, step }),
    ]
}

fn items(first: u32, last: u32) -> impl Strategy<Value = Vec<Item>> {
    prop_oneof![
        2 => Just(vec![Item::Star { step: 1 }]),
        3 => prop::collection::vec(item(first, last), 1..4),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    (items(0, 59), items(0, 23), items(1, 31), items(1, 12), items(0, 7)).prop_map(
        |(minute, hour, day, month, weekday)| Line {
            minute,
            hour,
            day,
            month,
            weekday,
        },
    )
}

/// A line that fires several times a day, so that a change of clocks meets it.
fn busy_line() -> impl Strategy<Value = Line> {
    let any = || vec![Item::Star { step: 1 }];
    (items(0, 59), items(0, 23)).prop_map(move |(minute, hour)| Line {
        minute,
        hour,
        day: any(),
        month: any(),
        weekday: any(),
    })
}

/// A zone, and an instant within a day of a change of its clocks, often within two hours.
fn change_of_clocks() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let changes = vec![
        (Berlin, "2026-03-29 01:00"),
        (Berlin, "2026-10-25 01:00"),
        (Cairo, "2026-04-23 22:00"),
        (Cairo, "2026-10-29 21:00"),
        (New_York, "2026-03-08 07:00"),
        (New_York, "2026-11-01 06:00"),
        (Lord_Howe, "2026-10-03 15:30"),
        (Lord_Howe, "2026-04-04 15:00"),
        (Apia, "2011-12-30 10:00"),
        (Kathmandu, "1985-12-31 18:30"),
        (UTC, "2026-03-29 01:00"),
    ];
    (
        prop::sample::select(changes),
        prop_oneof![-86_400..86_400_i64, -7_200..7_200_i64],
    )
        .prop_map(|((zone, change), seconds)| (zone, utc(change) + TimeDelta::seconds(seconds)))
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (-5_000_000_000_i64..5_000_000_000, 0..2_000_000_000_u32)
        .prop_filter_map("a leap second needs second 59", |(seconds, nanos)| {
            DateTime::from_timestamp(seconds, nanos)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_line_matches_what_a_plain_reading_of_it_matches(
        line in line(),
        start in 946_684_800_i64..2_500_000_000,
    ) {
        let text = line.write();
        let after = DateTime::from_timestamp(start, 0).expect("in range");
        let horizon = after + TimeDelta::days(2 * 366);
        match Schedule::parse(&text) {
            Ok(schedule) => {
                let mut now = after;
                for _ in 0..5 {
                    let next = schedule.next_after(now, UTC).expect("not the year 2100 yet");
                    let searched = line.search(now.naive_utc(), horizon.naive_utc()).map(|at| at.and_utc());
                    prop_assert_eq!(Some(next).filter(|next| *next <= horizon), searched, "{} after {}", text, now);
                    if next > horizon {
                        prop_assert!(line.matches(next.naive_utc()), "{} at {}", text, next);
                        break;
                    }
                    now = next;
                }
            }
            Err(error) => {
                prop_assert_eq!(&error, &ScheduleError::never(&text));
                let leap_cycle = after + TimeDelta::days(9 * 366);
                prop_assert_eq!(line.search(after.naive_utc(), leap_cycle.naive_utc()), None);
            }
        }
    }

    #[test]
    fn over_a_change_of_clocks_it_fires_when_the_watched_clock_first_shows_it(
        line in busy_line(),
        (zone, after) in change_of_clocks(),
    ) {
        let schedule = schedule(&line.write());
        let until = after + TimeDelta::days(2);
        let due: Vec<_> = iter::successors(schedule.next_after(after, zone), |at| schedule.next_after(*at, zone))
            .take_while(|at| *at <= until)
            .collect();
        let watched = line.watch(after, until, zone);
        // The first difference alone: lists of a thousand moments are hard to read.
        let differs = iter::zip(&due, &watched).find(|(due, watched)| due != watched);
        prop_assert_eq!(differs, None, "{} in {} after {}", schedule, zone, after);
        prop_assert_eq!(due.len(), watched.len(), "{} in {} after {}", schedule, zone, after);
    }

    #[test]
    fn the_next_moment_is_always_later_and_none_lies_between(
        line in line(),
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        after in instant(),
        share in 0.0..1.0_f64,
    ) {
        if let Ok(schedule) = Schedule::parse(&line.write()) {
            if let Some(next) = schedule.next_after(after, zone) {
                prop_assert!(next > after);
                prop_assert!(schedule.missed_since(after, next, zone));
                let between = after + (next - after).to_std().expect("later").mul_f64(share);
                if between < next {
                    prop_assert_eq!(schedule.next_after(between, zone), Some(next));
                }
            } else {
                prop_assert!(after.year() > 2090);
            }
        }
    }

    #[test]
    fn jitter_never_reaches_the_second_half(
        line in busy_line(),
        (zone, after) in change_of_clocks(),
        most in any::<Duration>(),
        random in any::<u64>(),
    ) {
        let schedule = schedule(&line.write());
        let tick = schedule.next_after(after, zone).expect("a moment");
        let next = schedule.next_after(tick, zone).expect("a moment");
        let jitter = schedule.jitter(tick, zone, most, random);
        prop_assert!(jitter <= most);
        prop_assert!(jitter * 2 <= (next - tick).to_std().expect("later"));
    }

    #[test]
    fn any_text_is_a_schedule_or_an_error_on_one_line(
        text in prop_oneof![
            any::<String>(),
            "[-0-9*/,?#LWHa-zA-Z@~+]{0,6}( [-0-9*/,LA-Z]{1,6}){3,6}",
            "@[a-z]{0,9}( .*)?",
        ],
    ) {
        match Schedule::parse(&text) {
            Ok(schedule) => prop_assert_eq!(schedule.to_string(), text),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}

#[test]
fn at_the_ends_of_time_it_answers_too() {
    let yearly = schedule("@yearly");
    for zone in [UTC, Berlin, Apia] {
        assert!(yearly.next_after(DateTime::<Utc>::MIN_UTC, zone).is_some());
        assert_eq!(yearly.next_after(DateTime::<Utc>::MAX_UTC, zone), None);
        assert_eq!(yearly.next_after(utc("2100-12-31 23:59:59"), zone), None);
    }
}

#[test]
fn a_fraction_of_a_second_is_later_than_its_second() {
    let every_minute = schedule("* * * * *");
    let moment = utc("2026-05-01 12:00");
    let a_little = TimeDelta::milliseconds(1);
    assert_eq!(every_minute.next_after(moment - a_little, UTC), Some(moment));
    assert_eq!(
        every_minute.next_after(moment + a_little, UTC),
        Some(utc("2026-05-01 12:01"))
    );
}
