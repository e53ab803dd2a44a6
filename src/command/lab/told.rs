//! The meaning of a ratio's interval in words: more, less, the same, or undecided.

use serde::{Deserialize, Serialize};

use crate::analysis::metric::MARGIN;
use crate::analysis::standings::away;
use crate::statistics::Interval;

/// The largest ratio that is written in full.
const MOST: f64 = 1_000.0;

/// How many times as much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    pub(super) ratio: f64,
    pub(super) interval: Interval,
}

/// The ratio of two figures in words, given the noise between two equal cells; `None` if it is
/// undecided.
pub(super) fn compared(
    model: &str,
    what: &str,
    against: &str,
    over: Times,
    least: Option<f64>,
) -> Option<String> {
    let Times { ratio, interval } = over;
    let times = times(ratio, interval);
    match tell(ratio, interval, least) {
        Told::More | Told::Less => Some(format!("{model}: {what} takes {times} {against}.")),
        Told::Same => Some(format!(
            "{model}: {what} takes {against}, within {:.0} %: {times}.",
            MARGIN * 100.0
        )),
        Told::Noise => Some(format!(
            "{model}: {what} takes {times} {against}, which is within the A/A noise floor."
        )),
        Told::Nothing => None,
    }
}

/// How many times as much, in words.
pub(super) fn times(ratio: f64, interval: Interval) -> String {
    // With two rounds an interval may be too wide to write out.
    let end = |value: f64| {
        if value < MOST { format!("{value:.2}") } else { format!("over {MOST:.0}") }
    };
    format!("{ratio:.2} times [{}, {}]", end(interval.low), end(interval.high))
}

/// The meaning of a ratio's interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    More,
    Less,
    Same,
    Noise,
    Nothing,
}

/// The meaning of a ratio's interval, given the noise between two equal cells.
pub(super) fn tell(ratio: f64, interval: Interval, least: Option<f64>) -> Told {
    let told = by_interval(interval);
    let least = least.unwrap_or(0.0);
    match told {
        Told::More | Told::Less if away(ratio) < least => Told::Noise,
        Told::Same if least > MARGIN => Told::Noise,
        told => told,
    }
}

fn by_interval(interval: Interval) -> Told {
    // A difference that is too small to matter counts as none, however sure it is.
    if interval.low > 1.0 / (1.0 + MARGIN) && interval.high < 1.0 + MARGIN {
        Told::Same
    } else if interval.low > 1.0 {
        Told::More
    } else if interval.high < 1.0 {
        Told::Less
    } else {
        Told::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_tells_more_less_the_same_or_nothing() {
        let told = |low, high| tell((low + high) / 2.0, Interval { low, high }, None);
        assert_eq!(told(1.2, 1.4), Told::More);
        assert_eq!(told(0.5, 0.9), Told::Less);
        assert_eq!(told(0.97, 1.04), Told::Same);
        assert_eq!(told(1.001, 1.01), Told::Same, "sure, and too small to matter");
        assert_eq!(told(0.9, 1.3), Told::Nothing);
    }

    #[test]
    fn an_interval_without_an_end_has_no_digits_for_it() {
        assert_eq!(times(1.5, Interval { low: 1.25, high: 999.5 }), "1.50 times [1.25, 999.50]");
        assert_eq!(
            times(20.0, Interval { low: 1e-9, high: 8e17 }),
            "20.00 times [0.00, over 1000]"
        );
    }

    #[test]
    fn nothing_is_told_that_two_equal_cells_differ_by_too() {
        let told = |low, high, least| tell((low + high) / 2.0, Interval { low, high }, Some(least));
        assert_eq!(told(1.2, 1.4, 0.29), Told::More);
        assert_eq!(told(1.2, 1.4, 0.31), Told::Noise);
        assert_eq!(told(0.7, 0.8, 0.32), Told::Less);
        assert_eq!(told(0.7, 0.8, 0.34), Told::Noise);
        assert_eq!(told(0.99, 1.01, 0.04), Told::Same);
        assert_eq!(told(0.99, 1.01, 0.06), Told::Noise, "sameness within less than the noise");
        assert_eq!(told(0.9, 1.3, 0.5), Told::Nothing);
    }
}
