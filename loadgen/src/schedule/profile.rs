//! A changing rate: pieces in which it is constant or changes linearly.
//!
//! Request i is due when the integral of the rate reaches i: the inverse of the integral is the
//! schedule. Random arrivals use the same integral as their clock: if a process of one request per
//! second has its k-th arrival at E, this process has it when the integral reaches E (Çinlar's
//! inversion). Nothing is thinned out, so no random number is wasted.

use std::time::Duration;

use crate::clock::to_ns;

/// One request in the unit of integrals: millionths of a request per second, times nanoseconds.
pub(super) const ONE_REQUEST: u128 = 1_000_000_000_000_000;

/// The longest piece: far longer than any load, and short enough for 128-bit arithmetic.
const PIECE_NS_MAX: u64 = 1 << 62;

/// The rate over time. The last piece never ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start_ns: u64,
    length_ns: u64,
    /// The rates at its ends.
    from: u64,
    to: u64,
    /// The integral before it.
    before: u128,
}

impl Profile {
    /// A profile of successive pieces, each with a length and the rates at its ends. After the last one,
    /// its last rate goes on. Pieces of length zero are left out.
    pub(super) fn new(pieces: impl IntoIterator<Item = (Duration, u64, u64)>) -> Self {
        let (mut start_ns, mut before, mut last) = (0_u64, 0, 1);
        let mut laid = Vec::new();
        for (length, from, to) in pieces {
            let length_ns = to_ns(length).min(PIECE_NS_MAX);
            last = to;
            if length_ns > 0 {
                let piece = Piece { start_ns, length_ns, from, to, before };
                before += piece.integral(length_ns);
                start_ns = start_ns.saturating_add(length_ns);
                laid.push(piece);
            }
        }
        laid.push(Piece { start_ns, length_ns: PIECE_NS_MAX, from: last, to: last, before });
        Self { pieces: laid }
    }

    /// The first nanosecond at which the integral has reached `target`; `None` if that exceeds 64 bits.
    pub(super) fn reaches(&self, target: u128) -> Option<u64> {
        let after = self.pieces.partition_point(|piece| piece.before < target);
        let piece = self.pieces[after.saturating_sub(1)];
        piece.start_ns.checked_add(piece.reaches(target - piece.before)?)
    }
}

impl Piece {
    /// The integral over its first `t` nanoseconds, rounded down.
    fn integral(&self, t: u64) -> u128 {
        let change = u128::from(self.from.abs_diff(self.to)) * u128::from(t);
        let (by, of) = (u128::from(t), 2 * u128::from(self.length_ns));
        // change * t / of, without a product that needs 256 bits.
        let (whole, rest) = (change / of * by, change % of * by);
        let even = u128::from(self.from) * by;
        if self.to >= self.from {
            even + whole + rest / of
        } else {
            even - whole - rest.div_ceil(of)
        }
    }

    /// The first nanosecond of it at which the integral has reached `target`.
    fn reaches(&self, target: u128) -> Option<u64> {
        if self.from == self.to {
            return u64::try_from(target.div_ceil(u128::from(self.from))).ok();
        }
        let mut high = self.guess(target);
        // The guess is off by a few nanoseconds at most. Find the exact nanosecond around it, so that
        // its rounding does not affect the schedule: first a point that has reached the target, then
        // one that has not.
        let mut step = 1;
        while high < self.length_ns && self.integral(high) < target {
            high = high.saturating_add(step).min(self.length_ns);
            step *= 2;
        }
        let (mut low, mut step) = (high, 1);
        while low > 0 && self.integral(low) >= target {
            high = low;
            low = low.saturating_sub(step);
            step *= 2;
        }
        if low == 0 && self.integral(0) >= target {
            return Some(0);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *if self.integral(middle) >= target { &mut high } else { &mut low } = middle;
        }
        Some(high)
    }

    /// An estimate: the root of (to - from) t² / 2 length + from t = target, in the form that loses no
    /// digits if the rates are similar.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the piece, and a guess")]
    fn guess(&self, target: u128) -> u64 {
        let (from, to, target) = (self.from as f64, self.to as f64, target as f64);
        let length = self.length_ns as f64;
        let root = (from * from + 2.0 * (to - from) * target / length).max(0.0).sqrt();
        (2.0 * target / (from + root)).clamp(0.0, length) as u64
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "numbers of these tests fit")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNITS_PER_S: u64 = 1_000_000;
    const S: Duration = Duration::from_secs(1);

    fn ramp(from: u64, to: u64, length: Duration) -> Profile {
        Profile::new([(length, from * UNITS_PER_S, to * UNITS_PER_S)])
    }

    fn due(profile: &Profile, index: u64) -> u64 {
        profile.reaches(u128::from(index) * ONE_REQUEST).unwrap()
    }

    #[test]
    fn a_ramp_is_the_inverse_of_its_integral() {
        let profile = ramp(1, 3, S);
        // t + t² = 1 at the golden ratio less one.
        assert_eq!(due(&profile, 1), 618_033_989);
        assert_eq!(due(&profile, 2), 1_000_000_000);
        assert_eq!(due(&profile, 5), 2_000_000_000, "and then at the last rate");
        let falling = ramp(3, 1, S);
        // 3 t - t² = 1 at (3 - √5) / 2.
        assert_eq!(due(&falling, 1), 381_966_012);
        assert_eq!(due(&falling, 2), 1_000_000_000);
        assert_eq!(due(&falling, 3), 2_000_000_000);
    }

    #[test]
    fn a_billion_requests_do_not_drift() {
        // 10,000/s in the mean over 100,000 s.
        let profile = ramp(5_000, 15_000, 100_000 * S);
        assert_eq!(due(&profile, 1_000_000_000), 100_000_000_000_000);
        // At half the time, 7,500/s in the mean.
        assert_eq!(due(&profile, 375_000_000), 50_000_000_000_000);
        let stairs = Profile::new([
            (50_000 * S, 3 * UNITS_PER_S, 3 * UNITS_PER_S),
            (50_000 * S, 19_997 * UNITS_PER_S, 19_997 * UNITS_PER_S),
        ]);
        assert_eq!(due(&stairs, 150_000), 50_000_000_000_000);
        assert_eq!(due(&stairs, 1_000_000_000), 100_000_000_000_000);
    }

    #[test]
    fn a_piece_without_a_length_is_none() {
        let profile = Profile::new([(Duration::ZERO, 7, 7), (S, UNITS_PER_S, UNITS_PER_S)]);
        assert_eq!(due(&profile, 1), 1_000_000_000);
    }

    fn pieces() -> impl Strategy<Value = Vec<(Duration, u64, u64)>> {
        let rate = || prop_oneof![1_u64..1_000, 1_000_000_u64..1_000_000_000_000];
        let piece = (0_u64..20_000_000_000, rate(), rate());
        prop::collection::vec(piece.prop_map(|(ns, a, b)| (Duration::from_nanos(ns), a, b)), 1..5)
    }

    proptest! {
        #[test]
        fn as_many_are_due_as_the_integral_says(pieces in pieces(), at in 0.0..1.0_f64) {
            let profile = Profile::new(pieces.clone());
            // The integral up to that share of every piece, in floating point.
            let (mut before, mut start) = (0.0, 0.0);
            for (length, from, to) in pieces {
                let (seconds, from) = (length.as_secs_f64() * at, from as f64 / 1e6);
                let slope = (to as f64 / 1e6 - from) / length.as_secs_f64().max(1e-12);
                let integral = before + from * seconds + slope * seconds * seconds / 2.0;
                let until = start + seconds * 1e9;
                // The last that can be due by then, and the first that cannot.
                let slack = 1e-6 + integral * 1e-9;
                let first = (integral - 1.0 - slack).max(0.0).floor() as u64;
                let next = (integral + 1.0 + slack).ceil() as u64;
                prop_assert!(due(&profile, first) as f64 <= until + 1.0);
                prop_assert!(due(&profile, next) as f64 >= until - 1.0);
                let whole = from + slope * length.as_secs_f64() / 2.0;
                before += whole * length.as_secs_f64();
                start += length.as_secs_f64() * 1e9;
            }
        }

        #[test]
        fn what_is_asked_for_later_comes_no_earlier(
            pieces in pieces(), a in 0..1_000_000_000_000_000_000_000_u128, more in 0..1_000_u128,
        ) {
            let profile = Profile::new(pieces);
            prop_assert!(profile.reaches(a) <= profile.reaches(a + more));
        }

        #[test]
        fn it_is_the_first_nanosecond_and_no_other(
            from in 1_u64..1_000_000_000_000_000, to in 1_u64..1_000_000_000_000_000,
            length_ns in 1_u64..100_000_000_000_000, share in 0.0..1.0_f64,
        ) {
            let piece = Piece { start_ns: 0, length_ns, from, to, before: 0 };
            let target = (piece.integral(length_ns) as f64 * share) as u128;
            let t = piece.reaches(target).unwrap();
            prop_assert!(piece.integral(t) >= target);
            prop_assert!(t == 0 || piece.integral(t - 1) < target);
        }
    }
}
