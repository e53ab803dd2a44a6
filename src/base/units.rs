//! Parses durations, sizes and rates: `500us`, `64KiB`, `50k`.

use std::fmt::Display;
use std::time::Duration;

/// A duration such as `10s`, `500us` or `1m 30s`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}: write a number and a unit, as in 10s, 500us or 2m"))
}

/// A count such as `50`, `50k` or `1M`, in powers of 1,000.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_count(text: &str) -> Result<usize, String> {
    parse_size::Config::new()
        .with_byte_suffix(parse_size::ByteSuffix::Deny)
        .parse_size(text)
        .map_err(|error| format!("{error}: write a whole number, as in 50, 50k or 1M"))
        .and_then(|n| usize::try_from(n).map_err(|_| "too large".to_string()))
}

/// A share such as `5%` or `0.05`, as a number from 0 to 1.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    let share = digits.trim().parse::<f64>().map(|share| share / scale);
    share
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a share from 0 to 1, as in 5% or 0.05".to_string())
}

/// A size in bytes such as `64`, `16KiB` or `1MB`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    parse_size::parse_size(text)
        .map_err(|error| format!("{error}: write a number of bytes, as in 64, 16KiB or 1MB"))
        .and_then(|n| usize::try_from(n).map_err(|_| "too large".to_string()))
}

/// A rate per second such as `20000`, `20k` or `0.5`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is not a rate: write requests per second, as in 500, 20k");
    let (number, scale) = match text.trim_end_matches("/s") {
        text if text.ends_with(['k', 'K']) => (&text[..text.len() - 1], 1e3),
        text if text.ends_with(['m', 'M']) => (&text[..text.len() - 1], 1e6),
        text => (text, 1.0),
    };
    let rate = number.parse::<f64>().map_err(|_| wrong())? * scale;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err(wrong()) }
}

/// A list of processors such as `0`, `0,2` or `0-3`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_cpus(text: &str) -> Result<Vec<usize>, String> {
    let wrong = || format!("'{text}' is not a list of processors: write 0, 0,2 or 0-3");
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let parse = |n: &str| n.trim().parse::<usize>().map_err(|_| wrong());
        let (first, last) = (parse(first)?, parse(last)?);
        if last < first || last - first > 4096 {
            return Err(wrong());
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

/// Processors as [`parse_cpus`] reads them.
#[must_use]
pub fn show_cpus(cpus: &[usize]) -> String {
    cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A part of a load such as `0/3`: the first of three.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_shard(text: &str) -> Result<(u64, u64), String> {
    let wrong =
        || format!("'{text}' is not a part: write K/N with K from 0, as in 0/3, 1/3 and 2/3");
    let (k, n) = text.split_once('/').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let (k, n) = (number(k)?, number(n)?);
    if k < n { Ok((k, n)) } else { Err(wrong()) }
}

/// A time such as `2026-01-31T23:59:59Z`, as what has passed since the Unix epoch.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = |error: &dyn Display| {
        format!(
            "{error}: write a time in UTC, as in 2026-01-31T23:59:59Z or as date -u +%FT%TZ prints it"
        )
    };
    let time = humantime::parse_rfc3339_weak(text).map_err(|error| wrong(&error))?;
    time.duration_since(std::time::UNIX_EPOCH).map_err(|error| wrong(&error))
}

/// A count, of bytes or nanoseconds say, as a figure to calculate with.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub fn as_f64(n: u64) -> f64 {
    n as f64
}

/// Whole nanoseconds, as documents have them.
#[must_use]
pub fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Now, RFC 3339, UTC, in whole seconds.
#[must_use]
pub fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

/// A time of [`now`] without what file names do not like: `20260131T235959Z`.
#[must_use]
pub fn compact(time: &str) -> String {
    time.chars().filter(|c| !"-:".contains(*c)).collect()
}

/// Nanoseconds as people read them: three significant digits and the unit that fits.
#[must_use]
pub fn show_ns(ns: u64) -> String {
    show_ns_f64(as_f64(ns))
}

/// As [`show_ns`], for figures with a fraction.
#[must_use]
pub fn show_ns_f64(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{} us", three_digits(ns / 1e3)),
        ns if ns < 1e9 => format!("{} ms", three_digits(ns / 1e6)),
        ns => format!("{} s", three_digits(ns / 1e9)),
    }
}

/// So many of a thing, whose plural has an s.
#[must_use]
pub fn counted<N: Display + PartialEq + From<u8>>(n: N, one: &str) -> String {
    let s = if n == N::from(1) { "" } else { "s" };
    format!("{n} {one}{s}")
}

/// A count with three significant digits and k, M or G.
#[must_use]
pub fn show_count(n: f64) -> String {
    match n {
        n if n < 1e3 => three_digits(n),
        n if n < 1e6 => format!("{}k", three_digits(n / 1e3)),
        n if n < 1e9 => format!("{}M", three_digits(n / 1e6)),
        n => format!("{}G", three_digits(n / 1e9)),
    }
}

/// Bytes with three significant digits and a binary unit.
#[must_use]
pub fn show_bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1024.0 => format!("{b:.0} B"),
        b if b < 1024.0 * 1024.0 => format!("{} KiB", three_digits(b / 1024.0)),
        b if b < 1024.0 * 1024.0 * 1024.0 => format!("{} MiB", three_digits(b / 1048576.0)),
        b => format!("{} GiB", three_digits(b / 1073741824.0)),
    }
}

fn three_digits(n: f64) -> String {
    match n {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        assert_eq!(parse_duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(parse_count("50k"), Ok(50_000));
        assert_eq!(parse_bytes("64KiB"), Ok(65_536));
        assert_eq!(parse_rate("20k"), Ok(20_000.0));
        assert_eq!(parse_rate("0.5/s"), Ok(0.5));
        assert_eq!(parse_cpus("0,2-4"), Ok(vec![0, 2, 3, 4]));
        assert_eq!(parse_shard("2/3"), Ok((2, 3)));
        assert_eq!(parse_time("1970-01-02T00:00:01Z"), Ok(Duration::from_secs(86_401)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_an_example() {
        for (error, example) in [
            (parse_duration("10").expect_err("no unit"), "10s"),
            (parse_count("many").expect_err("no number"), "50k"),
            (parse_bytes("1 furlong").expect_err("no unit of bytes"), "16KiB"),
            (parse_rate("-1").expect_err("negative"), "20k"),
            (parse_rate("nan").expect_err("not a number"), "20k"),
            (parse_cpus("3-1").expect_err("backwards"), "0-3"),
            (parse_shard("3/3").expect_err("counted from 1"), "2/3"),
            (parse_time("soon").expect_err("no time"), "date -u"),
        ] {
            assert!(error.contains(example), "{error}");
        }
    }

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(show_ns(999), "999 ns");
        assert_eq!(show_ns(12_345), "12.3 us");
        assert_eq!(show_ns(999_960), "1000 us");
        assert_eq!(show_ns(1_234_567_890), "1.23 s");
        assert_eq!(show_count(123_456.0), "123k");
        assert_eq!(show_count(1_234_000_000.0), "1.23G");
        assert_eq!(
            (counted(1, "trial"), counted(0_u64, "trial")),
            ("1 trial".into(), "0 trials".into())
        );
        assert_eq!(show_bytes(1536.0), "1.50 KiB");
    }
}
