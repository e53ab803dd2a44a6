//! The sum of three generators equals the result of one.

use std::collections::BTreeMap;

use super::Named;
use crate::document::{
    ClockRecord, Greetings, StartBy, StartRecord, StepRecord, Trial, Validity, Worker,
};
use crate::trial::made::{CONNECTIONS, Fate, Samples, document};

/// As from files a, b and so on.
fn add_up(documents: Vec<Trial>) -> anyhow::Result<Trial> {
    let named = ('a'..).zip(documents).map(|(name, trial)| Named { name: name.into(), trial });
    super::add_up(named.collect())
}

fn three(samples: &Samples) -> [Trial; 3] {
    [0, 1, 2].map(|k| document(samples, (k, 3), 1_000 * k))
}

/// Latencies without what they are worth, which is not known of a sum.
fn plain(latency: &crate::document::Latency) -> serde_json::Value {
    let mut value = serde_json::json!(latency);
    let distributions = value.as_object_mut().expect("an object").values_mut();
    for distribution in distributions.filter_map(serde_json::Value::as_object_mut) {
        distribution.remove("effective_count");
        let quantiles = distribution.get_mut("quantiles").and_then(|list| list.as_array_mut());
        for quantile in quantiles.into_iter().flatten().filter_map(|one| one.as_object_mut()) {
            quantile.remove("effective_count");
            quantile.remove("admitted");
        }
    }
    value
}

#[test]
fn three_parts_added_up_are_what_one_generator_finds() {
    for seed in 0..10 {
        let samples = Samples::some(seed, 900);
        let sum = add_up(three(&samples).to_vec()).expect("they belong together");
        let one = document(&samples, (0, 1), 0);
        assert_eq!(sum.census, one.census);
        assert_eq!(plain(&sum.latency), plain(&one.latency));
        let worth = |trial: &Trial| trial.latency.service.effective_count;
        assert!(worth(&sum) <= worth(&one), "the parts may have met the same stalls");
        assert_eq!(sum.intervals, one.intervals);
        assert_eq!(sum.throughput_per_s, one.throughput_per_s);
        assert_eq!(sum.client, one.client);
        assert_eq!(sum.sums.expect("sums").service_ns, one.sums.expect("sums").service_ns);
        assert_eq!(sum.validity, one.validity, "{:?}", sum.checks);
        let (sum, one) = (sum.connections, one.connections);
        assert_eq!((sum.asked, sum.opened, sum.served), (one.asked, one.opened, one.served));
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        assert!(close(sum.effective_concurrency, one.effective_concurrency), "{sum:?} {one:?}");
    }
}

#[test]
fn jain_of_all_connections_follows_from_the_parts() {
    let samples = Samples::some(1, 901);
    let parts = three(&samples);
    // Who is served by which connection is a matter of the parts: count there.
    let shares: Vec<u64> = (0..3)
        .flat_map(|k| {
            let mut ok = [0; CONNECTIONS];
            for (at, sample) in samples.shard((k, 3)).0.iter().enumerate() {
                ok[at % CONNECTIONS] += u64::from(sample.2 == Fate::Ok);
            }
            ok
        })
        .collect();
    let (sum, squares) = (shares.iter().sum::<u64>(), shares.iter().map(|x| x * x).sum::<u64>());
    let jain = (sum as f64).powi(2) / (shares.len() as f64 * squares as f64);
    let found = add_up(parts.to_vec()).expect("they belong together").connections;
    assert!((found.jain - jain).abs() < 1e-12, "{} {jain}", found.jain);
    assert_eq!(
        (found.ok_min, found.ok_max),
        (*shares.iter().min().unwrap(), *shares.iter().max().unwrap())
    );
}

#[test]
fn order_does_not_matter_and_a_sum_can_be_added_to() {
    let [a, b, c] = three(&Samples::some(3, 600));
    let sum = |parts: &[&Trial]| add_up(parts.iter().copied().cloned().collect()).expect("a sum");
    let all = sum(&[&a, &b, &c]);
    for permuted in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
        assert_eq!(sum(&permuted), all);
    }
    assert_eq!(sum(&[&sum(&[&c, &a]), &b]), all);
    assert_eq!(sum(&[&a, &sum(&[&c, &b])]), all);
    let text = |trial: &Trial| crate::document::store::json(trial).expect("JSON");
    assert_eq!(text(&sum(&[&b, &sum(&[&a, &c])])), text(&all));
    assert_eq!(all.merged.iter().map(|part| part.shard).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn slices_lie_side_by_side_by_the_time_of_day() {
    let samples = Samples::some(4, 900);
    // The last part began almost a slice after the others: its slices belong one further.
    let parts = [(0, 0), (1, 20_000_000), (2, 90_000_000)]
        .map(|(k, later)| document(&samples, (k, 3), later));
    let sum = add_up(parts.to_vec()).expect("they belong together");
    assert_eq!(sum.intervals.len(), 11);
    for (at, slice) in sum.intervals.iter().enumerate() {
        let ok = |part: &Trial, at: Option<usize>| {
            at.and_then(|at| part.intervals.get(at)).map_or(0, |slice| slice.ok)
        };
        let expected = ok(&parts[0], Some(at)) + ok(&parts[1], Some(at));
        assert_eq!(slice.ok, expected + ok(&parts[2], at.checked_sub(1)), "slice {at}");
        assert_eq!(slice.start_ns, 100_000_000 * at as u64);
    }
    assert_eq!(sum.sums.expect("sums").began_unix_ns, parts[0].sums.expect("sums").began_unix_ns);
}

#[test]
fn greetings_and_workers_are_added_up_too() {
    let greeted = |mut trial: Trial, workers: &[(u32, u64)]| {
        let received = workers.iter().map(|(_, connections)| connections).sum();
        let errors = BTreeMap::from([("reset".to_string(), 2)]);
        trial.greetings = Some(Greetings {
            expected: received + 2,
            received,
            errors,
            timeouts: 0,
            unfinished: 0,
            other_clock: 1,
            reconciles: true,
        });
        let worker = |(worker, connections): &(u32, u64)| Worker {
            worker: *worker,
            connections: *connections,
        };
        trial.workers = workers.iter().map(worker).collect();
        trial.latency.accept_delay = Some(trial.latency.connect.clone());
        trial
    };
    let [a, b, c] = three(&Samples::some(8, 60));
    let parts =
        [greeted(a, &[(0, 4), (1, 1)]), greeted(b, &[(1, 3)]), greeted(c, &[(0, 1), (3, 4)])];
    let sum = add_up(parts.to_vec()).expect("they belong together");
    let greetings = sum.greetings.expect("greetings");
    assert_eq!((greetings.expected, greetings.received, greetings.other_clock), (19, 13, 3));
    assert_eq!((greetings.errors["reset"], greetings.reconciles), (6, true));
    let workers: Vec<_> = sum.workers.iter().map(|w| (w.worker, w.connections)).collect();
    assert_eq!(workers, [(0, 5), (1, 4), (3, 4)]);
    assert_eq!(sum.imbalance.expect("uneven").workers, 4);
    assert!(sum.latency.accept_delay.is_some());
}

#[test]
fn steps_of_a_staircase_are_added_up_too() {
    let stepped = |mut trial: Trial| {
        let half = trial.phases.measure_ns / 2;
        let response = trial.latency.headline().clone();
        let step = |at: u64| StepRecord {
            start_ns: at * half,
            width_ns: half,
            rate_per_s: 100.0,
            offered: 9 + at,
            ok: 8,
            failed: 1,
            response: response.clone(),
        };
        trial.steps = vec![step(0), step(1)];
        trial
    };
    let parts = three(&Samples::some(9, 90)).map(stepped);
    let sum = add_up(parts.to_vec()).expect("they belong together");
    let offered: Vec<_> = sum.steps.iter().map(|step| (step.offered, step.ok)).collect();
    assert_eq!(offered, [(27, 24), (30, 24)]);
    assert_eq!(&sum.steps[1].response, sum.latency.headline());
}

#[test]
fn a_missing_part_makes_the_sum_invalid_and_is_named() {
    let [a, _, c] = three(&Samples::some(5, 300));
    let missing = |parts: Vec<Trial>| {
        let sum = add_up(parts).expect("they belong together");
        assert_eq!(sum.validity, Validity::Invalid);
        let check = sum.checks.into_iter().find(|check| check.name == "shards").expect("checked");
        check.message
    };
    assert!(missing(vec![a, c.clone()]).contains("2 of 3 parts were merged; missing: 1;"));
    assert!(missing(vec![c]).contains("1 of 3 parts were merged; missing: 0, 1;"));
}

#[test]
fn what_does_not_belong_together_is_refused_by_file_and_field() {
    type Spoil = fn(&mut Trial);
    let cases: [(&str, Spoil); 13] = [
        ("b: it is from another version: run.program_version", |trial| {
            trial.run.program_version = "1".into();
        }),
        ("b: it belongs to another load: run.seed", |trial| trial.run.seed = 9),
        ("target.address", |trial| trial.target.address = "127.0.0.2:1".into()),
        ("load.app", |trial| trial.load.app = "echo".into()),
        ("load.request", |trial| {
            trial.load.request = crate::document::RequestRecord::Echo { bytes: 9 };
        }),
        ("load.arrivals", |trial| trial.load.arrivals = crate::document::ArrivalsRecord::Closed),
        ("load.request_timeout_ns", |trial| trial.load.request_timeout_ns = 1),
        ("b: part 0 is there twice: a has it too", |trial| {
            trial.load.shard.as_mut().expect("a shard").parts = vec![0];
        }),
        ("load.shard.of", |trial| trial.load.shard.as_mut().expect("a shard").of = 4),
        ("b: load.shard: it is not part of a load", |trial| trial.load.shard = None),
        ("phases.measure_ns", |trial| trial.phases.measure_ns += 1),
        ("b: part 1 is late: its measurement began 200 ms after the first", |trial| {
            trial.sums.as_mut().expect("sums").began_unix_ns += 200_000_000;
        }),
        ("b: sums: ", |trial| trial.sums = None),
    ];
    let parts = three(&Samples::some(6, 60));
    for (named, spoil) in cases {
        let [a, mut b, c] = parts.clone();
        spoil(&mut b);
        let error = add_up(vec![a, b, c]).expect_err(named);
        assert_eq!(crate::base::exit::code_of(&error), 4, "{error}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}

#[test]
fn each_that_is_wrong_is_named() {
    let [a, mut b, mut c] = three(&Samples::some(6, 60));
    b.run.seed = 9;
    c.load.shard.as_mut().expect("a shard").parts = vec![0];
    let error = add_up(vec![a, b, c]).expect_err("two are wrong").to_string();
    for named in
        ["b: it belongs to another load: run.seed is 9, and 1 in a", "c: part 0 is there twice"]
    {
        assert!(error.contains(named), "{error}");
    }
}

/// A part that met the others: its clock has to be moved by so much to be part 0's.
fn met(mut trial: Trial, offset_ns: i64) -> Trial {
    let start = StartRecord {
        by: StartBy::Rendezvous,
        at_unix_ns: 1_700_000_000_000_000_000,
        late_ns: 0,
        clock: ClockRecord::Compared { offset_ns, bound_ns: 9 },
        jumped_ns: None,
    };
    trial.load.shard.as_mut().expect("a shard").start = Some(start);
    trial
}

#[test]
fn clocks_that_differ_are_put_right_once() {
    let samples = Samples::some(4, 900);
    let far = -3_600_000_000_000;
    let [a, b, c] = three(&samples);
    let with_hour = met(document(&samples, (1, 3), 3_600_000_001_000), far);
    let parts = vec![met(a, 0), with_hour, met(c, 0)];
    let sum = add_up(parts.clone()).expect("they began together");
    let same = add_up(three(&samples).to_vec()).expect("they belong together");
    assert_eq!(sum.intervals, same.intervals);
    assert_eq!(sum.merged[1].began_unix_ns, same.merged[1].began_unix_ns);
    assert_eq!(
        sum.merged[1].start.expect("kept").clock,
        ClockRecord::Compared { offset_ns: far, bound_ns: 9 }
    );
    let [a, hour, c] = <[Trial; 3]>::try_from(parts).expect("three");
    let again = add_up(vec![add_up(vec![hour, c]).expect("a sum"), a]).expect("a sum");
    assert_eq!(again, sum);
    assert!(!again.merged.is_empty() && b.merged.is_empty());
}

#[test]
fn a_part_whose_clock_was_set_is_named() {
    let [a, b, c] = three(&Samples::some(4, 90));
    let mut set = met(b, 0);
    let start = set.load.shard.as_mut().and_then(|shard| shard.start.as_mut());
    start.expect("it met").jumped_ns = Some(3_000_000_000);
    let error = add_up(vec![met(a, 0), set, met(c, 0)]).expect_err("it was set").to_string();
    assert!(error.contains("b: the clock of part 1 was set forward by 3.00 s"), "{error}");
}

#[test]
fn parts_of_two_meetings_are_no_load_together() {
    let [a, b, c] = three(&Samples::some(4, 90));
    let mut other = met(b, 0);
    let start = other.load.shard.as_mut().and_then(|shard| shard.start.as_mut());
    start.expect("it met").at_unix_ns += 1;
    let error = add_up(vec![met(a, 0), other, met(c, 0)]).expect_err("another meeting").to_string();
    assert!(error.contains("b: it belongs to other parts, which met at another time"), "{error}");
}

#[test]
fn a_histogram_that_lost_samples_is_refused() {
    let [a, mut b, c] = three(&Samples::some(7, 60));
    b.latency.service.count += 1;
    let error = add_up(vec![a, b, c]).expect_err("a sample is missing").to_string();
    assert!(error.contains("latency"), "{error}");
}
