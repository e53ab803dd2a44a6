//! A run by rounds: the best model, models that are surely worse, undecided models, and cells that
//! need no more trials.

use super::*;
use crate::analysis::metric::{CAPACITY, SERVER_CPU};
use crate::analysis::standings::derive;
use crate::analysis::synthetic::{bare, closed, flag, twin};
use crate::document::{Estimate, LookRecord, RequestRecord, RoundsRecord, Summary};
use crate::statistics::normal;

const ROUNDS: u32 = 15;

/// A cell whose requests wait, with this CPU time for each in each round, in microseconds.
fn cell(model: &str, cpu_us: &[f64]) -> Cell {
    let mut cell = closed(model, &vec![9e3; cpu_us.len()]);
    cell.workload = "wait".into();
    cell.trials = cell.trials.iter().map(|file| file.replace("echo", "wait")).collect();
    cell.request = Some(RequestRecord::Work { rounds: 0, wait_ns: 5_000_000, reply_bytes: 64 });
    let ns: Vec<f64> = cpu_us.iter().map(|us| us * 1e3).collect();
    cell.server_cpu_per_request_ns = Estimate::from_values(&ns);
    cell
}

/// So many rounds around this cost, on a machine with a drift that all of a round share.
fn around(cost: f64, spread: f64, seed: u64) -> Vec<f64> {
    let mut drift = fastrand::Rng::with_seed(99);
    let mut own = fastrand::Rng::with_seed(seed);
    let mut one = || cost * (0.2 * normal(&mut drift) + spread * normal(&mut own)).exp();
    (0..ROUNDS).map(|_| one()).collect()
}

fn derived(cells: Vec<Cell>) -> Summary {
    let mut summary = bare(cells);
    let looks = [(12, 0.0125), (ROUNDS, 0.0375)];
    summary.run.rounds = Some(RoundsRecord {
        planned: 24,
        made: ROUNDS,
        error: 0.05,
        looks: looks.map(|(rounds, error)| LookRecord { rounds, error }).to_vec(),
        time_ns: 120_000_000_000,
        took_ns: 118_000_000_000,
        spoiled: std::collections::BTreeMap::new(),
        ended: None,
    });
    derive(&mut summary);
    summary
}

fn usual() -> Vec<Cell> {
    vec![
        cell("thread-per-client", &around(27.0, 0.08, 1)),
        cell("epoll", &around(11.7, 0.08, 2)),
        cell("io-uring", &around(11.5, 0.08, 3)),
    ]
}

fn standing<'a>(summary: &'a Summary, model: &str) -> &'a Standing {
    let mut others = summary.verdicts[0].others.iter();
    others.find(|other| other.model == model).expect("the model")
}

#[test]
fn the_answer_names_who_costs_least_and_how_many_times_as_much_the_others_do() {
    let summary = derived(usual());
    let standings = &summary.verdicts[0];
    assert_eq!(standings.metric, SERVER_CPU.name);
    let thread = standing(&summary, "thread-per-client");
    assert_eq!(thread.verdict, Some(Verdict::Worse));
    let (ratio, interval) = thread.ratio.zip(thread.interval).expect("fifteen rounds");
    assert!((2.1..2.6).contains(&ratio) && interval.low > 1.8 && interval.high < 3.0, "{thread:?}");
    assert!(is_decided(thread));
    let sentence = &standings.sentence;
    assert!(
        sentence.starts_with("epoll and io-uring cost the least CPU per request ("),
        "{sentence}"
    );
    assert!(sentence.contains("and cannot be distinguished."), "{sentence}");
    let said = format!(
        ": thread-per-client ({ratio:.2} times the CPU [{:.2}, {:.2}]).",
        interval.low, interval.high
    );
    assert!(sentence.contains(&said), "{sentence}");
    let found = &summary.recommendations[0];
    assert_eq!(found.group.len(), 2);
    assert!(!found.group.contains(&"thread-per-client".to_string()));
}

#[test]
fn a_noisy_model_is_not_known_and_in_no_group_and_the_answer_says_what_it_would_take() {
    let mut cells = usual();
    cells.push(cell("fork", &around(12.0, 0.7, 4)));
    let summary = derived(cells);
    let fork = standing(&summary, "fork");
    assert_eq!(fork.verdict, Some(Verdict::CannotTell));
    assert!(fork.rounds_needed.is_none_or(|rounds| rounds > ROUNDS) && !is_decided(fork));
    let found = &summary.recommendations[0];
    assert!(!found.group.contains(&"fork".to_string()), "{found:?}");
    assert_eq!(found.unknown, ["fork"]);
    assert!(found.how_sure.contains("Not known: fork"), "{found:?}");
    let sentence = &summary.verdicts[0].sentence;
    assert!(
        sentence.contains("Undecided: fork (") && !sentence.contains("fork cost"),
        "{sentence}"
    );
    assert_ne!(summary.verdicts[0].best, "fork");
}

#[test]
fn a_pool_that_serves_a_tenth_is_not_cheap_but_behind() {
    let mut cells = usual();
    let mut pool = cell("thread-pool", &around(3.0, 0.05, 5));
    pool.throughput_per_s = Estimate::from_values(&around(800.0, 0.05, 6)).expect("values");
    cells.push(pool);
    let summary = derived(cells);
    let pool = standing(&summary, "thread-pool");
    assert_eq!((pool.metric.as_deref(), pool.verdict), (Some(CAPACITY.name), Some(Verdict::Worse)));
    assert!(pool.ratio.is_some_and(|ratio| ratio < 0.2), "{pool:?}");
    let sentence = &summary.verdicts[0].sentence;
    assert!(
        sentence.contains("thread-pool (0.10") && sentence.contains("times the throughput"),
        "{sentence}"
    );
}

#[test]
fn one_that_starves_its_clients_is_named_and_not_ranked() {
    let mut cells = usual();
    let mut sequential = cell("sequential", &around(5.0, 0.05, 7));
    flag(&mut sequential, "fairness");
    cells.push(sequential);
    let summary = derived(cells);
    assert_eq!(standing(&summary, "sequential").verdict, None);
    let sentence = &summary.verdicts[0].sentence;
    assert!(sentence.contains("sequential starves clients and is not ranked."), "{sentence}");
    assert_eq!(summary.recommendations[0].sureness, crate::document::Sureness::Partly);
}

#[test]
fn too_few_rounds_that_count_bound_nothing() {
    let mut cells = usual();
    cells.push(cell("fork", &around(30.0, 0.05, 8)[..6]));
    let summary = derived(cells);
    let fork = standing(&summary, "fork");
    assert_eq!(fork.verdict, None);
    assert!(
        fork.why_none.as_ref().is_some_and(|why| why.starts_with("only 6 of 15 rounds")),
        "{fork:?}"
    );
    assert_eq!(standing(&summary, "thread-per-client").verdict, Some(Verdict::Worse));
    assert!(summary.recommendations[0].unknown.contains(&"fork".to_string()));
}

/// A disturbed run: the cheap models lost most of their rounds, and the dear one leads alone.
fn disturbed() -> Vec<Cell> {
    let mut cells = usual();
    cells[1] = cell("epoll", &around(11.7, 0.08, 2)[..3]);
    cells[2] = cell("io-uring", &around(11.5, 0.08, 3)[..3]);
    cells
}

#[test]
fn who_has_a_better_median_and_could_not_be_judged_is_named_beside_who_leads() {
    let mut cells = disturbed();
    cells.push(cell("fork", &around(60.0, 0.08, 4)));
    let summary = derived(cells);
    let standings = &summary.verdicts[0];
    assert_eq!(standings.best, "thread-per-client");
    let sentence = &standings.sentence;
    let leads =
        "thread-per-client costs the least CPU per request of the models that could be judged: ";
    assert!(sentence.starts_with(leads), "{sentence}");
    let rivals = ". epoll and io-uring have lower medians and may be better. Surely worse";
    let turned = ". io-uring and epoll have lower medians and may be better. Surely worse";
    assert!(sentence.contains(rivals) || sentence.contains(turned), "{sentence}");
    // Who is judged has no rivals.
    assert!(!derived(usual()).verdicts[0].sentence.contains("could be judged"));
}

#[test]
fn where_nothing_is_known_the_best_median_is_the_best_one_of_all() {
    let summary = derived(disturbed());
    let found = &summary.recommendations[0];
    assert_eq!(found.sureness, crate::document::Sureness::Hint);
    let dear = "No recommendation: thread-per-client";
    assert!(found.sentence.starts_with("No recommendation: "), "{found:?}");
    assert!(!found.sentence.starts_with(dear), "{found:?}");
}

#[test]
fn a_twin_that_differs_from_its_model_by_more_takes_a_verdict_back() {
    let mut cells = usual();
    let epoll = cells[1].clone();
    let costs = &epoll.server_cpu_per_request_ns.as_ref().expect("known").values;
    let mut again = twin(&epoll, &vec![9e3; costs.len()]);
    again.workload = "wait".into();
    again.server_cpu_per_request_ns =
        Estimate::from_values(&costs.iter().map(|cost| cost * 2.9).collect::<Vec<_>>());
    cells.push(again);
    let summary = derived(cells);
    assert_eq!(standing(&summary, "thread-per-client").verdict, Some(Verdict::CannotTell));
}

#[test]
fn throughput_that_servers_limit_is_ranked_the_other_way_round() {
    let mut cells = [("epoll", 6e3), ("fork", 3e3)].map(|(model, rate)| {
        let rates = around(rate, 0.05, u64::from(rate > 4e3));
        let mut cell = closed(model, &rates);
        cell.request = Some(RequestRecord::Work { rounds: 1500, wait_ns: 0, reply_bytes: 64 });
        cell
    });
    cells.reverse();
    let summary = derived(cells.to_vec());
    let standings = &summary.verdicts[0];
    assert_eq!((standings.best.as_str(), standings.metric.as_str()), ("epoll", CAPACITY.name));
    let fork = standing(&summary, "fork");
    assert_eq!(fork.verdict, Some(Verdict::Worse));
    assert!(fork.interval.is_some_and(|interval| interval.high < 0.6), "{fork:?}");
    let said = "Surely worse than epoll: fork (0.5";
    assert!(standings.sentence.contains(said), "{}", standings.sentence);
}

#[test]
fn a_cell_needs_no_more_trials_when_its_ratio_is_known_and_not_when_its_sign_is() {
    let of = |verdict, low, high| {
        let mut standing = unknown(&cell("epoll", &[1.0]));
        (standing.verdict, standing.interval) = (verdict, Some(Interval { low, high }));
        is_decided(&standing)
    };
    assert!(of(Some(Verdict::Worse), 2.0, 2.8) && !of(Some(Verdict::Worse), 1.1, 5.0));
    assert!(of(Some(Verdict::Same), 0.97, 1.03) && !of(Some(Verdict::CannotTell), 0.9, 1.2));
    assert!(!of(None, 2.0, 2.1));
    // A tenth apart and known to a fifth: known to a twentieth it takes sixteen times as many.
    let rounds = needed(10, (1.1, 0.9, 1.344), 0.05).expect("not next to the margin");
    assert!((160..220).contains(&rounds), "{rounds}");
    assert_eq!(needed(10, (1.0501, 0.9, 1.225), 0.05), None);
}
