//! Competition for the processors: runnable threads before a load, and the kernel's count of the
//! time in which threads waited (pressure stall information).

use std::thread;
use std::time::{Duration, Instant};

use loadgen::{Moment, Phase};
use procfs::{FromRead as _, LoadAverage};

use crate::document::Contention;
use crate::host::machine::{self, Root, waited_us};

/// Looks at who is runnable, at most. Whoever is so in all of them does not just wake up for a moment.
const LOOKS: usize = 8;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks at the machine around a load.
#[derive(Clone, Debug)]
pub struct Watch {
    root: Root,
    processors: u64,
    runnable: Option<u64>,
    begin: Option<(Instant, u64)>,
    pressure_share: Option<f64>,
}

impl Watch {
    /// To be called before the server starts, or the load; takes some milliseconds where others are
    /// runnable.
    #[must_use]
    pub fn begin() -> Self {
        Self::begin_at(Root::of_this_machine(), machine::processor_count() as u64)
    }

    /// The same of a machine with these files and so many processors.
    fn begin_at(root: Root, processors: u64) -> Self {
        let runnable = least_runnable(processors, || others_runnable(&root));
        Self { root, processors, runnable, begin: None, pressure_share: None }
    }

    /// Reads the count when the measurement begins and when it ends: in the warm-up we read the server's
    /// accounts, and whoever waits then waits for us.
    pub fn watch(&mut self, moment: Moment) {
        match moment {
            Moment::Begins(Phase::Measure) => {
                self.begin = waited_us(&self.root).map(|us| (Instant::now(), us));
            }
            Moment::Begins(Phase::Drain) => self.pressure_share = self.share(),
            _ => {}
        }
    }

    fn share(&self) -> Option<f64> {
        let ((since, before), now) = (self.begin?, waited_us(&self.root)?);
        Some(share_of(Duration::from_micros(now.saturating_sub(before)), since.elapsed()))
    }

    /// What there was to see; `None` where the kernel does not tell.
    #[must_use]
    pub fn found(&self) -> Option<Contention> {
        Some(Contention {
            processors: self.processors,
            runnable: self.runnable?,
            pressure_share: self.pressure_share,
        })
    }
}

/// Threads that run or wait for a processor, without the thread that counts them.
fn others_runnable(root: &Root) -> Option<u64> {
    let text = root.read("proc/loadavg")?;
    let load = LoadAverage::from_read(text.as_bytes()).ok()?;
    Some(u64::from(load.cur).saturating_sub(1))
}

/// The least of some looks, or the first with a processor for everybody.
fn least_runnable(processors: u64, mut look: impl FnMut() -> Option<u64>) -> Option<u64> {
    let mut runnable = look();
    for _ in 1..LOOKS {
        if runnable.is_none_or(|threads| threads <= processors) {
            break;
        }
        thread::sleep(PAUSE);
        runnable = runnable.min(look());
    }
    runnable
}

/// The kernel's count and our clock are not read at one moment, so it may seem to be more than all.
fn share_of(waited: Duration, elapsed: Duration) -> f64 {
    (waited.as_secs_f64() / elapsed.as_secs_f64()).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// This many threads keep the processors busy while `during` runs.
    fn busy<T>(threads: usize, during: impl FnOnce() -> T) -> T {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let found = during();
            stop.store(true, Ordering::Relaxed);
            found
        })
    }

    #[test]
    fn threads_beyond_the_processors_are_seen_before_and_meanwhile() {
        let threads = machine::processor_count() + 2;
        let found = busy(threads, || {
            let mut watch = Watch::begin();
            watch.watch(Moment::Begins(Phase::Measure));
            thread::sleep(Duration::from_millis(300));
            watch.watch(Moment::Begins(Phase::Drain));
            watch.found()
        });
        // Where the kernel tells nothing there is nothing to check.
        let Some(found) = found else { return };
        assert!(found.runnable >= threads as u64, "{found:?}");
        assert!(found.pressure_share.is_none_or(|share| share > 0.1), "{found:?}");
    }

    /// What looks find one after the other, and how many of them it took.
    fn looks(processors: u64, found: &[Option<u64>]) -> (Option<u64>, usize) {
        let mut left = found.iter();
        let least = least_runnable(processors, || *left.next().expect("no more looks than these"));
        (least, found.len() - left.len())
    }

    #[test]
    fn the_least_of_eight_looks_counts_and_a_processor_for_everybody_ends_them() {
        assert_eq!(looks(2, &[Some(2)]), (Some(2), 1), "one each");
        assert_eq!(looks(2, &[Some(9), Some(3), Some(1)]), (Some(1), 3));
        let busy = [9, 7, 8, 5, 6, 5, 9, 9].map(Some);
        assert_eq!(looks(2, &busy), (Some(5), LOOKS));
        assert_eq!(looks(2, &[None]), (None, 1), "the kernel does not tell");
    }

    #[test]
    fn a_share_is_of_the_time_between_and_not_more_than_all() {
        let seconds = Duration::from_secs;
        assert!((share_of(seconds(1), seconds(4)) - 0.25).abs() < 1e-12);
        assert!((share_of(seconds(5), seconds(4)) - 1.0).abs() < 1e-12);
    }

    /// A machine on which so many threads run or wait, and somebody has waited for so long.
    fn machine(running: u32, waited_us: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("proc/pressure")).expect("made");
        let load = format!("0.20 0.18 0.12 {running}/80 11206\n");
        std::fs::write(folder.path().join("proc/loadavg"), load).expect("written");
        wait(&folder, waited_us);
        folder
    }

    fn wait(folder: &tempfile::TempDir, waited_us: u64) {
        let some = format!("some avg10=0.00 avg60=0.00 avg300=0.00 total={waited_us}\n");
        std::fs::write(folder.path().join("proc/pressure/cpu"), some).expect("written");
    }

    #[test]
    fn whoever_looks_is_not_counted() {
        let of = |running| {
            let folder = machine(running, 0);
            Watch::begin_at(Root::at(folder.path()), 4).found().map(|found| found.runnable)
        };
        assert_eq!([of(1), of(5), of(9)], [Some(0), Some(4), Some(8)]);
        let nothing = tempfile::tempdir().expect("a folder");
        assert_eq!(Watch::begin_at(Root::at(nothing.path()), 4).found(), None);
    }

    #[test]
    fn only_what_waited_while_it_was_measured_counts() {
        const HOUR_US: u64 = 3_600_000_000;
        let folder = machine(1, 0);
        let mut watch = Watch::begin_at(Root::at(folder.path()), 4);
        let mut phases = |measured_us: u64| {
            watch.watch(Moment::Begins(Phase::Warmup));
            wait(&folder, HOUR_US);
            watch.watch(Moment::Begins(Phase::Measure));
            wait(&folder, HOUR_US + measured_us);
            watch.watch(Moment::Begins(Phase::Drain));
            watch.found().expect("told")
        };
        let Contention { processors, pressure_share, .. } = phases(0);
        assert_eq!((processors, pressure_share), (4, Some(0.0)), "the warm-up is not in it");
        assert_eq!(phases(HOUR_US).pressure_share, Some(1.0), "an hour within a moment");
    }
}
