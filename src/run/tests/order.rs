//! The order of trials: what depends on the seed, and what must not.

use super::*;
use crate::plan::Exclude;

fn plan(seed: u64) -> Plan {
    let mut plan = Plan::of_two_parts();
    plan.models = ["poll", "epoll", "mio"].map(Into::into).into();
    plan.keep_workloads(&["echo-open".into()]).expect("it has it");
    (plan.trials, plan.seed, plan.reference) = (40, seed, false);
    plan
}

/// Who comes after whom in each block of the closed workload.
fn orders(plan: &Plan) -> Vec<Vec<String>> {
    let slots = slots(plan).expect("in order");
    let closed: Vec<_> = slots.iter().filter(|slot| slot.workload.name == "echo").collect();
    let of = |block: &[&Slot<'_>]| block.iter().map(|slot| slot.candidate.to_string()).collect();
    closed.chunk_by(|a, b| a.block == b.block).map(of).collect()
}

#[test]
fn the_seed_decides_the_order_within_each_block_anew() {
    let found = orders(&plan(1));
    assert_eq!(found, orders(&plan(1)));
    assert_ne!(found, orders(&plan(2)));
    assert_eq!(found.len(), 40);
    let plan = plan(1);
    for model in plan.candidates().expect("names").iter().map(ToString::to_string) {
        let place = |order: &Vec<String>| order.iter().position(|name| *name == model);
        let places: Vec<usize> = found.iter().map(|o| place(o).expect("in each block")).collect();
        assert!((0..4).all(|place| places.contains(&place)), "{model} comes anywhere: {places:?}");
    }
}

#[test]
fn what_takes_its_rate_from_others_comes_after_them_and_nobody_is_left_out_or_repeated() {
    let plan = plan(3);
    let slots = slots(&plan).expect("in order");
    let waits = |slot: &Slot<'_>| slot.workload.arrivals.relative_to().is_some();
    assert!(slots.is_sorted_by_key(waits), "all that is measured first is first");
    assert!((0..).zip(&slots).all(|(at, slot)| slot.position == at));
    let mut files: Vec<String> = slots.iter().map(Slot::file).collect();
    files.sort();
    files.dedup();
    assert_eq!(files.len(), 2 * 4 * 40);
}

#[test]
fn who_is_excluded_has_no_trial_and_is_listed_with_the_reason() {
    let mut plan = plan(1);
    plan.exclude = vec![Exclude {
        models: vec!["mio".into()],
        workloads: vec!["echo".into()],
        reason: "it is slow".into(),
    }];
    assert!(orders(&plan).iter().all(|order| !order.contains(&"mio".into())));
    let listed = excluded(&plan).expect("in order");
    let [one] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&*one.model, &*one.workload, &*one.reason), ("mio", "echo", "it is slow"));
}

#[test]
fn the_time_that_is_needed_counts_phases_clients_and_what_a_trial_takes_beside_them() {
    let mut plan = plan(1);
    plan.keep_workloads(&["echo".into()]).expect("it has it");
    (plan.warmup, plan.measure) = (Duration::from_secs(1), Duration::from_secs(2));
    plan.connections = 1_000;
    plan.workloads[0].idle_connections = Some(500);
    let needed = |plan: &Plan| time_needed(plan, &slots(plan).expect("in order")).as_secs();
    // 160 trials of 3 s, 90 ms beside, and 60 us for each of 1,500 clients.
    assert_eq!(needed(&plan), 160 * 3 + (160 * 180) / 1_000);
    let stairs = crate::plan::arrivals::Staircase {
        rates: Some(vec![10.0; 4]),
        shares: None,
        of: None,
        step: Some(Duration::from_secs(5)),
        poisson: false,
    };
    plan.workloads[0].arrivals = crate::plan::ArrivalsPlan::Staircase(stairs);
    assert_eq!(needed(&plan), 160 * 21 + (160 * 180) / 1_000, "four steps of five seconds");
}
