//! `c10k compare`: what has changed from one saved run to another, and how sure that is.

mod args;
mod likeness;
mod reference;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use args::CompareArgs;

use crate::analysis::metric::{MEDIAN, MEMORY, Metric, SERVER_CPU, TAIL, THROUGHPUT, TRIALS_MIN};
use crate::base::{Exit, usage};
use crate::document::store;
use crate::document::{Cell, Compared, Comparison, SchemaId, Summary, Validity};
use crate::statistics::{Verdict, rank, ratio};
use crate::view::{export, table};

const METRICS: [Metric; 5] = [THROUGHPUT, MEDIAN, TAIL, SERVER_CPU, MEMORY];

/// A saved run.
struct Run {
    dir: PathBuf,
    summary: Summary,
}

impl Run {
    /// Of a run's folder, or of the summary in it.
    fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join("summary.json") } else { path.to_path_buf() };
        if !file.is_file() {
            return Err(usage(format!(
                "{} is no folder of a run: give one that c10k run has written, as in \
                 results/quick-20260101T120000Z",
                path.display()
            )));
        }
        let summary = store::read_json(&file)?;
        let dir = file.parent().context("a file is in a folder")?.to_path_buf();
        Ok(Self { dir, summary })
    }

    /// Without twins, which tell the noise within a run and nothing between two.
    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.summary.cells.iter().filter(|cell| !cell.twin)
    }

    fn cell(&self, workload: &str, model: &str) -> Option<&Cell> {
        self.cells().find(|cell| cell.workload == workload && cell.model == model)
    }
}

/// Compares two runs, prints what came of it, and judges it if asked to.
///
/// # Errors
/// When one is no run, or they are not alike and nobody has said that this is meant.
pub fn compare(args: &CompareArgs) -> Result<Exit> {
    let (base, new) = (Run::read(&args.base)?, Run::read(&args.new)?);
    let unlike = likeness::differences(&base, &new)?;
    if !unlike.is_empty() && !args.anyway {
        return Err(usage(format!(
            "these runs are not alike, so a difference would have more than one cause:\n  {}\nrun \
             both in the same way, or say --anyway",
            unlike.join("\n  ")
        )));
    }
    let comparison = comparison(&base, &new, args.margin, unlike);
    if let Some(path) = &args.json {
        store::write_json(path, &comparison)?;
    }
    match args.to {
        Some(format) => {
            export::compared(&comparison, args.all, format, args.output.as_deref())?;
        }
        None => table::show(&text::text(&comparison, args.all))?,
    }
    let exit = gate(&comparison, args.gate);
    if exit == Exit::Untrusted {
        eprintln!(
            "nothing was judged, so the gate is not passed: a verdict takes {TRIALS_MIN} trials of each in both \
             runs (--repeat {TRIALS_MIN})"
        );
    }
    Ok(exit)
}

/// With a gate, worse is an exit of its own; what cannot be told passes, and is printed. A gate at which
/// nothing could be judged has not been passed.
fn gate(comparison: &Comparison, gate: bool) -> Exit {
    let worse = comparison.rows.iter().any(|row| row.verdict == Some(Verdict::Worse));
    let judged = comparison.rows.iter().any(|row| row.verdict.is_some());
    match (gate, worse, judged) {
        (true, true, _) => Exit::Worse,
        (true, false, false) => Exit::Untrusted,
        _ => Exit::Ok,
    }
}

fn comparison(base: &Run, new: &Run, margin: f64, unlike: Vec<String>) -> Comparison {
    let mut rows = Vec::new();
    for metric in &METRICS {
        let mut some: Vec<Compared> = Vec::new();
        for cell in base.cells() {
            let other = new.cell(&cell.workload, &cell.model);
            some.extend(other.and_then(|other| compared(metric, cell, other)));
        }
        judge(metric, margin, &mut some);
        rows.extend(some);
    }
    let only = |has: &Run, lacks: &Run| -> Vec<String> {
        let missing = has.cells();
        let missing = missing.filter(|cell| lacks.cell(&cell.workload, &cell.model).is_none());
        let id = &has.summary.run.id;
        missing
            .map(|cell| format!("{} under {}: only in {id}", cell.model, cell.workload))
            .collect()
    };
    Comparison {
        schema: SchemaId::comparison(),
        base: base.summary.run.id.clone(),
        new: new.summary.run.id.clone(),
        margin,
        unlike,
        missing: [only(base, new), only(new, base)].concat(),
        reference: reference::change(&base.summary, &new.summary),
        rows,
    }
}

/// One figure in both, without a verdict yet: that depends on all the others beside it.
fn compared(metric: &Metric, base: &Cell, new: &Cell) -> Option<Compared> {
    let (a, b) = ((metric.of)(base)?, (metric.of)(new)?);
    let ratio = ratio::unpaired(&b.values, &a.values)?;
    let why_none = if base.validity == Validity::Invalid || new.validity == Validity::Invalid {
        Some("the cell is invalid in one of the runs".to_string())
    } else {
        let fewest = a.values.len().min(b.values.len());
        (fewest < TRIALS_MIN).then(|| format!("{fewest} trials, and it takes {TRIALS_MIN}"))
    };
    Some(Compared {
        workload: base.workload.clone(),
        model: base.model.clone(),
        metric: metric.name.into(),
        base: a.median,
        new: b.median,
        ratio: ratio.value,
        interval: ratio.interval,
        p_value: ratio.p_value,
        p_value_by_rank: rank::mann_whitney(&a.values, &b.values),
        verdict: None,
        why_none,
    })
}

/// Adjusts the p-values of a metric for each other and says what each row comes to.
fn judge(metric: &Metric, margin: f64, rows: &mut [Compared]) {
    let judged = |row: &&mut Compared| row.why_none.is_none();
    let p_values: Vec<f64> =
        rows.iter().filter(|row| row.why_none.is_none()).map(|row| row.p_value).collect();
    for (row, p_value) in rows.iter_mut().filter(judged).zip(rank::holm(&p_values)) {
        row.p_value = p_value;
        let ratio = ratio::Ratio { value: row.ratio, interval: row.interval, p_value };
        row.verdict = Some(Verdict::of(&ratio, metric.good, margin, Some(p_value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[([f64; 5], [f64; 5])]) -> Vec<Compared> {
        let row = |(base, new): &([f64; 5], [f64; 5])| {
            let ratio = ratio::unpaired(new, base).expect("a ratio");
            Compared {
                workload: String::new(),
                model: String::new(),
                metric: "x".into(),
                base: base[2],
                new: new[2],
                ratio: ratio.value,
                interval: ratio.interval,
                p_value: ratio.p_value,
                p_value_by_rank: rank::mann_whitney(base, new),
                verdict: None,
                why_none: None,
            }
        };
        let mut rows: Vec<_> = pairs.iter().map(row).collect();
        judge(&MEMORY, 0.05, &mut rows);
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

    #[test]
    fn only_what_is_worse_fails_a_gate() {
        let row = |verdict| {
            let mut row = rows(&[([1.0; 5], [1.0; 5])]).remove(0);
            row.verdict = verdict;
            row
        };
        let of = |verdict| Comparison {
            schema: SchemaId::comparison(),
            base: String::new(),
            new: String::new(),
            margin: 0.05,
            unlike: Vec::new(),
            missing: Vec::new(),
            reference: None,
            rows: vec![row(verdict)],
        };
        assert_eq!(gate(&of(Some(Verdict::Worse)), true), Exit::Worse);
        assert_eq!(gate(&of(Some(Verdict::Worse)), false), Exit::Ok);
        for verdict in [Some(Verdict::CannotTell), Some(Verdict::Better)] {
            assert_eq!(gate(&of(verdict), true), Exit::Ok);
        }
        // Nothing was judged, so nobody knows.
        assert_eq!(gate(&of(None), true), Exit::Untrusted);
        assert_eq!(gate(&of(None), false), Exit::Ok);
        assert_eq!(gate(&Comparison { rows: Vec::new(), ..of(None) }, true), Exit::Untrusted);
    }
}

#[cfg(test)]
#[path = "tests/rows.rs"]
mod rows;
