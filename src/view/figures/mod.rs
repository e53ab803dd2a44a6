//! The figures of a run as data. The page embeds the data and scripts read it from `figures.json`;
//! both only draw it.

mod calls;
mod columns;
mod held;
mod lab;
mod looks;
mod notes;
mod steps;
mod sweep;
pub(crate) mod sweep_notes;
pub(crate) mod trials;
mod words;
mod workload;

use std::path::Path;

use anyhow::Result;
pub(crate) use columns::{Column, columns, numbers};
pub(crate) use lab::lab_figures;
use serde::Deserialize;
#[cfg(test)]
pub(crate) use sweep::figures as of_series;
pub(crate) use sweep::series;

use crate::base::units::counted;
use crate::document::store;
use crate::document::{Cell, Figure, FigureSet, Host, LabReport, SchemaId, Summary};

/// The name of the document, beside a run's summary.
pub(crate) const FILE: &str = "figures.json";

/// A run's cells with the data from its trials. The trials come from the run's folder; data of
/// missing trials is left out.
///
/// # Errors
/// When a trial exists but cannot be read.
fn read_columns<'a>(summary: &'a Summary, dir: &Path) -> Result<Vec<Column<'a>>> {
    let numbers = numbers(&summary.cells);
    let mut all: Vec<Column<'_>> = Vec::new();
    for workload in summary.workloads() {
        let cells = summary.ranked(workload);
        let drawn = cells.iter().map(|cell| trials::read(dir, cell)).collect::<Result<_>>()?;
        all.extend(columns(&cells, drawn, &numbers));
    }
    Ok(all)
}

/// Every figure of a run, in the order of the page.
pub(crate) fn of_run(summary: &Summary, all: &[Column<'_>]) -> Vec<Figure> {
    let series = series(summary);
    let swept = |cell: &Cell| {
        series.iter().position(|(name, _)| cell.series.as_deref() == Some(name.as_str()))
    };
    let (mut figures, mut done) = (Vec::new(), Vec::new());
    for workload in summary.workloads() {
        let own: Vec<&Column<'_>> =
            all.iter().filter(|column| column.cell.workload == workload).collect();
        match own.first().and_then(|column| swept(column.cell)) {
            None => figures.extend(workload::figures(workload, &own)),
            Some(at) if !done.contains(&at) => {
                done.push(at);
                figures.extend(sweep::figures(summary, &series[at].1));
            }
            Some(_) => (),
        }
    }
    figures
}

/// Whether the figure belongs to a lab rather than to the lab's run.
pub(crate) fn is_of_lab(figure: &Figure) -> bool {
    figure.name == lab::NAME
}

/// Whether the figure belongs to a series rather than to a workload.
pub(crate) fn is_of_series(figure: &Figure) -> bool {
    figure.id == sweep::id(&figure.of, &figure.name)
}

/// The document of some figures.
pub(crate) fn set(run: &str, made_by: Vec<String>, figures: Vec<Figure>) -> FigureSet {
    FigureSet {
        schema: SchemaId::figures(),
        run: run.into(),
        made_by,
        families: looks::families(),
        parts: looks::parts(),
        figures,
    }
}

/// A run's cells with the data from its trials, and the document of its figures.
///
/// # Errors
/// When a trial or a lab's document exists but cannot be read.
pub(crate) fn read<'a>(summary: &'a Summary, dir: &Path) -> Result<(Vec<Column<'a>>, FigureSet)> {
    let all = read_columns(summary, dir)?;
    let set = of_summary(summary, &all, dir)?;
    Ok((all, set))
}

/// The document of a run; with the figures of its lab, where it has one.
///
/// # Errors
/// When there is a lab's document that cannot be read.
fn of_summary(summary: &Summary, all: &[Column<'_>], dir: &Path) -> Result<FigureSet> {
    let run = &summary.run;
    let mut made_by = made_by(&run.id, &run.program_version, &summary.host);
    if run.trials_done < run.trials_planned {
        let text = format!("incomplete: {} of {} trials", run.trials_done, run.trials_planned);
        made_by.insert(2, text);
    }
    let mut figures = of_run(summary, all);
    if let Some(lab) = lab_of(dir)? {
        figures.extend(lab_figures(&lab));
    }
    Ok(set(&run.id, made_by, figures))
}

/// The report of the lab "stateful", if this is its run; other labs draw their own figures.
fn lab_of(dir: &Path) -> Result<Option<LabReport>> {
    let path = dir.join("lab.json");
    if !path.is_file() {
        return Ok(None);
    }
    let any: Any = store::read_json(&path)?;
    Ok(if any.schema == SchemaId::lab() { Some(store::read_json(&path)?) } else { None })
}

/// What every document begins with.
#[derive(Deserialize)]
struct Any {
    schema: SchemaId,
}

/// The run, the program and the machine, in a few words each.
pub(crate) fn made_by(run: &str, version: &str, host: &Host) -> Vec<String> {
    let class = match host.hypervisor.as_deref() {
        None => "no hypervisor seen".into(),
        Some("unnamed") => "virtual machine".to_string(),
        Some(name) => format!("virtual machine ({name})"),
    };
    vec![
        format!("run {run}"),
        format!("c10k {version}"),
        host.kernel.clone(),
        format!("{}, {}", host.cpu_model, counted(host.cpus, "CPU")),
        class,
    ]
}

/// Reads a run's trials and writes the document of its figures into its folder.
///
/// # Errors
/// When a trial exists but cannot be read, or the document cannot be written.
pub(crate) fn write_of(summary: &Summary, dir: &Path) -> Result<()> {
    write(&read(summary, dir)?.1, dir)
}

/// Writes the document of a run into its folder.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(set: &FigureSet, dir: &Path) -> Result<()> {
    store::write(&dir.join(FILE), &store::lines(set)?)
}

/// Writes microseconds as the axes of the figures do: `µs` instead of `us`.
pub(crate) fn micro(text: &str) -> String {
    let mut parts = text.split(" us");
    let mut whole = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let is_unit = whole.ends_with(|c: char| c.is_ascii_digit())
            && !part.starts_with(|c: char| c.is_ascii_alphanumeric());
        whole.push_str(if is_unit { " µs" } else { " us" });
        whole.push_str(part);
    }
    whole
}

#[cfg(test)]
#[path = "tests/example.rs"]
mod example;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_units_become_micro() {
        assert_eq!(micro("p99 12.3 us, 4 us"), "p99 12.3 µs, 4 µs");
        assert_eq!(micro("tell us 5 users"), "tell us 5 users");
    }
}
