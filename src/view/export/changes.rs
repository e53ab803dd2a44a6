//! The tables of a comparison.

use super::sheet::{Entry, Quantity, Sheet, metric_name};
use super::tables::with_verdict;
use crate::document::{Compared, Comparison};

/// One table for each figure that was compared: the rows with a verdict, or all.
pub(super) fn of_comparison(comparison: &Comparison, all: bool) -> Vec<Sheet> {
    let mut metrics: Vec<&str> = Vec::new();
    for row in comparison.shown(all) {
        if !metrics.contains(&row.metric.as_str()) {
            metrics.push(&row.metric);
        }
    }
    let of = |metric: &&str| compared(comparison, metric, all);
    let mut sheets: Vec<Sheet> = metrics.iter().map(of).collect();
    if sheets.is_empty() {
        sheets.push(frame(comparison, "nothing", "no difference can be distinguished".into(), 0));
    }
    if let Some(last) = sheets.last_mut() {
        last.remarks.extend(comparison.remarks());
    }
    sheets
}

fn frame(comparison: &Comparison, metric: &str, title: String, rows: usize) -> Sheet {
    let label = format!("{}-{}-{metric}", comparison.base, comparison.new);
    let title = format!("{} compared with {}: {title}", comparison.new, comparison.base);
    let mut sheet = Sheet::new(&label, title, rows);
    let margin = comparison.margin * 100.0;
    sheet.caption.push(format!(
        "Medians over the trials; ratios of geometric means, p-values adjusted by Holm; \
         differences within {margin:.0} % count as equal."
    ));
    sheet
}

fn compared(comparison: &Comparison, metric: &str, all: bool) -> Sheet {
    let rows: Vec<_> = comparison.shown(all).filter(|row| row.metric == metric).collect();
    let mut sheet = frame(comparison, metric, metric_name(metric), rows.len());
    sheet.words("workload", rows.iter().map(|row| row.workload.clone()));
    sheet.words("model", rows.iter().map(|row| row.model.clone()));
    let known = |value: Option<f64>| match value {
        Some(value) => Entry::Known { value, interval: None, at_least: false },
        None => Entry::None,
    };
    let base: Vec<_> = rows.iter().map(|row| known(row.base)).collect();
    let new: Vec<_> = rows.iter().map(|row| known(row.new)).collect();
    let unit = Quantity::of_metric(metric).unit([base.as_slice(), &new].concat().iter());
    sheet.numbers_in("base", unit, &base);
    sheet.numbers_in("new", unit, &new);
    let ratio = |row: &&Compared| match row.change {
        Some(change) => with_verdict(change.ratio, Some(change.interval), None),
        None => "-".to_string().into(),
    };
    sheet.figures("new / base", rows.iter().map(ratio));
    let p = |row: &&Compared| row.change.map_or("-".into(), |change| p_value(change.p_value));
    sheet.figures("p", rows.iter().map(|row| p(row).into()));
    sheet.words("verdict", rows.iter().map(|row| row.verdict_words().to_string()));
    for (row, compared) in sheet.rows.iter_mut().zip(&rows) {
        row.marked = 1;
        let Some(reason) = &compared.why else { continue };
        let known = sheet.notes.iter().position(|note| note == reason);
        row.marks = vec![known.unwrap_or_else(|| {
            sheet.notes.push(reason.clone());
            sheet.notes.len() - 1
        })];
    }
    sheet.explain();
    sheet
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Change, SchemaId};
    use crate::statistics::{Interval, Verdict};

    #[test]
    fn a_comparison_has_a_table_for_each_figure() {
        let row = |metric: &str, verdict, why: Option<&str>| Compared {
            workload: "echo".into(),
            model: "epoll".into(),
            metric: metric.into(),
            base: Some(2e6),
            new: Some(1e6),
            change: Some(Change {
                ratio: 0.5,
                interval: Interval { low: 0.4, high: 0.6 },
                p_value: 1e-6,
                p_value_by_rank: Some(0.01),
            }),
            verdict,
            why: why.map(Into::into),
        };
        let comparison = Comparison {
            schema: SchemaId::comparison(),
            base: "a".into(),
            new: "b".into(),
            margin: 0.05,
            interleaved: false,
            unlike: vec!["kernel".into()],
            missing: Vec::new(),
            reference: None,
            rows: vec![
                row("p99_ns", Some(Verdict::Better), None),
                row("pss_bytes", None, Some("3 trials")),
            ],
        };
        let sheets = of_comparison(&comparison, true);
        assert_eq!(sheets.len(), 2);
        assert_eq!(
            sheets[0].rows[0].entries[2..].iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["2.00", "1.00", "0.50 (0.40–0.60)", "< 0.001", "better"]
        );
        assert_eq!(
            (sheets[1].notes.clone(), sheets[1].rows[0].marks.clone()),
            (vec!["3 trials".to_string()], vec![0])
        );
        assert_eq!(sheets[1].remarks, ["not alike: kernel"]);
        let told = of_comparison(&comparison, false);
        assert_eq!((told.len(), told[0].label.as_str()), (1, "a-b-p99-ns"));
    }
}
