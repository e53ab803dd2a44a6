//! What fails a gate, and what passes it.

use super::super::{rows as judged, text};
use super::*;
use crate::analysis::metric::MEMORY;
use crate::document::{Change, SchemaId};
use crate::statistics::{Interval, rank, ratio};

fn rows(pairs: &[([f64; 5], [f64; 5])]) -> Vec<Compared> {
    let row = |(base, new): &([f64; 5], [f64; 5])| {
        let found = ratio::unpaired(new, base).expect("a ratio");
        Compared {
            workload: String::new(),
            model: String::new(),
            metric: "x".into(),
            base: Some(base[2]),
            new: Some(new[2]),
            change: Some(Change {
                ratio: found.value,
                interval: found.interval,
                p_value: found.p_value,
                p_value_by_rank: Some(rank::mann_whitney(base, new)),
            }),
            verdict: None,
            why: None,
        }
    };
    let mut rows: Vec<_> = pairs.iter().map(row).collect();
    judged::judge(&MEMORY, 0.05, &mut rows);
    rows
}

#[test]
fn many_cells_beside_it_make_a_finding_need_more() {
    let alike = ([1.0, 1.1, 0.9, 1.05, 0.95], [1.05, 0.95, 1.0, 1.1, 0.9]);
    // Alone it is a finding; one of thirty it may be chance.
    let faint = ([1.0, 1.1, 0.9, 1.05, 0.95], [1.2, 1.35, 1.15, 1.3, 1.22]);
    assert_eq!(rows(&[faint])[0].verdict, Some(Verdict::Worse));
    let mut many = vec![faint];
    many.extend([alike; 200]);
    assert_eq!(rows(&many)[0].verdict, Some(Verdict::CannotTell));
}

/// A comparison in which the figures came to this.
fn of(verdicts: &[Option<Verdict>]) -> Comparison {
    let row = |verdict: &Option<Verdict>| {
        let mut row = rows(&[([1.0; 5], [1.0; 5])]).remove(0);
        row.verdict = *verdict;
        row
    };
    Comparison {
        schema: SchemaId::comparison(),
        base: String::new(),
        new: String::new(),
        margin: 0.05,
        interleaved: false,
        unlike: Vec::new(),
        missing: Vec::new(),
        reference: None,
        rows: verdicts.iter().map(row).collect(),
    }
}

#[test]
fn a_gate_is_passed_when_each_figure_was_judged_and_none_is_worse() {
    let (worse, same) = (Some(Verdict::Worse), Some(Verdict::Same));
    assert_eq!(gate(&of(&[same, worse])), Exit::Worse);
    assert_eq!(gate(&of(&[None, worse])), Exit::Worse);
    for verdict in [Verdict::Better, Verdict::Same].map(Some) {
        assert_eq!(gate(&of(&[verdict, same])), Exit::Ok);
    }
    // Of one nobody knows, though the other is the same.
    assert_eq!(gate(&of(&[same, None])), Exit::Untrusted);
    assert_eq!(gate(&of(&[])), Exit::Untrusted);
    let said = open(&of(&[same, None])).expect("a reason");
    assert!(said.starts_with("1 of 2 figures") && said.contains("--figures"), "{said}");
}

#[test]
fn an_undecided_figure_passes_a_gate_only_if_it_cannot_be_worse_by_more_than_the_margin() {
    let undecided = |metric: &str, low: f64, high: f64| {
        let mut found = of(&[Some(Verdict::Same), Some(Verdict::CannotTell)]);
        found.rows[1].metric = metric.into();
        found.rows[1].change.as_mut().expect("it has one").interval = Interval { low, high };
        found
    };
    for (metric, low, high, exit) in [
        ("pss_bytes", 0.80, 1.04, Exit::Ok),
        ("pss_bytes", 0.99, 1.06, Exit::Untrusted),
        ("pss_bytes", 0.01, 90.0, Exit::Untrusted),
        ("throughput_per_s", 0.96, 1.50, Exit::Ok),
        ("throughput_per_s", 0.94, 1.01, Exit::Untrusted),
        ("throughput_per_s", 0.0, 1.01, Exit::Untrusted),
    ] {
        let found = undecided(metric, low, high);
        assert_eq!(gate(&found), exit, "{metric} {low} {high}");
        let said = open(&found).unwrap_or_default();
        let named = said.starts_with("1 of 2 figures may be worse by more than 5 %");
        assert_eq!(named, exit == Exit::Untrusted, "{said}");
    }
    // An undecided figure without an interval may be anything.
    let mut bare = undecided("pss_bytes", 1.0, 1.0);
    bare.rows[1].change = None;
    assert_eq!(gate(&bare), Exit::Untrusted);
}

#[test]
fn what_cannot_be_told_says_how_much_worse_it_may_be() {
    let mut some = of(&[Some(Verdict::CannotTell)]);
    some.rows[0].metric = "throughput_per_s".into();
    let change = some.rows[0].change.as_mut().expect("it has one");
    change.interval = Interval { low: 0.5, high: 1.2 };
    let said = text::text(&some, false);
    assert!(said.contains("may be worse by a factor of at most 2.00"), "{said}");
}
