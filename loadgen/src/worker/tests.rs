use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;
use crate::Arrivals;
use crate::example::load;
use crate::wire::EpollWire;

fn shared() -> Shared {
    Shared {
        end: AtomicU64::new(0),
        drain_end: AtomicU64::new(0),
        seen: AtomicBool::new(true),
        ..Shared::for_load(&load(1, Arrivals::Closed))
    }
}

fn worker<'a>(load: &'a Load, shared: &'a Shared) -> Worker<'a, EpollWire> {
    let wire = EpollWire::new(shared.route.address(), load.connections, shared.clock).unwrap();
    Worker::new(load, shared, 0, wire)
}

#[test]
fn in_closed_loop_who_has_not_sent_goes_before_who_has_its_reply() {
    let (load, shared) = (load(3, Arrivals::Closed), shared());
    let mut worker = worker(&load, &shared);
    (worker.start, worker.begin, worker.end, worker.now) = (0, 0, u64::MAX, 1);
    worker.free.push_back(0, 0);
    worker.free.push_back(1, 0);
    worker.freed(2);
    let order: Vec<_> = std::iter::from_fn(|| worker.free.pop_front()).collect();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn a_wait_ends_when_the_next_request_is_due_and_can_be_sent() {
    let (load, shared) = (load(1, Arrivals::Constant { rate_per_s: 1_000.0 }), shared());
    let mut worker = worker(&load, &shared);
    let (start, ms) = (5_000_000_000, 1_000_000);
    (worker.start, worker.begin, worker.end) = (start, start, start + 3 * ms);
    worker.now = start;
    worker.source.advance(start);
    worker.source.take(0, start);
    let drain_end = start + 9 * ms;

    assert_eq!(worker.wake_at(drain_end), start + 3 * ms, "no connection is free");
    worker.free.push_back(0, 0);
    assert_eq!(worker.wake_at(drain_end), start + ms);
    worker.source.take(0, start);
    worker.source.take(0, start);
    assert_eq!(worker.wake_at(drain_end), start + 3 * ms, "nothing more before the end");
    worker.now = start + 3 * ms;
    assert_eq!(worker.wake_at(drain_end), drain_end);
}
