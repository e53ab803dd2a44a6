//! A server at rest: the resources that it holds when its clients have left.

use std::thread;
use std::time::{Duration, Instant};

use crate::base::units::ns;
use crate::document::SoakSample;
use crate::host::accounts;
use crate::process::watch::Footprint;

/// A server whose numbers have not changed for so long rests, whatever they are.
const UNCHANGED: Duration = Duration::from_secs(2);
/// One whose numbers change for longer is looked at as it is.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until the server rests, and says what it holds then. It rests once it holds no more than at the rest
/// before, or once nothing has changed for [`UNCHANGED`].
pub(super) fn sample(
    pid: i32,
    before: Option<&SoakSample>,
    connections: u64,
    since: Instant,
) -> SoakSample {
    let (seen, rested) = settled(pid, before);
    SoakSample {
        connections,
        at_ns: ns(since.elapsed()),
        processes: seen.processes as u64,
        threads: seen.threads as u64,
        descriptors: seen.descriptors as u64,
        memory_bytes: accounts::memory(pid).anonymous_bytes,
        rested,
    }
}

fn settled(pid: i32, before: Option<&SoakSample>) -> (Footprint, bool) {
    let begun = Instant::now();
    let (mut seen, mut since) = (Footprint::read_from(pid), begun);
    loop {
        if before.is_some_and(|before| is_within(seen, before)) || since.elapsed() >= UNCHANGED {
            return (seen, true);
        }
        if begun.elapsed() >= PATIENCE {
            return (seen, false);
        }
        thread::sleep(LOOK);
        let now = Footprint::read_from(pid);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
}

fn is_within(seen: Footprint, before: &SoakSample) -> bool {
    let fits = |now: usize, then: u64| now as u64 <= then;
    fits(seen.processes, before.processes)
        && fits(seen.threads, before.threads)
        && fits(seen.descriptors, before.descriptors)
}
