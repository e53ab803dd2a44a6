//! Whether others want the processors too: who is runnable before a load, and the kernel's count of
//! the time in which somebody waited (pressure stall information).

use std::thread;
use std::time::{Duration, Instant};

use loadgen::{Moment, Phase};
use procfs::{Current as _, LoadAverage};

use crate::document::Contention;
use crate::machine::{self, waited_us};

/// Looks at who is runnable, at most. Whoever is so in all of them does not just wake up for a moment.
const LOOKS: usize = 8;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks at the machine around a load.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    runnable: Option<u64>,
    begin: Option<(Instant, u64)>,
    pressure_share: Option<f64>,
}

impl Watch {
    /// To be called before the server starts, or the load; takes some milliseconds where others are
    /// runnable.
    #[must_use]
    pub fn begin() -> Self {
        // Whoever looks is runnable too.
        let look = || Some(u64::from(LoadAverage::current().ok()?.cur).saturating_sub(1));
        let processors = machine::processors() as u64;
        let mut runnable = look();
        for _ in 1..LOOKS {
            if runnable.is_none_or(|threads| threads <= processors) {
                break;
            }
            thread::sleep(PAUSE);
            runnable = runnable.min(look());
        }
        Self { runnable, begin: None, pressure_share: None }
    }

    /// Reads the count when the measurement begins and when it ends: in the warm-up we read the server's
    /// accounts, and whoever waits then waits for us.
    pub fn watch(&mut self, moment: Moment) {
        match moment {
            Moment::Begins(Phase::Measure) => {
                self.begin = waited_us().map(|us| (Instant::now(), us))
            }
            Moment::Begins(Phase::Drain) => self.pressure_share = self.share(),
            _ => {}
        }
    }

    fn share(&self) -> Option<f64> {
        let ((since, before), now) = (self.begin?, waited_us()?);
        let waited = Duration::from_micros(now.saturating_sub(before));
        Some((waited.as_secs_f64() / since.elapsed().as_secs_f64()).min(1.0))
    }

    /// What there was to see; `None` where the kernel does not tell.
    #[must_use]
    pub fn found(&self) -> Option<Contention> {
        Some(Contention {
            processors: machine::processors() as u64,
            runnable: self.runnable?,
            pressure_share: self.pressure_share,
        })
    }
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
        let threads = machine::processors() + 2;
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
}
