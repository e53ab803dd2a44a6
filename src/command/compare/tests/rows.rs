//! Every figure of a comparison and every line of its text, of runs that were made up.

use super::*;
use crate::analysis::synthetic::{bare, closed, flag, set};
use crate::statistics::{Interval, median};

fn run(id: &str, cells: Vec<Cell>) -> Run {
    let mut summary = bare(cells);
    summary.run.id = id.into();
    Run { dir: PathBuf::new(), summary }
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
    let found = comparison(&run("old", base), &run("young", new), 0.05, vec!["kernel".into()]);
    let own = row(&found, "epoll", "throughput_per_s");
    assert_eq!((Some(own.base), Some(own.new)), (median(&BASE), median(&NEW)));
    // exp of the difference of np.log(...).mean(), and scipy.stats.ttest_ind(equal_var=False)
    assert!((own.ratio - 1.276_873_927_8).abs() < 1e-9, "{own:?}");
    assert!((own.p_value - WELCH_P).abs() < 1e-7, "{own:?}");
    assert!((own.interval.low - WELCH.low).abs() < 1e-6, "{own:?}");
    assert!((own.interval.high - WELCH.high).abs() < 1e-6, "{own:?}");
    // One value is in both. Counted over all deals with itertools: 4 of C(10, 5).
    assert!((own.p_value_by_rank - 4.0 / 252.0).abs() < 1e-9, "{own:?}");
    assert_eq!(own.verdict, Some(Verdict::Better), "more throughput");
    assert_eq!(
        (&*found.base, &*found.new, &found.unlike[..]),
        ("old", "young", &["kernel".into()][..])
    );
    let same = row(&found, "epoll", "pss_bytes");
    assert_eq!((same.verdict, same.ratio), (Some(Verdict::Same), 1.0));
}

const WELCH: Interval = Interval { low: 1.114_413_177, high: 1.463_018_440 };
const WELCH_P: f64 = 0.003_287_012;

#[test]
fn the_margin_is_the_one_that_was_asked_for_and_holm_counts_the_cells_of_a_figure() {
    let base = || vec![closed("epoll", &BASE), closed("mio", &BASE)];
    let new = || vec![closed("epoll", &NEW), closed("mio", &BASE)];
    let with = |margin| comparison(&run("a", base()), &run("b", new()), margin, Vec::new());
    let five = with(0.05);
    let own = row(&five, "epoll", "throughput_per_s");
    assert!((own.p_value - 2.0 * WELCH_P).abs() < 1e-7, "two cells: {own:?}");
    assert_eq!(own.verdict, Some(Verdict::Better));
    let twenty = with(0.2);
    assert_eq!(row(&twenty, "epoll", "throughput_per_s").verdict, Some(Verdict::CannotTell));
    assert!((twenty.margin - 0.2).abs() < 1e-12);
}

#[test]
fn it_takes_five_trials_of_both_and_that_neither_is_invalid() {
    let (five, four) = (|| closed("epoll", &BASE), || closed("epoll", &BASE[..4]));
    let invalid = || Cell { validity: Validity::Invalid, ..five() };
    let why = |base: Cell, new: Cell| {
        let found = comparison(&run("a", vec![base]), &run("b", vec![new]), 0.05, Vec::new());
        let own = row(&found, "epoll", "throughput_per_s");
        assert_eq!(own.verdict.is_none(), own.why_none.is_some());
        own.why_none.clone().unwrap_or_default()
    };
    assert_eq!(why(five(), five()), "");
    for (base, new) in [(four(), five()), (five(), four())] {
        assert_eq!(why(base, new), "4 trials, and it takes 5");
    }
    for (base, new) in [(invalid(), five()), (five(), invalid())] {
        assert_eq!(why(base, new), "the cell is invalid in one of the runs");
    }
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
    flag(&mut few, "census");
    new.push(few.clone());
    new.push(closed("select", &BASE));
    let (base, new) = (run("old", [base, vec![few]].concat()), run("young", new));
    let found = comparison(&base, &new, 0.05, vec!["kernel: a and b".into()]);
    let all = text::text(&found, true);
    assert!(all.starts_with("young compared with old, differences within 5 % do not matter\n"));
    let said =
        "of 20 figures 1 better, 1 worse, 12 the same, 1 cannot be told, 5 without a verdict";
    assert!(all.contains(said), "{all}");
    assert!(all.contains("no verdict: 3 trials, and it takes 5\n"), "{all}");
    assert!(all.contains("not alike: kernel: a and b\n"), "{all}");
    assert!(all.contains("select under echo: only in young\n"), "{all}");
    assert_eq!(text::text(&found, false).lines().filter(|line| line.contains("same")).count(), 1);
    let line = |model: &str, figure: &str| {
        let has = |line: &&str| line.contains(model) && line.contains(figure);
        let line = all.lines().find(has).expect("a row").to_string();
        line.split_whitespace().map(String::from).collect::<Vec<_>>().join(" ")
    };
    let worse = line("mio", "p99");
    let own = row(&found, "mio", "p99_ns");
    let ends = format!("{:.3} to {:.3}", own.interval.low, own.interval.high);
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
    let found = reference::change(&with(2e3), &with(3e3)).expect("both have one");
    assert!(found.sentence.is_some_and(|said| said.contains("took 1.50 times the CPU")));
    let found = reference::change(&with(3e3), &with(1.5e3)).expect("both have one");
    assert!(found.sentence.is_some_and(|said| said.contains("took 0.50 times the CPU")));
}
