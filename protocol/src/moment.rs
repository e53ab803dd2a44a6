//! Moments: the date and time for people, and a time that never goes backwards.
//!
//! This crate has no clock. Its user passes a [`Clock`] in, so that tests decide what time it is.

use core::fmt::{self, Debug};
use core::time::Duration;

const DAY_S: i64 = 24 * 60 * 60;

/// Tells the time.
pub trait Clock: Debug + Sync {
    /// The time now.
    fn now(&self) -> Moment;

    /// How far the time zone is ahead of UTC at a time, in seconds since the beginning of 1970.
    fn offset_s(&self, unix_s: i64) -> i32;

    /// The date and time of day then, in the time zone.
    fn date(&self, unix_s: i64) -> Date {
        Date { unix_s, offset_s: self.offset_s(unix_s) }
    }

    /// The date and time of day now.
    fn date_now(&self) -> Date {
        self.date(self.now().unix_s)
    }
}

/// A moment by two clocks: one for people, which may be set, and one for measuring, which may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since the beginning of 1970 in UTC.
    pub unix_s: i64,
    /// Nanoseconds of a clock that only goes forward.
    pub monotonic_ns: u64,
}

impl Moment {
    /// How long after `earlier` it is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.monotonic_ns.saturating_sub(earlier.monotonic_ns))
    }
}

/// A date and time of day in a time zone. It is displayed as `2026-11-29 12:34:56 +01:00`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Date {
    /// Seconds since the beginning of 1970 in UTC.
    pub unix_s: i64,
    /// How far the time zone is ahead of UTC, in seconds.
    pub offset_s: i32,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local_s = self.unix_s.saturating_add(self.offset_s.into());
        let (year, month, day) = civil(local_s.div_euclid(DAY_S));
        let second = local_s.rem_euclid(DAY_S);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let (sign, offset) = (if self.offset_s < 0 { '-' } else { '+' }, self.offset_s.abs() / 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} ")?;
        write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
    }
}

/// Year, month and day in the Gregorian calendar, by Howard Hinnant's `civil_from_days`: years
/// begin in March, so that the leap day is the last, and come in eras of 400.
fn civil(days_since_1970: i64) -> (i64, i64, i64) {
    const ERA_DAYS: i64 = 146_097;
    let days = days_since_1970 + 719_468;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + 400 * era + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn shown(unix_s: i64, offset_s: i32) -> alloc::string::String {
        Date { unix_s, offset_s }.to_string()
    }

    #[test]
    fn a_date_is_shown_in_its_time_zone() {
        // From date(1): `TZ=... date -d @N '+%F %T %:z'`.
        assert_eq!(shown(0, 0), "1970-01-01 00:00:00 +00:00");
        assert_eq!(shown(1_795_952_096, 3600), "2026-11-29 12:34:56 +01:00");
        assert_eq!(shown(1_709_164_800, 0), "2024-02-29 00:00:00 +00:00");
        assert_eq!(shown(1_709_251_199, 0), "2024-02-29 23:59:59 +00:00");
        assert_eq!(shown(951_782_400, 19_800), "2000-02-29 05:30:00 +05:30");
        assert_eq!(shown(4_107_542_400, -12_600), "2100-02-28 20:30:00 -03:30");
        assert_eq!(shown(-1, 0), "1969-12-31 23:59:59 +00:00");
    }

    #[test]
    fn every_day_of_four_hundred_years_follows_the_one_before() {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil(days), (year, month, day));
            let last = match month {
                2 => 28 + i64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn time_does_not_go_backwards() {
        let at = |monotonic_ns| Moment { monotonic_ns, ..Moment::default() };
        assert_eq!(at(7).since(at(2)), Duration::from_nanos(5));
        assert_eq!(at(2).since(at(7)), Duration::ZERO);
    }
}
