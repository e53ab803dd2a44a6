//! The messages of a room and their times: the load itself.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Room, RoomLoad};
use crate::clock::to_ns;
use crate::{LoadError, Phase};

impl Room {
    /// Makes the load, and reports when a phase begins.
    pub(super) fn talk(
        &mut self,
        load: &RoomLoad,
        stop: &AtomicBool,
        phases: &Sender<Phase>,
    ) -> Result<(), LoadError> {
        let start = self.clock.now();
        let begin = start + to_ns(load.warmup);
        let end = begin + to_ns(load.measure);
        self.measured = Some(begin..end);
        let (mut next, mut measures, mut used) = (0_u64, false, Duration::ZERO);
        // The receiver lives at least as long as this function runs.
        let tell = |phase| {
            let _ = phases.send(phase);
        };
        let due = |n: u64, rate: f64| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "2^53 messages take longer than any load"
            )]
            let after = Duration::from_secs_f64(n as f64 / rate);
            start + to_ns(after)
        };
        while !self.is_broken(stop) {
            let now = self.clock.now();
            if !measures && now >= begin {
                (measures, used) = (true, own_cpu());
                tell(Phase::Measure);
            }
            let mut until = if measures { end } else { begin };
            if let Some(rate) = load.rate_per_s {
                while due(next, rate) <= now.min(end - 1) {
                    let at = due(next, rate);
                    let sender = usize::try_from(next).unwrap_or(usize::MAX) % load.senders;
                    self.say(sender, at);
                    self.lag(at);
                    next += 1;
                }
                until = until.min(due(next, rate));
            }
            if now >= end {
                break;
            }
            if load.rate_per_s.is_none() {
                while let Some(sender) = self.free.pop_front() {
                    let now = self.clock.now();
                    self.say(sender, now);
                }
            }
            self.hear(until)?;
        }
        let over = self.clock.now();
        self.found.measured = Duration::from_nanos(over.min(end).saturating_sub(begin));
        let used = if measures { own_cpu().saturating_sub(used) } else { Duration::ZERO };
        self.found.busy_share = used.as_secs_f64() / self.found.measured.as_secs_f64().max(1e-9);
        tell(Phase::Drain);
        let give_up = over + to_ns(load.drain);
        while !self.is_broken(stop) && self.waiting > 0 && self.clock.now() < give_up {
            self.hear(give_up)?;
        }
        Ok(())
    }
}

/// CPU time of the calling thread.
fn own_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
