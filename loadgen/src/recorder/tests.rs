use super::*;
use proptest::prelude::*;

fn load() -> Load {
    crate::truth::load(10, Arrivals::Constant { rate_per_s: 1_000.0 })
}

/// The recorder of a thread with three billion latencies of 1 ms and one of 40 ms.
fn billions(load: &Load) -> Recorder {
    const N: u64 = 3_000_000_000;
    let mut recorder = Recorder::new(load);
    let stamps = Stamps { due: 0, free_at: 0, sent: 0 };
    recorder.offered(&stamps);
    recorder.ok(&stamps, 40_000_000);
    recorder.census.offered += N;
    recorder.census.sent += N;
    recorder.census.ok += N;
    recorder.intervals[0].ok += N;
    let coarse = &mut recorder.intervals[0].latency;
    for histogram in [&mut recorder.response, &mut recorder.service, coarse] {
        histogram.record_n(1_000_000, N).unwrap();
    }
    recorder
}

#[test]
fn of_billions_of_samples_not_one_is_lost() {
    let load = load();
    let mut all = billions(&load);
    (0..2).for_each(|_| all.add(&billions(&load)));
    let nine = 9_000_000_003;
    assert!(all.census().reconciles());
    assert_eq!((all.census().ok, all.saturated), (nine, 0));
    let pieces = all.intervals(load.measure);
    assert_eq!((pieces[0].ok, pieces[0].latency.len()), (nine, nine));
    let (latency, _) = all.into_latency();
    for histogram in [latency.service, latency.response.unwrap()] {
        assert_eq!((histogram.len(), histogram.count_at(40_000_000)), (nine, 3));
        assert!(histogram.equivalent(histogram.value_at_quantile(0.999_999_999), 1_000_000));
        assert!(histogram.equivalent(histogram.value_at_quantile(1.0), 40_000_000));
    }
}

#[test]
fn a_recorder_is_as_large_after_a_million_samples_as_before() {
    let load = load();
    let mut recorder = Recorder::new(&load);
    let size = |recorder: &Recorder| {
        let pieces = recorder.intervals.iter().map(|piece| piece.latency.distinct_values());
        let whole = [&recorder.response, &recorder.service, &recorder.conn_wait];
        let others = [&recorder.sched_lag, &recorder.connect, &recorder.censored_ages];
        let all = whole.into_iter().chain(others).map(Histogram::distinct_values);
        (pieces.collect::<Vec<_>>(), all.collect::<Vec<_>>())
    };
    let before = size(&recorder);
    for i in 0..1_000_000_u64 {
        let stamps = Stamps { due: i, free_at: i / 2, sent: i };
        recorder.offered(&stamps);
        recorder.ok(&stamps, i * 1_000_003);
        recorder.unfinished(&stamps, u64::MAX);
    }
    assert_eq!(size(&recorder), before);
    assert!(recorder.saturated > 1_000_000, "the ages at least are too long for it");
}

#[test]
fn what_is_longer_than_a_histogram_is_clamped_and_counted() {
    let load = load();
    let (mut one, mut other) = (Recorder::new(&load), Recorder::new(&load));
    let stamps = Stamps { due: 10, free_at: 10, sent: 10 };
    for recorder in [&mut one, &mut other] {
        recorder.ok(&stamps, 1_000_000);
        assert_eq!(recorder.saturated, 0);
        recorder.ok(&stamps, 1 << 50);
    }
    one.connected(1 << 50);
    one.add(&other);
    assert_eq!(one.saturated, 5, "response and service twice, and one connect");
    assert_eq!(one.service.len(), 4, "they are in it all the same");
}

proptest! {
    #[test]
    fn the_two_waits_add_up(due in 0..1_000_u64, free_at in 0..1_000_u64, late in 0..9_u64) {
        let sent = due.max(free_at) + late;
        let stamps = Stamps { due, free_at, sent };
        prop_assert_eq!(stamps.conn_wait() + stamps.sched_lag(), sent - due);
        prop_assert_eq!(stamps.sched_lag(), late);
        prop_assert!(free_at > due || stamps.conn_wait() == 0);
    }
}
