//! Every figure of a comparison and every line of its text, with synthetic runs.

use std::collections::BTreeMap;

use super::*;
use crate::analysis::synthetic::{bare, closed, fail, flag, set};
use crate::document::{Compared, Estimate, LookRecord};
use crate::statistics::normal;
use crate::statistics::{Interval, Verdict, median, ratio};

fn run(id: &str, cells: Vec<Cell>) -> Run {
    let mut summary = bare(cells);
    summary.run.id = id.into();
    summary.reference = Some(crate::analysis::synthetic::reference(2e5, &[5e3; 5], &[3e3; 5]));
    Run { dir: PathBuf::new(), summary }
}

/// What is typed, with these options.
fn args(options: &[&str]) -> CompareArgs {
    use clap::{Args, Command, FromArgMatches};
    let command = CompareArgs::augment_args(Command::new("compare"));
    let words = ["compare", "base", "new"].iter().chain(options);
    CompareArgs::from_arg_matches(&command.get_matches_from(words)).expect("they are in order")
}

fn of(base: &Run, new: &Run) -> Comparison {
    comparison(base, new, &args(&[]), Vec::new())
}

/// The median is neither the first nor the last.
const NEW: [f64; 5] = [1_100.0, 1_000.0, 1_300.0, 1_200.0, 1_150.0];
const BASE: [f64; 5] = [900.0, 800.0, 1_000.0, 950.0, 850.0];

fn row<'a>(comparison: &'a Comparison, model: &str, metric: &str) -> &'a Compared {
    let mut rows = comparison.rows.iter();
    rows.find(|row| row.model == model && row.metric == metric).expect("a row")
}

#[test]
fn a_row_is_new_over_base_with_both_medians_and_both_p_values() {
    let (base, new) = (vec![closed("epoll", &BASE)], vec![closed("epoll", &NEW)]);
    let found =
        comparison(&run("old", base), &run("young", new), &args(&[]), vec!["kernel".into()]);
    let own = row(&found, "epoll", "throughput_per_s");
    assert_eq!((own.base, own.new), (median(&BASE), median(&NEW)));
    let change = own.change.expect("it has one");
    // exp of the difference of np.log(...).mean(), and scipy.stats.ttest_ind(equal_var=False)
    assert!((change.ratio - 1.276_873_927_8).abs() < 1e-9, "{own:?}");
    assert!((change.p_value - WELCH_P).abs() < 1e-7, "{own:?}");
    assert!((change.interval.low - WELCH.low).abs() < 1e-6, "{own:?}");
    assert!((change.interval.high - WELCH.high).abs() < 1e-6, "{own:?}");
    // One value is in both. Counted over all deals with itertools: 4 of C(10, 5).
    assert!((change.p_value_by_rank.expect("known") - 4.0 / 252.0).abs() < 1e-9, "{own:?}");
    assert_eq!(own.verdict, Some(Verdict::Better), "more throughput");
    assert_eq!(
        (&*found.base, &*found.new, &found.unlike[..]),
        ("old", "young", &["kernel".into()][..])
    );
    let same = row(&found, "epoll", "pss_bytes");
    assert_eq!((same.verdict, same.change.map(|c| c.ratio)), (Some(Verdict::Same), Some(1.0)));
}

const WELCH: Interval = Interval { low: 1.114_413_177, high: 1.463_018_440 };
const WELCH_P: f64 = 0.003_287_012;

#[test]
fn the_margin_is_the_one_that_was_asked_for_and_holm_counts_the_cells_of_a_figure() {
    let base = || vec![closed("epoll", &BASE), closed("mio", &BASE)];
    let new = || vec![closed("epoll", &NEW), closed("mio", &BASE)];
    let with = |margin| {
        let options = args(&["--margin", margin]);
        comparison(&run("a", base()), &run("b", new()), &options, Vec::new())
    };
    let five = with("5%");
    let own = row(&five, "epoll", "throughput_per_s");
    assert!(
        (own.change.expect("it has one").p_value - 2.0 * WELCH_P).abs() < 1e-7,
        "two cells: {own:?}"
    );
    assert_eq!(own.verdict, Some(Verdict::Better));
    let twenty = with("20%");
    assert_eq!(row(&twenty, "epoll", "throughput_per_s").verdict, Some(Verdict::CannotTell));
    assert!((twenty.margin - 0.2).abs() < 1e-12);
}

#[test]
fn it_takes_five_trials_of_both() {
    let (five, four) = (|| closed("epoll", &BASE), || closed("epoll", &BASE[..4]));
    let why = |base: Cell, new: Cell| {
        let found = of(&run("a", vec![base]), &run("b", vec![new]));
        let own = row(&found, "epoll", "throughput_per_s");
        assert_eq!(own.verdict.is_none(), own.why.is_some());
        own.why.clone().unwrap_or_default()
    };
    assert_eq!(why(five(), five()), "");
    for (base, new) in [(four(), five()), (five(), four())] {
        assert_eq!(why(base, new), "4 trials, but 5 are needed");
    }
}

/// What a run of a sound epoll comes to against these cells.
fn against(new: Vec<Cell>) -> Comparison {
    let base = vec![closed("epoll", &BASE), closed("mio", &BASE)];
    of(&run("base", base), &run("new", [new, vec![closed("mio", &BASE)]].concat()))
}

fn verdicts(comparison: &Comparison, model: &str) -> Vec<Option<Verdict>> {
    let own = comparison.rows.iter().filter(|row| row.model == model);
    own.map(|row| row.verdict).collect()
}

#[test]
fn a_server_that_was_sound_and_is_dead_or_wrong_or_missing_is_worse_in_every_figure() {
    let worse = |new: Vec<Cell>| {
        let found = against(new);
        assert_eq!(verdicts(&found, "epoll"), [Some(Verdict::Worse); 5], "{:#?}", found.rows);
        assert!(!verdicts(&found, "mio").contains(&Some(Verdict::Worse)));
        assert_eq!(gate::gate(&found), Exit::Worse);
        text::text(&found, false)
    };
    // It accepts and answers nothing.
    let mut dead = closed("epoll", &[0.0; 5]);
    fail(&mut dead, "answered", &[0, 1, 2, 3, 4]);
    dead.server_cpu_per_request_ns = None;
    assert!(
        worse(vec![dead]).contains("worse: in the new run: answered failed (epoll under echo)")
    );
    // It answers nothing but errors, which are quick.
    let mut erring = closed("epoll", &NEW);
    fail(&mut erring, "errors", &[0, 1, 2, 3, 4]);
    worse(vec![erring]);
    assert!(worse(Vec::new()).contains("worse: it is missing in the new run"));
}

#[test]
fn what_the_machine_spoiled_is_neither_worse_nor_the_same() {
    let slow = NEW.map(|value| value / 3.0);
    let mut contended = closed("epoll", &slow);
    flag(&mut contended, "load-above-cores");
    let found = against(vec![contended]);
    let own = row(&found, "epoll", "throughput_per_s");
    assert_eq!(own.verdict, None);
    assert!(own.why.as_ref().is_some_and(|why| why.contains("load-above-cores")), "{own:?}");
    assert_eq!(row(&found, "epoll", "pss_bytes").verdict, Some(Verdict::Same), "it is held anyhow");
    assert_eq!(gate::gate(&found), Exit::Untrusted);
    // Two of seven trials: the five others are judged, and the two are in no ratio.
    let mut partly = closed("epoll", &[850.0, 900.0, 9.0, 900.0, 8.0, 930.0, 880.0]);
    fail(&mut partly, "steal", &[2, 4]);
    let found = against(vec![partly]);
    let change = row(&found, "epoll", "throughput_per_s").change.expect("five are left");
    assert!((0.9..1.1).contains(&change.ratio), "{change:?}");
}

#[test]
fn a_base_that_is_unsound_is_nothing_to_be_better_than() {
    let mut broken = closed("epoll", &BASE);
    fail(&mut broken, "errors", &[0, 1, 2, 3, 4]);
    let found = of(&run("a", vec![broken]), &run("b", vec![closed("epoll", &NEW)]));
    assert_eq!(verdicts(&found, "epoll"), [None; 5]);
    assert_eq!(gate::gate(&found), Exit::Untrusted);
    let one_of_five = {
        let mut cell = closed("epoll", &NEW);
        fail(&mut cell, "errors", &[2]);
        of(&run("a", vec![closed("epoll", &BASE)]), &run("b", vec![cell]))
    };
    assert_eq!(verdicts(&one_of_five, "epoll"), [None; 5], "a trial that failed is no evidence");
}

#[test]
fn where_the_generator_was_the_limit_of_both_throughput_is_not_judged() {
    let bound = |values: &[f64]| {
        let mut cell = closed("epoll", values);
        flag(&mut cell, "generator-cpu");
        cell
    };
    let both = of(&run("a", vec![bound(&BASE)]), &run("b", vec![bound(&BASE)]));
    assert_eq!(row(&both, "epoll", "throughput_per_s").verdict, None);
    assert_eq!(row(&both, "epoll", "server_cpu_per_request_ns").verdict, Some(Verdict::Same));
    let slow = BASE.map(|value| value / 3.0);
    let one = of(&run("a", vec![bound(&BASE)]), &run("b", vec![closed("epoll", &slow)]));
    assert_eq!(row(&one, "epoll", "throughput_per_s").verdict, Some(Verdict::Worse));
}

#[test]
fn a_figure_that_the_new_run_has_too_few_samples_for_is_not_judged_and_one_may_leave_it_out() {
    let mut few = closed("epoll", &BASE);
    set(&mut few, 0.99, &[]);
    let (base, new) = (run("a", vec![closed("epoll", &BASE)]), run("b", vec![few]));
    assert_eq!(gate::gate(&of(&base, &new)), Exit::Untrusted);
    let some = comparison(
        &base,
        &new,
        &args(&["--figures", "throughput,cpu", "--margin", "50%"]),
        Vec::new(),
    );
    assert_eq!((some.rows.len(), gate::gate(&some)), (2, Exit::Ok));
    let other = comparison(&base, &new, &args(&["--models", "mio"]), Vec::new());
    assert_eq!(
        (other.rows.len(), gate::gate(&other)),
        (0, Exit::Untrusted),
        "no figure was judged"
    );
}

#[test]
fn a_machine_that_was_not_the_same_gives_no_verdict_and_a_little_widens_the_interval() {
    let with = |per_s: f64, base: &[f64]| {
        let mut own = run("x", vec![closed("epoll", base)]);
        own.summary.reference =
            Some(crate::analysis::synthetic::reference(per_s, &[5e3; 5], &[3e3; 5]));
        own
    };
    let slow = BASE.map(|value| value * 0.85);
    let moved = |per_s| of(&with(2e5, &BASE), &with(per_s, &slow));
    let halved = moved(1e5);
    assert_eq!(row(&halved, "epoll", "throughput_per_s").verdict, None);
    assert_eq!(row(&halved, "epoll", "pss_bytes").verdict, Some(Verdict::Same));
    assert_eq!(gate::gate(&halved), Exit::Untrusted);
    let said = text::text(&halved, false);
    assert!(said.contains("served 0.50 times as many requests per second"), "{said}");
    // A reference that is slower by as much as the model says that the machine was.
    let ends = |found: &Comparison| {
        row(found, "epoll", "throughput_per_s").change.expect("it has one").interval
    };
    let (same, slower) = (moved(2e5), moved(1.7e5));
    assert!((ends(&same).high * 2.0 / 1.7 - ends(&slower).high).abs() < 1e-9);
    assert!(text::text(&slower, false).contains("18 % for throughput and latency"));
    let mut without = with(2e5, &BASE);
    without.summary.reference = None;
    let found = of(&with(2e5, &BASE), &without);
    assert_eq!(row(&found, "epoll", "throughput_per_s").verdict, None);
}

/// The honesty test between runs: one binary twice, and a machine that differs by 5 % from run to run.
#[test]
fn a_shift_between_runs_is_seldom_called_a_change() {
    let mut random = fastrand::Rng::with_seed(4);
    let side = |random: &mut fastrand::Rng| {
        let mut trials = |of: f64, n: usize| -> Vec<f64> {
            (0..n).map(|_| of * (0.06 * normal(random)).exp()).collect()
        };
        let (cell, reference) = (trials(1e5, 10), trials(5e3, 10));
        let shift = (0.05 * normal(random)).exp();
        let times = |values: &[f64], by: f64| values.iter().map(|v| v * by).collect::<Vec<_>>();
        let mut own = run("x", vec![closed("epoll", &times(&cell, 1.0 / shift))]);
        let cost = times(&reference, shift);
        let mut of = crate::analysis::synthetic::reference(2e5, &cost, &cost);
        of.throughput_per_s =
            Estimate::from_values(&times(&cost, -1.0).iter().map(|c| -1e9 / c).collect::<Vec<_>>())
                .expect("values");
        own.summary.reference = Some(of);
        own
    };
    let (mut found, mut without) = (0, 0);
    for _ in 0..400 {
        let (base, new) = (side(&mut random), side(&mut random));
        let values = |run: &Run| run.summary.cells[0].throughput_per_s.values.clone();
        let alone = ratio::unpaired(&values(&new), &values(&base)).expect("ten of each").interval;
        without += i32::from(!alone.contains(1.0));
        let options = args(&["--figures", "throughput", "--margin", "0.1%"]);
        let compared = comparison(&base, &new, &options, Vec::new());
        let told = matches!(compared.rows[0].verdict, Some(Verdict::Worse | Verdict::Better));
        found += i32::from(told);
    }
    // 5 % of 400 are 20. By the trials alone 185 of 400 differ (of 200,000, simulated: 46 %).
    assert!(found <= 20, "{found} of 400");
    assert!((150..=220).contains(&without), "{without} of 400 without the widening");
}

fn sides(base: &[f64], new: &[f64]) -> Comparison {
    let side = |id: &str, values: &[f64]| {
        let mut own = run(id, vec![closed("epoll", values), closed("mio", values)]);
        own.summary.run.beside = Some("compare-1".into());
        own.summary.run.rounds = Some(RoundsRecord {
            planned: 12,
            made: 12,
            error: 0.05,
            looks: vec![LookRecord { rounds: 12, error: 0.05 }],
            time_ns: 0,
            took_ns: 0,
            spoiled: BTreeMap::new(),
            ended: None,
        });
        own
    };
    comparison(
        &side("base", base),
        &side("new", new),
        &args(&["--figures", "throughput"]),
        Vec::new(),
    )
}

#[test]
fn of_two_sides_of_one_run_neighbours_are_compared_whatever_the_machine_did() {
    // From block to block the machine is anything between 1 and 12 times as fast.
    let base: Vec<f64> = (1..=12).map(|block| 1e4 * f64::from(block)).collect();
    let new: Vec<f64> = base.iter().map(|value| value * 0.8).collect();
    let found = sides(&base, &new);
    assert!(found.interleaved);
    let change = found.rows[0].change.expect("twelve pairs");
    assert!((change.ratio - 0.8).abs() < 1e-9 && (change.interval.high - 0.8).abs() < 1e-9);
    assert_eq!(found.rows[0].verdict, Some(Verdict::Worse));
    assert!(text::text(&found, false).contains("the two sides interleaved trial by trial"));
    let few = sides(&base[..6], &new[..6]);
    assert_eq!(
        few.rows[0].why.as_deref(),
        Some("6 pairs of trials, but 7 are needed"),
        "two cells"
    );
}

#[test]
fn the_text_counts_the_verdicts_and_has_each_number_in_its_column() {
    let slow = |by: f64| {
        let mut cell = closed("mio", &[900.0; 5]);
        set(&mut cell, 0.99, &NEW.map(|value| 1e3 * by * value));
        cell
    };
    let wide = |values: [f64; 5]| {
        let mut cell = closed("poll", &[900.0; 5]);
        set(&mut cell, 0.99, &values);
        cell
    };
    let base = vec![closed("epoll", &BASE), slow(1.0), wide([1e5, 9e5, 2e5, 8e5, 4e5])];
    let mut new = vec![closed("epoll", &NEW), slow(3.0), wide([9e5, 1e5, 8e5, 2e5, 5e5])];
    let mut few = closed("fork", &BASE[..3]);
    flag(&mut few, "independent");
    new.push(few.clone());
    new.push(closed("select", &BASE));
    let (base, new) = (run("old", [base, vec![few]].concat()), run("young", new));
    let found = comparison(&base, &new, &args(&[]), vec!["kernel: a and b".into()]);
    let all = text::text(&found, true);
    let said = "young compared with old: of 20 figures 1 worse, 1 better, 12 the same within 5 %, 1 undecided, \
                5 without a verdict\n";
    assert!(all.starts_with(said), "{all}");
    assert!(all.contains("weaker evidence: separate runs"), "{all}");
    assert!(all.contains("no verdict: 3 trials, but 5 are needed (fork under echo)\n"), "{all}");
    assert!(all.contains("not alike: kernel: a and b\n"), "{all}");
    assert!(all.contains("select under echo: only in young\n"), "{all}");
    assert_eq!(text::text(&found, false).lines().filter(|line| line.contains(" same")).count(), 1);
    let line = |model: &str, figure: &str| {
        let has = |line: &&str| line.contains(model) && line.contains(figure);
        let line = all.lines().find(has).expect("a row").to_string();
        line.split_whitespace().map(String::from).collect::<Vec<_>>().join(" ")
    };
    let worse = line("mio", "p99");
    let own = row(&found, "mio", "p99_ns");
    let interval = own.change.expect("it has one").interval;
    let ends = format!("{:.3} to {:.3}", interval.low, interval.high);
    assert!(worse.contains(&format!("1.15 ms 3.45 ms 3.000 {ends} worse")), "{worse}");
    assert!(line("epoll", "throughput").ends_with("better"), "{all}");
}

#[test]
fn a_reference_that_changed_for_the_server_alone_is_named_too() {
    let with = |server_ns: f64| {
        let mut summary = bare(vec![closed("epoll", &BASE)]);
        summary.reference =
            Some(crate::analysis::synthetic::reference(2e5, &[5e3; 3], &[server_ns; 3]));
        summary
    };
    let found = reference::change(&with(2e3), &with(3e3), true).expect("both have one");
    assert!(found.sentence.is_some_and(|said| said.contains("used 1.50 times the CPU")));
    let found = reference::change(&with(3e3), &with(1.5e3), true).expect("both have one");
    assert!(found.sentence.is_some_and(|said| said.contains("used 0.50 times the CPU")));
}
