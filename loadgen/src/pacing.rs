//! How a thread waits for the next due time: it sleeps, or it polls the sockets.
//!
//! Sleeping costs nothing but wakes late. Timers, halted processors and hypervisors add tens of
//! microseconds, as much as a fast server takes, to every response time of an open loop. Spinning
//! is never late but takes a whole processor. So a thread spins only if no other thread needs that
//! processor, and it counts the time that it spins, so that spinning is not mistaken for work.

use rustix::io::Errno;

/// A spinning thread sleeps while there is more time than this, and wakes this long before the due time:
/// much more than a sleep overshoots, and short enough that idle loads do not waste power.
const SPIN_NS: u64 = 1_000_000;

/// An empty look that took longer is not counted as spinning: the thread was off its processor.
const LOOK_NS_MAX: u64 = 20_000;

/// How the threads of a load wait, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// They look at the sockets without a pause when the next request is due soon. In closed loop
    /// nothing is ever due, so they always sleep.
    pub spins: bool,
    /// The reason, for messages.
    pub why: &'static str,
}

/// The processors' allocation, on which the pacing depends.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Whether requests have due times: not in closed loop.
    pub open_loop: bool,
    /// Threads of the generator.
    pub threads: usize,
    /// As [`Load::cpus`](crate::Load::cpus).
    pub cpus: &'a [usize],
    /// The server's processors, empty for any; `None` if they are unknown.
    pub server_cpus: Option<&'a [usize]>,
    /// How many processors this machine has.
    pub processors: usize,
}

impl Pacing {
    /// Sleeping, because the settings say so.
    pub const SLEEP: Self = Self { spins: false, why: "asked for" };

    /// Spinning, because the settings say so.
    pub const SPIN: Self = Self { spins: true, why: "asked for" };

    /// Spinning if every thread has a processor of its own, otherwise sleeping.
    #[must_use]
    pub fn choose(ground: &Ground<'_>) -> Self {
        let sleep = |why| Self { spins: false, why };
        let own = ground.cpus.get(..ground.threads).unwrap_or_default();
        if !ground.open_loop {
            sleep("a closed loop has no due times")
        } else if ground.cpus.is_empty() {
            sleep("the generator's threads are not pinned")
        } else if own.is_empty() || (1..own.len()).any(|at| own[..at].contains(&own[at])) {
            sleep("the generator's threads share a processor")
        } else if ground.processors < 2 {
            sleep("the machine has one processor")
        } else if ground
            .server_cpus
            .is_some_and(|server| server.is_empty() || server.iter().any(|cpu| own.contains(cpu)))
        {
            sleep("the server may run on the generator's processors")
        } else {
            Self { spins: true, why: "every thread of the generator has a processor of its own" }
        }
    }
}

/// How one thread waits; it sleeps by default.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    spins: bool,
    spun: u64,
}

impl Pacer {
    pub(crate) fn new(spins: bool) -> Self {
        Self { spins, spun: 0 }
    }

    /// Nanoseconds so far in which the processor was kept busy with nothing to do.
    pub(crate) fn spun(&self) -> u64 {
        self.spun
    }

    /// Waits from the instant `now` until something is ready or the instant `until`. `poll` waits for at
    /// most a number of nanoseconds and returns how many sockets are ready.
    pub(crate) fn wait(
        &mut self,
        mut now: u64,
        until: u64,
        mut poll: impl FnMut(u64) -> Result<usize, Errno>,
        clock: impl Fn() -> u64,
    ) -> Result<usize, Errno> {
        if !self.spins {
            return poll(until.saturating_sub(now));
        }
        loop {
            let nap = until.saturating_sub(now).saturating_sub(SPIN_NS);
            let ready = poll(nap)?;
            if ready > 0 || now >= until {
                return Ok(ready);
            }
            let then = clock();
            if nap == 0 && then - now <= LOOK_NS_MAX {
                self.spun += then - now;
            }
            now = then;
            if now >= until {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that polls move: by 300 ns when empty, by the whole nap and 5 us when asleep.
    fn waited(spins: bool, until: u64, ready_at: u64) -> (Vec<u64>, u64, u64, usize) {
        let (time, mut naps, mut pacer) = (Cell::new(0), Vec::new(), Pacer::new(spins));
        let poll = |nap| {
            naps.push(nap);
            if time.get() >= ready_at {
                return Ok(1);
            }
            time.set(time.get() + if nap == 0 { 300 } else { nap + 5_000 });
            Ok(0)
        };
        let ready = pacer.wait(0, until, poll, || time.get()).unwrap();
        (naps, time.get(), pacer.spun(), ready)
    }

    #[test]
    fn a_sleeper_asks_once_and_wakes_late() {
        assert_eq!(waited(false, 50_000, u64::MAX), (vec![50_000], 55_000, 0, 0));
    }

    #[test]
    fn a_spinner_looks_until_it_is_due_and_counts_it() {
        let (naps, end, spun, ready) = waited(true, 50_000, u64::MAX);
        assert!(naps.iter().all(|nap| *nap == 0));
        assert_eq!((end, spun, ready), (50_100, 50_100, 0));
        assert_eq!(waited(true, 0, u64::MAX).0.len(), 1, "what is due now is not waited for");
        assert_eq!(waited(true, 0, u64::MAX).2, 0, "and looking for replies is work");
    }

    #[test]
    fn a_spinner_sleeps_while_there_is_time_and_counts_only_the_rest() {
        let (naps, end, spun, _) = waited(true, 5_000_000, u64::MAX);
        assert_eq!(naps[0], 4_000_000);
        assert!(naps[1..].iter().all(|nap| *nap == 0));
        assert!((5_000_000..5_000_300).contains(&end));
        assert_eq!(spun, end - 4_005_000);
        let (naps, end, spun, _) = waited(true, 1_010_000, u64::MAX);
        assert_eq!((naps[0], spun), (10_000, end - 15_000), "a short sleep is one too");
    }

    #[test]
    fn a_spinner_returns_with_what_is_ready() {
        let (_, end, spun, ready) = waited(true, 50_000, 10_000);
        assert_eq!((end, spun, ready), (10_200, 10_200, 1));
    }

    #[test]
    fn time_off_the_processor_is_no_spinning() {
        let (time, mut pacer) = (Cell::new(0), Pacer::new(true));
        let poll = |_| {
            time.set(time.get() + 4_000_000);
            Ok(0)
        };
        pacer.wait(0, 1_000, poll, || time.get()).unwrap();
        assert_eq!(pacer.spun(), 0);
    }

    #[test]
    fn it_spins_only_where_nobody_else_runs() {
        let right = Ground {
            open_loop: true,
            threads: 2,
            cpus: &[2, 3],
            server_cpus: Some(&[0, 1]),
            processors: 4,
        };
        assert!(Pacing::choose(&right).spins);
        assert!(Pacing::choose(&Ground { server_cpus: None, ..right }).spins);
        assert!(Pacing::choose(&Ground { cpus: &[2, 3, 0], ..right }).spins, "0 is not used");
        for (wrong, why) in [
            (Ground { open_loop: false, ..right }, "closed"),
            (Ground { cpus: &[], ..right }, "not pinned"),
            (Ground { cpus: &[2], ..right }, "share"),
            (Ground { cpus: &[2, 2], ..right }, "share"),
            (Ground { processors: 1, ..right }, "one processor"),
            (Ground { server_cpus: Some(&[]), ..right }, "server"),
            (Ground { server_cpus: Some(&[1, 2]), ..right }, "server"),
        ] {
            let Pacing { spins, why: said } = Pacing::choose(&wrong);
            assert!(!spins && said.contains(why), "{wrong:?}: {said}");
        }
    }
}
