//! The machine's activity during a trial, whatever caused it.

use std::collections::BTreeMap;

use loadgen::{Moment, Phase};

use super::{Root, contention, steal_and_total_ticks};
use crate::base::units::as_f64;
use crate::document::{Conditions, Contention, Pressure};

/// Resources whose pressure the kernel reports.
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// The machine's clock ticks and pressure when the warm-up began and when the measurement ended, and
/// who else wanted its processors.
#[derive(Clone, Debug)]
pub struct Ticks {
    begin: Reading,
    end: Reading,
    contention: contention::Watch,
}

#[derive(Clone, Debug, Default)]
struct Reading {
    ticks: Option<(u64, u64)>,
    pressure: [Option<Stalls>; RESOURCES.len()],
}

/// One file of `/proc/pressure`: totals in microseconds, averages in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stalls {
    pub(crate) some_avg10: f64,
    some_us: u64,
    /// Not told of processors before Linux 5.13.
    full_us: Option<u64>,
}

impl Ticks {
    /// To be called before the load begins; takes some milliseconds.
    #[must_use]
    pub fn begin() -> Self {
        let (begin, end) = (Reading::default(), Reading::default());
        Self { begin, end, contention: contention::Watch::begin() }
    }

    /// Reads them when the warm-up begins and when the measurement ends; at its beginning, reading
    /// would hold up the load.
    pub fn watch(&mut self, moment: Moment) {
        self.contention.watch(moment);
        match moment {
            Moment::Begins(Phase::Warmup) => self.begin = Reading::now(),
            Moment::Begins(Phase::Drain) => self.end = Reading::now(),
            _ => {}
        }
    }

    /// Competition for the processors.
    #[must_use]
    pub fn contention(&self) -> Option<Contention> {
        self.contention.found()
    }

    /// Share of all processors' time that the hypervisor took.
    #[must_use]
    pub fn steal_share(&self) -> Option<f64> {
        let ((steal_begin, begin), (steal_end, end)) = (self.begin.ticks?, self.end.ticks?);
        let total = end.checked_sub(begin).filter(|total| *total > 0)?;
        // A tick is more than a percent of a short trial: one alone says nothing.
        let stolen = steal_end.saturating_sub(steal_begin).saturating_sub(1);
        Some(as_f64(stolen) / as_f64(total))
    }

    /// All of it, as it is written down.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        let pairs = self.begin.pressure.iter().zip(&self.end.pressure);
        let pressure = RESOURCES.iter().zip(pairs).filter_map(|(name, (begin, end))| {
            let (begin, end) = ((*begin)?, (*end)?);
            Some(((*name).to_string(), between(begin, end)))
        });
        let pressure: BTreeMap<_, _> = pressure.collect();
        Conditions { steal_share: self.steal_share(), pressure }
    }
}

fn between(begin: Stalls, end: Stalls) -> Pressure {
    let ns = |begin: u64, end: u64| end.saturating_sub(begin).saturating_mul(1_000);
    Pressure {
        some_ns: ns(begin.some_us, end.some_us),
        full_ns: begin.full_us.zip(end.full_us).map(|(begin, end)| ns(begin, end)),
        some_avg10_before: begin.some_avg10,
        some_avg10_after: end.some_avg10,
    }
}

impl Reading {
    fn now() -> Self {
        let root = Root::of_this_machine();
        let pressure = RESOURCES.map(|resource| Stalls::read_from(&root, resource));
        Self { ticks: steal_and_total_ticks(), pressure }
    }
}

/// Microseconds since boot in which some thread waited for a processor.
pub(crate) fn waited_us(root: &Root) -> Option<u64> {
    Stalls::read_from(root, "cpu").map(|stalls| stalls.some_us)
}

impl Stalls {
    /// Of `cpu`, `memory` or `io`; `None` where the kernel keeps none.
    pub(crate) fn read_from(root: &Root, resource: &str) -> Option<Self> {
        parse(&root.read(&format!("proc/pressure/{resource}"))?)
    }
}

/// Two lines, `some` and `full`, each with averages and a total.
fn parse(text: &str) -> Option<Stalls> {
    let value = |line: &str, key: &str| -> Option<String> {
        let mut lines = text.lines().filter_map(|text| text.strip_prefix(line));
        let mut words = lines.next()?.split_whitespace();
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('=').map(str::to_string))
    };
    Some(Stalls {
        some_avg10: value("some", "avg10")?.parse().ok().filter(|avg: &f64| avg.is_finite())?,
        some_us: value("some", "total")?.parse().ok()?,
        full_us: value("full", "total").and_then(|total| total.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pressure_is_read_by_name_and_told_as_a_difference() {
        let some = "some avg10=44.02 avg60=15.75 avg300=4.69 total=500\n";
        let full = "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let end = parse(&format!("{some}{full}")).expect("in order");
        assert_eq!(end, Stalls { some_avg10: 44.02, some_us: 500, full_us: Some(7) });
        let found = between(Stalls { some_avg10: 1.0, some_us: 100, full_us: Some(7) }, end);
        assert_eq!((found.some_ns, found.full_ns), (400_000, Some(0)));
        let old = parse(some).expect("in order");
        assert_eq!(between(old, end).full_ns, None, "what is not told is not 0");
        assert_eq!(parse(full), None);
        assert_eq!(parse("some avg10=NaN total=1"), None);
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_absent() {
        let nothing = Ticks::begin().conditions();
        assert_eq!(nothing, Conditions::default());
        let mut ticks = Ticks::begin();
        ticks.watch(Moment::Begins(Phase::Warmup));
        ticks.watch(Moment::Begins(Phase::Drain));
        let kept = std::path::Path::new("/proc/pressure/cpu").exists();
        assert_eq!(ticks.conditions().pressure.contains_key("cpu"), kept);
    }

    proptest! {
        #[test]
        fn garbage_is_no_pressure(text in "(some |full |avg10=|total=|[ -~\n]){0,12}") {
            if let Some(found) = parse(&text) {
                prop_assert!(found.some_avg10.is_finite());
            }
        }
    }
}
