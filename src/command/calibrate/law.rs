//! When a calibration server replies: a law of the request's arrival and its number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::base::units::{ns, parse_duration};

/// When a reply leaves. Times are nanoseconds since the server was ready.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// At once, and as cheaply as can be: nothing is timed or recorded.
    None,
    /// Each reply so long after its request.
    Fixed {
        /// So long.
        latency: Duration,
    },
    /// The first latency for this share of the requests and the second for the others, which are
    /// spread evenly: the shares are exact, and not drawn.
    Bimodal {
        /// Of most.
        usual: Duration,
        /// How many in a million have it.
        usual_ppm: u64,
        /// Of the others.
        rare: Duration,
    },
    /// At once, except at the beginning of each period: what arrives then is answered at its end.
    Stall {
        /// How long it stands still.
        stall: Duration,
        /// How often.
        period: Duration,
    },
    /// The first latency at first, growing evenly to the second; then that.
    Ramp {
        /// At first.
        from: Duration,
        /// At last.
        to: Duration,
        /// How long it grows.
        over: Duration,
    },
}

impl Law {
    /// When the reply to request `number`, from 0, is due that arrived at `arrived`.
    #[must_use]
    pub fn reply_at(&self, arrived: u64, number: u64) -> u64 {
        match *self {
            Self::None => arrived,
            Self::Fixed { latency } => arrived + ns(latency),
            Self::Bimodal { usual, usual_ppm, rare } => {
                let rare_ppm = u128::from(1_000_000 - usual_ppm);
                let rare_until = |n: u64| u128::from(n) * rare_ppm / 1_000_000;
                let is_rare = rare_until(number + 1) > rare_until(number);
                arrived + ns(if is_rare { rare } else { usual })
            }
            Self::Stall { stall, period } => {
                let since = arrived % ns(period);
                arrived + ns(stall).saturating_sub(since)
            }
            Self::Ramp { from, to, over } => {
                let (from, to) = (u128::from(ns(from)), u128::from(ns(to)));
                let (at, over) = (u128::from(arrived.min(ns(over))), u128::from(ns(over)));
                let latency = (from * (over - at) + to * at) / over;
                arrived + u64::try_from(latency).unwrap_or(u64::MAX / 4)
            }
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = humantime::format_duration;
        match *self {
            Self::None => f.write_str(NONE),
            Self::Fixed { latency } => write!(f, "fixed:{}", show(latency)),
            Self::Bimodal { usual, usual_ppm, rare } => {
                let percent = usual_ppm as f64 / 10_000.0;
                write!(f, "bimodal:{}@{percent}%,{}", show(usual), show(rare))
            }
            Self::Stall { stall, period } => write!(f, "stall:{}/{}", show(stall), show(period)),
            Self::Ramp { from, to, over } => {
                write!(f, "ramp:{}..{}/{}", show(from), show(to), show(over))
            }
        }
    }
}

impl FromStr for Law {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is not a law: write fixed:1ms, bimodal:1ms@99%,50ms, stall:100ms/1s, ramp:1ms..10ms/10s, \
                 or none"
            )
        };
        if text == NONE {
            return Ok(Self::None);
        }
        let (name, rest) = text.split_once(':').ok_or_else(wrong)?;
        let pair = |text: &str, by: &str| {
            let (one, other) = text.split_once(by).ok_or_else(wrong)?;
            Ok::<_, String>((parse_duration(one)?, parse_duration(other)?))
        };
        let some = |duration: Duration| {
            let holds = (1..=HOUR_NS).contains(&ns(duration));
            if holds { Ok(duration) } else { Err(format!("'{text}': must be from 1ns to 1h")) }
        };
        match name {
            "fixed" => Ok(Self::Fixed { latency: some(parse_duration(rest)?)? }),
            "bimodal" => {
                let (usual, rest) = rest.split_once('@').ok_or_else(wrong)?;
                let (percent, rare) = rest.split_once("%,").ok_or_else(wrong)?;
                let usual_ppm = parse_ppm(percent).ok_or_else(wrong)?;
                let (usual, rare) = (some(parse_duration(usual)?)?, some(parse_duration(rare)?)?);
                Ok(Self::Bimodal { usual, usual_ppm, rare })
            }
            "stall" => {
                let (stall, period) = pair(rest, "/")?;
                if stall >= period {
                    return Err(format!("'{text}': a stall must be shorter than its period"));
                }
                Ok(Self::Stall { stall: some(stall)?, period: some(period)? })
            }
            "ramp" => {
                let (range, over) = rest.split_once('/').ok_or_else(wrong)?;
                let (from, to) = pair(range, "..")?;
                let over = some(parse_duration(over)?)?;
                Ok(Self::Ramp { from: some(from)?, to: some(to)?, over })
            }
            _ => Err(wrong()),
        }
    }
}

/// The law of a server that has none.
const NONE: &str = "none";

const HOUR_NS: u64 = 3_600_000_000_000;

/// A percentage with up to four digits after the point, in millionths.
fn parse_ppm(percent: &str) -> Option<u64> {
    let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 4 {
        return None;
    }
    let ppm = whole.parse::<u64>().ok()?.checked_mul(10_000)?
        + format!("{part:0<4}").parse::<u64>().ok()?;
    (ppm <= 1_000_000).then_some(ppm)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn law(text: &str) -> Law {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_law_is_read_and_written_alike() {
        let laws = [
            "none",
            "fixed:1ms",
            "bimodal:1ms@99.25%,50ms",
            "stall:100ms/1s",
            "ramp:1ms..10ms/10s",
        ];
        for text in laws {
            assert_eq!(law(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_law_is_refused_with_examples() {
        for text in ["", "fixed", "fixed:0s", "fast:1ms", "stall:1s/1s", "bimodal:1ms@101%,2ms"] {
            let error = text.parse::<Law>().expect_err(text);
            assert!(error.contains(text) && error.len() > 20, "{error}");
        }
        assert!(
            "ramp:1ms..2ms".parse::<Law>().expect_err("no time").contains("ramp:1ms..10ms/10s")
        );
        assert!("fixed:10".parse::<Law>().expect_err("no unit").contains("10s"));
    }

    #[test]
    fn the_rare_ones_come_in_exactly_their_share() {
        for (text, rare) in [("99%", 100), ("99.9%", 10), ("50%", 5_000), ("100%", 0)] {
            let law = law(&format!("bimodal:1ms@{text},50ms"));
            let slow = (0..10_000).filter(|n| law.reply_at(7, *n) == 7 + 50 * MS).count();
            assert_eq!(slow, rare);
        }
    }

    #[test]
    fn a_stall_holds_what_arrives_in_it_until_its_end() {
        let law = law("stall:100ms/1s");
        for (arrived, reply) in [(0, 100), (99, 100), (100, 100), (999, 999), (3_040, 3_100)] {
            assert_eq!(law.reply_at(arrived * MS, 0), reply * MS);
        }
    }

    #[test]
    fn a_ramp_grows_evenly_and_ends() {
        let law = law("ramp:1ms..11ms/10s");
        for (arrived, latency) in [(0, 1), (5_000, 6), (10_000, 11), (60_000, 11)] {
            assert_eq!(law.reply_at(arrived * MS, 0), (arrived + latency) * MS);
        }
    }
}
