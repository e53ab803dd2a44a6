//! The order of rounds, which depends only on the seed, and the error that a look may spend.

use super::*;
use crate::document::example;

fn plan() -> Plan {
    let mut plan = Plan::quick();
    plan.models = ["fork", "epoll", "io-uring"].map(Into::into).into();
    plan.settle_twin().expect("epoll is there");
    plan
}

/// The files of a round, in the order in which they are made.
fn files(cells: &mut Cells<'_>) -> Vec<String> {
    let slots = cells.next_round().expect("in order");
    slots.iter().map(|(_, slot)| slot.file()).collect()
}

#[test]
fn in_a_round_the_models_of_a_workload_lie_together_with_a_reference_among_them() {
    let plans = [plan()];
    let mut cells = Cells::from_plans(&plans).expect("in order");
    let files = files(&mut cells);
    // Three models, a twin and a reference under each of three workloads.
    assert_eq!(files.len(), 15);
    for part in files.chunks(5) {
        let references: Vec<&String> =
            part.iter().filter(|file| file.starts_with("trials/reference-")).collect();
        let [reference] = &references[..] else { panic!("{part:?}") };
        let workload =
            reference.trim_start_matches("trials/reference-").trim_end_matches(".0.json");
        let own = |file: &&String| file.starts_with(&format!("trials/{workload}."));
        assert_eq!(part.iter().filter(own).count(), 4, "{part:?}");
    }
}

#[test]
fn the_seed_decides_the_order_and_cells_that_are_decided_are_left_out_of_it() {
    let plans = [plan()];
    let of = |retired: &[(String, String)]| {
        let mut cells = Cells::from_plans(&plans).expect("in order");
        cells.retire(retired);
        cells.finish_round();
        files(&mut cells)
    };
    let all = of(&[]);
    assert_eq!(all, of(&[]));
    let fork = [("echo".to_string(), "fork".to_string())];
    let mut left = all.clone();
    left.retain(|file| file != "trials/echo.fork.1.json");
    assert_eq!(of(&fork), left, "the others come in the same order");
    let names = ["fork", "epoll", "epoll+twin", "io-uring"];
    let over: Vec<(String, String)> =
        names.map(|model| ("wait".to_string(), model.to_string())).into();
    assert!(of(&over).iter().all(|file| !file.contains("wait")), "nor is its reference measured");
    let mut other = plan();
    other.seed += 1;
    let plans = [other];
    let mut cells = Cells::from_plans(&plans).expect("in order");
    cells.finish_round();
    assert_ne!(files(&mut cells), all);
}

#[test]
fn of_two_sides_each_trial_lies_beside_its_neighbour() {
    let plans = [plan(), plan()];
    let mut cells = Cells::from_plans(&plans).expect("in order");
    let (mut first, mut pairs) = ([0, 0], 0);
    for _ in 0..20 {
        let slots = cells.next_round().expect("in order");
        let sides: Vec<(usize, String)> = slots
            .iter()
            .filter(|(_, slot)| !slot.is_reference())
            .map(|(place, slot)| (place.side(), slot.file()))
            .collect();
        for pair in sides.chunks(2) {
            assert_eq!(pair[0].1, pair[1].1);
            assert_ne!(pair[0].0, pair[1].0);
            first[pair[0].0] += 1;
            pairs += 1;
        }
        cells.finish_round();
    }
    assert!(first.iter().all(|side| *side > pairs / 3), "either side comes first: {first:?}");
}

#[test]
fn the_next_round_takes_as_long_for_each_trial_as_the_last_one_did() {
    let plans = [plan()];
    let mut cells = Cells::from_plans(&plans).expect("in order");
    assert!(cells.next_takes().is_zero(), "the first is made in any case");
    (0..12).for_each(|_| cells.took(Duration::from_millis(500)));
    cells.finish_round();
    assert_eq!(cells.next_takes(), Duration::from_secs(6));
    let over: Vec<(String, String)> = ["fork", "epoll", "epoll+twin", "io-uring"]
        .map(|model| ("wait".to_string(), model.to_string()))
        .into();
    cells.retire(&over);
    assert_eq!(cells.next_takes(), Duration::from_secs(4));
    assert_eq!(cells.decided(), (4, 12));
}

#[test]
fn cells_are_summed_up_from_the_trials_that_were_taken_in() {
    let plans = [plan()];
    let mut cells = Cells::from_plans(&plans).expect("in order");
    let slots = cells.next_round().expect("in order");
    for (place, slot) in &slots {
        cells.enter(*place, slot.file(), example::closed());
    }
    let sides = cells.so_far().expect("summed up");
    assert_eq!((sides.len(), sides[0].len()), (1, 12), "a reference is no cell");
    assert!(sides[0].iter().all(|cell| cell.trials.len() == 1));
}

#[test]
fn the_last_look_has_what_the_others_have_left() {
    let plan = plan();
    let rule = plan.rounds.clone().expect("by rounds");
    let mut record = begun(&plan, &rule);
    look(&mut record, &rule, (12, false), plan.trials);
    look(&mut record, &rule, (14, true), plan.trials);
    let spent: f64 = record.looks.iter().map(|look| look.error).sum();
    assert!((spent - rule.error).abs() < 1e-12, "{record:?}");
    assert!(record.looks[0].error < record.looks[1].error);
}
