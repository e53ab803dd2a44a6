//! The latencies of a run in order of time, in a size that does not grow with the number of
//! requests.
//!
//! The measurement is divided into slots of equal length. Each has a histogram of sixteen classes
//! per octave, which shows how latencies are correlated and how they change. The histograms of
//! [`Interval`](crate::Interval) are too few for that; the reported figures come from finer ones.
//! Before the measurement, a slot has only the number of requests and their mean latency.

use std::time::Duration;

use crate::clock::to_ns;

/// Slots of a measurement.
const SLOTS: u64 = 512;
/// The most slots before the measurement; of a longer warm-up, only its end is kept.
const WARMUP_SLOTS_MAX: u64 = 16 * SLOTS;
/// Classes per octave, as a power of two.
const STEPS_LOG2: u32 = 4;
/// The lowest class ends where this octave does; 256 ns is less than a round trip.
const LOWEST_OCTAVE: u32 = 8;
/// The highest class begins here: 68 s.
const HIGHEST_OCTAVE: u32 = 36;
/// Classes of a slot.
const CLASSES: usize = ((HIGHEST_OCTAVE - LOWEST_OCTAVE) << STEPS_LOG2) as usize;

/// Latencies in order of time. A request belongs to the slot in which it was due (open loop) or sent
/// (closed loop), as in [`Interval`](crate::Interval); those without a known latency are left out.
#[derive(Clone, Debug)]
pub struct Series {
    slot_ns: u64,
    warmup: Vec<Tally>,
    /// The classes of every slot of the measurement, one slot after the other.
    counts: Vec<u32>,
}

/// The number of latencies, and their mean in logarithms, which one stall does not dominate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Latencies.
    pub count: u64,
    /// The sum of their [classes](Series::class).
    pub classes: u64,
}

impl Tally {
    /// The mean in octaves; one octave more is twice the latency. `None` without latencies.
    #[must_use]
    pub fn octaves(&self) -> Option<f64> {
        let steps = f64::from(1_u32 << STEPS_LOG2);
        (self.count > 0).then(|| self.classes as f64 / self.count as f64 / steps)
    }
}

impl Series {
    /// An empty series for a warm-up and a measurement of these lengths.
    #[must_use]
    pub fn new(warmup: Duration, measure: Duration) -> Self {
        let slot_ns = to_ns(measure).div_ceil(SLOTS).max(1);
        let slots = |ns: u64, max: u64| {
            let slots = ns.div_ceil(slot_ns).min(max);
            usize::try_from(slots).expect("a few thousand")
        };
        let counts = vec![0; slots(to_ns(measure), SLOTS).max(1) * CLASSES];
        let warmup = vec![Tally::default(); slots(to_ns(warmup), WARMUP_SLOTS_MAX)];
        // A copy has its pages: the kernel provides those of a new vector only when they are touched.
        Self { slot_ns, warmup: warmup.clone(), counts: counts.clone() }
    }

    /// Records a latency of the measurement, `at` nanoseconds after its beginning.
    pub fn record(&mut self, at: u64, latency: u64) {
        let last = self.counts.len() / CLASSES - 1;
        let slot = usize::try_from(at / self.slot_ns).map_or(last, |slot| slot.min(last));
        self.counts[slot * CLASSES + Self::class(latency)] += 1;
    }

    /// Records a latency of the warm-up, `before` nanoseconds before the measurement.
    pub fn record_warmup(&mut self, before: u64, latency: u64) {
        let back = usize::try_from(before / self.slot_ns).unwrap_or(usize::MAX);
        let at = self.warmup.len().checked_sub(1).and_then(|last| last.checked_sub(back));
        if let Some(at) = at {
            self.warmup[at].count += 1;
            self.warmup[at].classes += Self::class(latency) as u64;
        }
    }

    /// Length of a slot.
    #[must_use]
    pub fn slot(&self) -> Duration {
        Duration::from_nanos(self.slot_ns)
    }

    /// The slots before the measurement, the last of which ends where it begins.
    #[must_use]
    pub fn warmup(&self) -> &[Tally] {
        &self.warmup
    }

    /// The slots of the measurement: how many latencies each had in every class.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.counts.chunks_exact(CLASSES)
    }

    /// The slots of the measurement, summed up.
    #[must_use]
    pub fn tallies(&self) -> Vec<Tally> {
        let tally = |slot: &[u32]| {
            let mut tally = Tally::default();
            for (class, n) in (0_u64..).zip(slot).filter(|(_, n)| **n > 0) {
                tally.count += u64::from(*n);
                tally.classes += class * u64::from(*n);
            }
            tally
        };
        self.slots().map(tally).collect()
    }

    /// The class of a latency in nanoseconds. Classes grow with latencies.
    #[must_use]
    pub fn class(latency: u64) -> usize {
        let latency = latency.clamp(1 << LOWEST_OCTAVE, (1 << HIGHEST_OCTAVE) - 1);
        let octave = latency.ilog2();
        let step = (latency >> (octave - STEPS_LOG2)) & ((1 << STEPS_LOG2) - 1);
        let classes = u64::from(octave - LOWEST_OCTAVE) << STEPS_LOG2;
        usize::try_from(classes + step).expect("a few hundred")
    }

    /// Adds the series of another thread of the same load.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
        for (mine, theirs) in self.warmup.iter_mut().zip(&other.warmup) {
            mine.count += theirs.count;
            mine.classes += theirs.classes;
        }
    }

    /// Removes the slots that an interrupted measurement did not reach.
    pub(crate) fn end_at(&mut self, measure: Duration) {
        let slots = usize::try_from(to_ns(measure).div_ceil(self.slot_ns)).unwrap_or(usize::MAX);
        self.counts.truncate(slots.saturating_mul(CLASSES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    proptest! {
        #[test]
        fn classes_grow_with_latencies_by_a_sixteenth_of_an_octave(a: u64, b: u64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(Series::class(low) <= Series::class(high));
            prop_assert!(Series::class(high) < CLASSES);
            let (low, high) = (a % (1 << 35) + 256, (a % (1 << 35) + 256) * 17 / 16 + 1);
            prop_assert!((1..=2).contains(&(Series::class(high) - Series::class(low))));
        }
    }

    #[test]
    fn every_latency_is_in_the_slot_of_its_time() {
        let mut series = Series::new(Duration::from_millis(3), Duration::from_millis(512));
        assert_eq!((series.slot(), series.slots().len()), (Duration::from_millis(1), 512));
        series.record(0, 1_000);
        series.record(5 * MS + 1, 2_000);
        series.record(900 * MS, 4_000);
        series.record_warmup(1, 1_000);
        series.record_warmup(2 * MS + 1, 2_000);
        series.record_warmup(9 * MS, 4_000);
        let with: Vec<_> = series.tallies().iter().map(|tally| tally.count).collect();
        let at = |slot: usize| with[slot];
        assert_eq!((at(0), at(5), at(511), with.iter().sum::<u64>()), (1, 1, 1, 3));
        let before: Vec<_> = series.warmup().iter().map(|tally| tally.count).collect();
        assert_eq!(before, [1, 0, 1], "what is longer ago than the warm-up is left out");
        series.end_at(Duration::from_millis(6));
        assert_eq!(series.slots().len(), 6);
    }

    #[test]
    fn twice_the_latency_is_one_octave_more() {
        let octaves = |latency| {
            let mut series = Series::new(Duration::ZERO, Duration::from_secs(1));
            series.record(0, latency);
            series.tallies()[0].octaves().unwrap()
        };
        assert!((octaves(6_000) - octaves(3_000) - 1.0).abs() < 1e-12);
    }
}
