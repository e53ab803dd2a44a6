//! What fails a gate, and what passes it.

use super::*;
use crate::document::{Change, Compared};
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
    rows::judge(&MEMORY, 0.05, &mut rows);
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
    for verdict in [Verdict::CannotTell, Verdict::Better, Verdict::Same].map(Some) {
        assert_eq!(gate(&of(&[verdict, same])), Exit::Ok);
    }
    // Of one nobody knows, though the other is the same.
    assert_eq!(gate(&of(&[same, None])), Exit::Untrusted);
    assert_eq!(gate(&of(&[])), Exit::Untrusted);
    let said = text::unjudged(&of(&[same, None]));
    assert!(said.starts_with("1 of 2 figures") && said.contains("--figures"), "{said}");
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
