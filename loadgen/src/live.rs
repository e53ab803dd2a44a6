//! Live figures of the threads, for an observer.
//!
//! A thread publishes when it checks for timeouts, at most ten times a second: two relaxed stores,
//! and a copy of one small histogram into memory that was allocated before the load. It never
//! waits: if the observer is reading, it skips the copy. Without an observer there is no slot and
//! nothing is published.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::clock::to_ns;
use crate::recorder::{Recorder, coarse_histogram};
use crate::{Live, Load, Recent};

/// How far back [`Live::recent`] looks.
const RECENT: Duration = Duration::from_secs(1);

/// Where one thread publishes, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot {
    in_flight: AtomicU64,
    failed: AtomicU64,
    piece: Mutex<Piece>,
}

/// The latest piece of the series that is over.
#[derive(Debug)]
struct Piece {
    /// Its place in the series, counted from 1; 0 while there is none.
    number: u64,
    latency: Histogram<u64>,
}

/// A slot for each thread of a load that is watched.
pub(crate) fn slots(load: &Load) -> Vec<Slot> {
    let slot = || Slot {
        in_flight: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        piece: Mutex::new(Piece { number: 0, latency: coarse_histogram(load) }),
    };
    (0..if load.live { load.threads } else { 0 }).map(|_| slot()).collect()
}

impl Slot {
    /// Publishes the figures of the thread that owns this slot, at `now`, after the load has begun.
    pub(crate) fn publish(&self, in_flight: usize, recorder: &Recorder, now: u64) {
        self.in_flight.store(in_flight as u64, Ordering::Relaxed);
        self.failed.store(recorder.failed_so_far(), Ordering::Relaxed);
        let Some((number, latency)) = recorder.piece_that_is_over(now) else { return };
        if let Ok(mut piece) = self.piece.try_lock()
            && piece.number != number
        {
            piece.number = number;
            piece.latency.set_to(latency).expect("histograms of one load have equal bounds");
        }
    }
}

/// The observer's side: the pieces of the last second, of all threads together.
#[derive(Debug)]
pub(crate) struct Viewer {
    pieces: BTreeMap<u64, Histogram<u64>>,
    /// The latest piece that was taken from each thread.
    seen: Vec<u64>,
    /// How many pieces make a second.
    span: u64,
}

impl Viewer {
    pub(crate) fn new(load: &Load) -> Self {
        let span = to_ns(RECENT) / to_ns(load.interval).max(1);
        Self { pieces: BTreeMap::new(), seen: vec![0; load.threads], span: span.max(1) }
    }

    /// The current figures of all slots; `None` without an observer.
    pub(crate) fn look(&mut self, slots: &[Slot]) -> Option<Live> {
        if slots.is_empty() {
            return None;
        }
        for (slot, seen) in slots.iter().zip(&mut self.seen) {
            let piece = slot.piece.lock().unwrap_or_else(PoisonError::into_inner);
            if piece.number == *seen {
                continue;
            }
            *seen = piece.number;
            let sum = self.pieces.entry(piece.number);
            let sum = sum.or_insert_with(|| Histogram::new_from(&piece.latency));
            sum.add(&piece.latency).expect("histograms of one load have equal bounds");
        }
        let newest = self.pieces.keys().next_back().copied().unwrap_or(0);
        self.pieces.retain(|number, _| number + self.span > newest);
        let sum = |of: fn(&Slot) -> &AtomicU64| {
            slots.iter().map(|slot| of(slot).load(Ordering::Relaxed)).sum()
        };
        Some(Live {
            in_flight: sum(|slot| &slot.in_flight),
            failed: sum(|slot| &slot.failed),
            recent: self.recent(),
        })
    }

    fn recent(&self) -> Option<Recent> {
        let mut pieces = self.pieces.values();
        let mut all = pieces.next()?.clone();
        for piece in pieces {
            all.add(piece).expect("histograms of one load have equal bounds");
        }
        let at = |q| Duration::from_nanos(all.value_at_quantile(q));
        (!all.is_empty()).then(|| Recent { count: all.len(), p50: at(0.5), p99: at(0.99) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::Arrivals;
    use crate::example::load;
    use crate::recorder::Stamps;

    const MS: u64 = 1_000_000;

    fn watched() -> Load {
        let (interval, measure) = (Duration::from_millis(100), Duration::from_secs(4));
        Load {
            live: true,
            threads: 2,
            connections: 2,
            interval,
            measure,
            ..load(1, Arrivals::Closed)
        }
    }

    /// A reply to what was sent at `sent` and took `took`.
    fn reply(recorder: &mut Recorder, sent: u64, took: u64) {
        recorder.ok(&Stamps { due: sent, free_at: sent, sent }, sent + took);
    }

    #[test]
    fn the_last_second_of_all_threads_is_seen_and_what_is_older_is_not() {
        let load = watched();
        let (slots, mut viewer) = (slots(&load), Viewer::new(&load));
        let mut recorders = [Recorder::new(&load), Recorder::new(&load)];
        for piece in 0..20 {
            for (recorder, slot) in recorders.iter_mut().zip(&slots) {
                // The first second is slow and the next one is not.
                let took = if piece < 10 { 50 * MS } else { MS };
                reply(recorder, piece * 100 * MS, took);
                slot.publish(3, recorder, (piece + 1) * 100 * MS);
            }
            let live = viewer.look(&slots).unwrap();
            let recent = live.recent.unwrap();
            assert_eq!(recent.count, 2 * (piece + 1).min(10), "after piece {piece}");
            assert_eq!(live.in_flight, 6);
            let slow = recent.p99 > Duration::from_millis(40);
            assert_eq!(slow, piece < 19, "the last slow piece leaves with the twentieth");
        }
        let again = viewer.look(&slots).unwrap();
        assert_eq!(again.recent.unwrap().count, 20, "nothing new, nothing counted twice");
    }

    #[test]
    fn a_thread_does_not_wait_for_the_watcher() {
        let load = watched();
        let slots = slots(&load);
        let reading = slots[0].piece.lock().unwrap();
        let (published, done) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut recorder = Recorder::new(&load);
                reply(&mut recorder, 0, MS);
                slots[0].publish(1, &recorder, 100 * MS);
                let _ = published.send(());
            });
            let in_time = done.recv_timeout(Duration::from_secs(20));
            drop(reading);
            in_time.expect("it published while the observer was reading");
        });
        assert_eq!(slots[0].in_flight.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn where_nobody_watches_there_is_nothing_to_publish_to() {
        let load = Load { live: false, ..watched() };
        assert!(slots(&load).is_empty());
        assert_eq!(Viewer::new(&load).look(&[]), None);
    }
}
