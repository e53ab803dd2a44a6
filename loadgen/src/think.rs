//! How long a client thinks between a reply and its next request, and which clients are thinking.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::LoadError;
use crate::clock::to_ns;

/// The longest think time.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long clients think.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Think {
    /// The distribution that each wait is drawn from.
    pub time: ThinkTime,
    /// The same seed gives each client the same think times, whatever the number of threads.
    pub seed: u64,
}

/// The distribution of think times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkTime {
    /// Always the same.
    Constant(Duration),
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: Duration,
    },
    /// Uniform between two times.
    Uniform {
        /// The shortest.
        low: Duration,
        /// The longest.
        high: Duration,
    },
}

impl ThinkTime {
    /// The mean.
    #[must_use]
    pub fn mean(self) -> Duration {
        match self {
            Self::Constant(time) | Self::Exponential { mean: time } => time,
            Self::Uniform { low, high } => (low + high) / 2,
        }
    }

    pub(crate) fn check(self) -> Result<(), LoadError> {
        let (low, high) = match self {
            Self::Uniform { low, high } => (low, high),
            other => (Duration::ZERO, other.mean()),
        };
        if low <= high && high <= LONGEST {
            return Ok(());
        }
        let what = "a think time must be at most a day, and its range must begin below its end";
        Err(LoadError::Invalid { what })
    }
}

impl Think {
    /// Wait number `n` of client number `client`, in nanoseconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a wait is a day at most: 47 bits of nanoseconds"
    )]
    pub(crate) fn draw(&self, client: u64, n: u64) -> u64 {
        // From 2^-53 to 1, so that its logarithm is finite.
        let unit = || {
            let bits = mix(mix(self.seed ^ mix(client)).wrapping_add(n));
            ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
        };
        match self.time {
            ThinkTime::Constant(time) => to_ns(time),
            ThinkTime::Exponential { mean } => (-unit().ln() * to_ns(mean) as f64) as u64,
            ThinkTime::Uniform { low, high } => {
                let (low, high) = (to_ns(low), to_ns(high));
                low + (unit() * (high - low) as f64) as u64
            }
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014) on its golden-ratio sequence.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// The clients that think, and until when. It allocates nothing as long as each client is in it at most
/// once.
#[derive(Debug)]
pub(crate) struct Thinkers(BinaryHeap<Reverse<(u64, usize)>>);

impl Thinkers {
    /// No clients yet, with room for `clients`.
    pub(crate) fn new(clients: usize) -> Self {
        Self(BinaryHeap::with_capacity(clients))
    }

    pub(crate) fn push(&mut self, until: u64, client: usize) {
        self.0.push(Reverse((until, client)));
    }

    /// When the first client stops thinking; `u64::MAX` if none thinks.
    pub(crate) fn next(&self) -> u64 {
        self.0.peek().map_or(u64::MAX, |Reverse((until, _))| *until)
    }

    /// The next client that has stopped thinking by `now`.
    pub(crate) fn pop(&mut self, now: u64) -> Option<usize> {
        (self.next() <= now).then(|| self.0.pop()).flatten().map(|Reverse((_, client))| client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn think(time: ThinkTime) -> Think {
        Think { time, seed: 7 }
    }

    #[test]
    fn times_are_those_of_their_distribution() {
        let ms = Duration::from_millis;
        for time in [
            ThinkTime::Constant(ms(10)),
            ThinkTime::Exponential { mean: ms(10) },
            ThinkTime::Uniform { low: ms(5), high: ms(15) },
        ] {
            let draws: Vec<u64> = (0..20_000).map(|n| think(time).draw(n % 7, n)).collect();
            let mean = draws.iter().sum::<u64>() / 20_000;
            let expected = to_ns(time.mean());
            assert!(mean.abs_diff(expected) < expected / 20, "{time:?}: {mean}");
            let longer = draws.iter().filter(|draw| **draw > expected).count();
            match time {
                ThinkTime::Constant(_) => assert_eq!(longer, 0),
                // 1/e of them.
                ThinkTime::Exponential { .. } => assert!((7_000..7_700).contains(&longer)),
                ThinkTime::Uniform { low, high } => {
                    assert!((9_700..10_300).contains(&longer));
                    assert!(draws.iter().all(|d| (to_ns(low)..=to_ns(high)).contains(d)));
                }
            }
        }
    }

    #[test]
    fn a_seed_makes_the_same_waits_and_another_others() {
        let (a, b) = (think(ThinkTime::Exponential { mean: LONGEST }), 8);
        assert_eq!(a.draw(3, 5), a.draw(3, 5));
        assert_ne!(a.draw(3, 5), Think { seed: b, ..a }.draw(3, 5));
        assert_ne!(a.draw(3, 5), a.draw(4, 5));
        assert_ne!(a.draw(3, 5), a.draw(3, 6));
    }

    #[test]
    fn who_is_through_first_is_first() {
        let mut thinkers = Thinkers::new(3);
        assert_eq!((thinkers.next(), thinkers.pop(u64::MAX)), (u64::MAX, None));
        [(30, 0), (10, 1), (20, 2)].into_iter().for_each(|(until, who)| thinkers.push(until, who));
        assert_eq!((thinkers.next(), thinkers.pop(9)), (10, None));
        assert_eq!(
            (thinkers.pop(20), thinkers.pop(20), thinkers.pop(20)),
            (Some(1), Some(2), None)
        );
    }
}
