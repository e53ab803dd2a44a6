//! Distributions: numbers that differ between requests and follow from a request's tag.
//!
//! A draw is a pure function of a seed and an index, so no draw has to be communicated. A client
//! sizes request 17 and checks its reply by the same draw, and generators that share a load agree
//! without messages.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::RangeInclusive;

/// Shares and sigmas are whole numbers of millionths, so that laws can be compared and recorded
/// without loss.
const MILLION: u32 = 1_000_000;

/// The most that can lie between the median and the largest draw of a lognormal law, in sigmas:
/// what 53 random bits can make.
const SIGMAS_MAX: f64 = 8.6;

/// The same for an exponential law, in means: 53 ln 2, rounded up.
const MEANS_MAX: f64 = 36.8;

/// How numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Always the same.
    Fixed(u64),
    /// Every whole number of a range with equal probability, both ends included.
    Uniform {
        /// The smallest.
        from: u64,
        /// The largest.
        to: u64,
    },
    /// Exponential: many small ones, and a tail.
    Exponential {
        /// The mean.
        mean: u64,
    },
    /// Lognormal: half of them below the median, and a tail that sigma makes long.
    LogNormal {
        /// The median.
        median: u64,
        /// Standard deviation of the logarithm, in millionths.
        sigma_ppm: u32,
    },
    /// One of two.
    Bimodal {
        /// The first.
        small: u64,
        /// How many of a million are the first.
        small_ppm: u32,
        /// The other.
        large: u64,
    },
}

/// A law, and the range that its draws are kept to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    law: Law,
    least: u64,
    most: u64,
}

impl Draw {
    /// Draws of this law, wherever they lie.
    #[must_use]
    pub fn new(law: Law) -> Self {
        Self { law, least: 0, most: u64::MAX }
    }

    /// Always the same.
    #[must_use]
    pub fn fixed(value: u64) -> Self {
        Self::new(Law::Fixed(value))
    }

    /// Reads `64`, `uniform:16..4096`, `exp:500`, `lognormal:500,1.5` or `bimodal:64@90%,4096`;
    /// `unit` reads the numbers in it.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text and what would be right.
    pub fn parse(text: &str, unit: impl Fn(&str) -> Result<u64, String>) -> Result<Self, String> {
        let Some((law, rest)) = text.split_once(':') else { return unit(text).map(Self::fixed) };
        let shape = |shape: &str| format!("'{text}': write {shape}");
        let law = match law {
            "fixed" => Law::Fixed(unit(rest)?),
            "uniform" => {
                let (from, to) =
                    rest.split_once("..").ok_or_else(|| shape("uniform:LEAST..MOST"))?;
                let (from, to) = (unit(from)?, unit(to)?);
                if from > to {
                    return Err(shape("uniform:MIN..MAX, with MIN below MAX"));
                }
                Law::Uniform { from, to }
            }
            "exp" => Law::Exponential { mean: unit(rest)? },
            "lognormal" => {
                let (median, sigma) =
                    rest.rsplit_once(',').ok_or_else(|| shape("lognormal:MEDIAN,SIGMA"))?;
                let sigma_ppm = millionths(sigma, 1.0)
                    .filter(|ppm| (1..=4 * MILLION).contains(ppm))
                    .ok_or_else(|| shape("lognormal:MEDIAN,SIGMA with a sigma of at most 4"))?;
                Law::LogNormal { median: unit(median)?, sigma_ppm }
            }
            "bimodal" => {
                let right = || shape("bimodal:A@SHARE%,B, as in bimodal:64@90%,4096");
                let (small, rest) = rest.split_once('@').ok_or_else(right)?;
                let (share, large) = rest.split_once("%,").ok_or_else(right)?;
                let small_ppm =
                    millionths(share, 100.0).filter(|ppm| *ppm <= MILLION).ok_or_else(right)?;
                Law::Bimodal { small: unit(small)?, small_ppm, large: unit(large)? }
            }
            _ => {
                return Err(shape(
                    "a number, uniform:A..B, exp:MEAN, lognormal:MEDIAN,SIGMA or bimodal:A@90%,B",
                ));
            }
        };
        Ok(Self::new(law))
    }

    /// The law.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// The value, if it is always the same.
    #[must_use]
    pub fn as_fixed(&self) -> Option<u64> {
        match self.law {
            Law::Fixed(value) => Some(value),
            _ => None,
        }
    }

    /// Draw number `index` of this seed.
    #[must_use]
    pub fn sample(&self, seed: u64, index: u64) -> u64 {
        let bits = hash(seed, index);
        let drawn = match self.law {
            Law::Fixed(value) => value,
            Law::Uniform { from, to } => from + scaled(bits, u128::from(to - from) + 1),
            Law::Exponential { mean } => rounded(-libm::log(uniform(bits)) * mean as f64),
            Law::LogNormal { median, sigma_ppm } => {
                let sigma = f64::from(sigma_ppm) / f64::from(MILLION);
                rounded(libm::exp(normal(bits) * sigma) * median as f64)
            }
            Law::Bimodal { small, small_ppm, large } => {
                if scaled(bits, MILLION.into()) < small_ppm.into() { small } else { large }
            }
        };
        drawn.clamp(self.least, self.most)
    }

    /// What can be drawn lies in this range.
    #[must_use]
    pub fn range(&self) -> RangeInclusive<u64> {
        let (least, most) = match self.law {
            Law::Fixed(value) => (value, value),
            Law::Uniform { from, to } => (from, to),
            Law::Exponential { mean } => (0, rounded(mean as f64 * MEANS_MAX)),
            Law::LogNormal { median, sigma_ppm } => {
                let far = libm::exp(SIGMAS_MAX * f64::from(sigma_ppm) / f64::from(MILLION));
                (rounded(median as f64 / far), rounded(median as f64 * far))
            }
            Law::Bimodal { small, large, .. } => (small.min(large), small.max(large)),
        };
        least.clamp(self.least, self.most)..=most.clamp(self.least, self.most)
    }

    /// The same with its draws kept to a range: what lies beyond becomes its end. Only tails are
    /// cut so: `None` when a number that the law names is not in the range itself.
    #[must_use]
    pub fn within(&self, range: RangeInclusive<u64>) -> Option<Self> {
        let named = match self.law {
            Law::Fixed(value) => [value; 2],
            Law::Uniform { from, to } => [from, to],
            Law::Exponential { mean } => [mean; 2],
            Law::LogNormal { median, .. } => [median; 2],
            Law::Bimodal { small, large, .. } => [small, large],
        };
        let all = named.iter().all(|value| range.contains(value));
        all.then_some(Self { law: self.law, least: *range.start(), most: *range.end() })
    }

    /// Whether a tail of the law is cut off.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.range() != Self::new(self.law).range()
    }

    /// As [`Draw::parse`] reads it, with its numbers as `show` writes them.
    #[must_use]
    pub fn describe(&self, show: impl Fn(u64) -> String) -> String {
        let decimal = |ppm: u32, per: f64| f64::from(ppm) * per / f64::from(MILLION);
        match self.law {
            Law::Fixed(value) => show(value),
            Law::Uniform { from, to } => format!("uniform:{}..{}", show(from), show(to)),
            Law::Exponential { mean } => format!("exp:{}", show(mean)),
            Law::LogNormal { median, sigma_ppm } => {
                format!("lognormal:{},{}", show(median), decimal(sigma_ppm, 1.0))
            }
            Law::Bimodal { small, small_ppm, large } => {
                let share = decimal(small_ppm, 100.0);
                format!("bimodal:{}@{share}%,{}", show(small), show(large))
            }
        }
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(|value| value.to_string()))
    }
}

/// The output number `index` of the generator splitmix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014), whose state is a counter, so that
/// any output can be had without the ones before it. The seed is mixed first, since two seeds
/// that differ by a multiple of the increment would give one sequence, shifted.
#[must_use]
pub fn hash(seed: u64, index: u64) -> u64 {
    const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
    mix(mix(seed).wrapping_add(index.wrapping_add(1).wrapping_mul(INCREMENT)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Uniform in (0, 1], of the 53 bits that an f64 holds; never 0, which has no logarithm.
fn uniform(bits: u64) -> f64 {
    ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// Standard normal (Box and Muller, 1958); its second uniform is drawn from the bits of the first.
fn normal(bits: u64) -> f64 {
    let angle = core::f64::consts::TAU * uniform(mix(bits ^ 0x6a09_e667_f3bc_c909));
    libm::sqrt(-2.0 * libm::log(uniform(bits))) * libm::cos(angle)
}

/// A whole number below `n`, which is at most 2^64.
fn scaled(bits: u64, n: u128) -> u64 {
    ((u128::from(bits) * n) >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest")]
fn rounded(value: f64) -> u64 {
    libm::round(value) as u64
}

/// A decimal number in millionths of `one`.
#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn millionths(text: &str, one: f64) -> Option<u32> {
    let value = text.parse::<f64>().ok()? / one * f64::from(MILLION);
    (0.0..=f64::from(u32::MAX)).contains(&value).then(|| libm::round(value) as u32)
}
