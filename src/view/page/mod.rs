//! The page of a run: one HTML file that needs nothing else.
//!
//! A script in the page draws the figures from data in the page, so it reads the same in ten years
//! and without a network. Every value that is drawn is in a table too.

pub(crate) mod answer;
mod caveats;
mod contenders;
mod cost;
pub(crate) mod ends;
pub(crate) mod fold;
mod load;
mod recommend;
pub(crate) mod reference;
pub(crate) mod results;
mod section;
mod settings;
mod sortable;
mod sources;
mod sweep;
mod theory;

use std::path::Path;

use anyhow::Result;
use caveats::Caveats;
use fold::folded;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use section::Place;

use crate::document::store::{self, packed};
use crate::document::{Cell, Figure, FigureSet, Summary, Trial};
pub(crate) use crate::view::figures::micro;
use crate::view::figures::{self, Column};
use crate::view::table;

/// Writes the page of a run and its figures into its folder.
///
/// # Errors
/// When one cannot be written, or a trial cannot be read.
pub fn write(summary: &Summary, dir: &Path) -> Result<()> {
    let (all, set) = figures::read(summary, dir)?;
    figures::write(&set, dir)?;
    store::write(&dir.join("report.html"), of(summary, dir, &all, set)?.as_bytes())
}

/// The page. The trials come from the run's folder; a figure whose trials are missing is left out.
///
/// # Errors
/// When a trial exists but cannot be read.
pub fn page(summary: &Summary, dir: &Path) -> Result<String> {
    let (all, set) = figures::read(summary, dir)?;
    of(summary, dir, &all, set)
}

fn of(summary: &Summary, dir: &Path, all: &[Column<'_>], mut set: FigureSet) -> Result<String> {
    let caveats = Caveats::default();
    // A lab has a page of its own.
    set.figures.retain(|figure| !figures::is_of_lab(figure));
    let Sections { lead, sections } = sections(summary, all, &set.figures, &caveats);
    let data = data(set)?;
    let trials: Vec<&Trial> =
        all.iter().filter_map(|column| column.drawn.typical.as_ref()).collect();
    let parts = Parts {
        lead,
        which: recommend::section(summary, all),
        sections,
        caveats: caveats.section(),
        sources: sources::section(summary, &trials),
    };
    let page = document(summary, &parts, &data).into_string();
    Ok(if packed::is_packed(dir) { link_to_packed(&page) } else { page })
}

/// The figures as JSON to embed in a page, without the words that the page itself has.
///
/// # Errors
/// When they have no JSON form, which would be a bug.
pub(crate) fn data(mut set: FigureSet) -> Result<String> {
    for figure in &mut set.figures {
        figure.shows.clear();
        figure.notice.clear();
        figure.greyed = None;
        figure.caveats.clear();
    }
    // No text in the data may close the script element around it.
    Ok(serde_json::to_string(&set)?.replace('<', "\\u003c"))
}

/// Links of a packed run go to the file that has all trials; their titles still name the trial.
fn link_to_packed(page: &str) -> String {
    const LINK: &str = "<a href=\"trials/";
    let mut pieces = page.split(LINK);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |whole, piece| {
        let rest = piece.split_once('"').map_or(piece, |(_, rest)| rest);
        format!("{whole}<a href=\"{}\"{rest}", packed::PACKED)
    })
}

/// The sections of workloads and series.
struct Sections {
    /// The figure that shows the answer of the first section.
    lead: Markup,
    /// A section for each workload that stands alone and each series, in the order of the cells,
    /// and then one for queueing theory.
    sections: Vec<Markup>,
}

fn sections(
    summary: &Summary,
    all: &[Column<'_>],
    figures: &[Figure],
    caveats: &Caveats,
) -> Sections {
    let series = figures::series(summary);
    let swept = |cell: &Cell| {
        series.iter().position(|(name, _)| cell.series.as_deref() == Some(name.as_str()))
    };
    let (mut sections, mut done) = (Vec::new(), Vec::new());
    let mut lead = Markup::default();
    let loads = loads(summary).len();
    let place = |before| Place::in_page(before, loads);
    let drawn = |of: &str, swept: bool| -> Vec<&Figure> {
        let own = |figure: &&Figure| figure.of == of && figures::is_of_series(figure) == swept;
        figures.iter().filter(own).collect()
    };
    for workload in summary.workloads() {
        let own: Vec<&Column<'_>> =
            all.iter().filter(|column| column.cell.workload == workload).collect();
        let (section, top) = match own.first().and_then(|column| swept(column.cell)) {
            None => section::workload_section(
                summary,
                workload,
                &drawn(workload, false),
                &own,
                caveats,
                place(sections.len()),
            ),
            Some(at) if !done.contains(&at) => {
                done.push(at);
                let tables = points(summary, &series[at].0, all, caveats);
                let place = place(sections.len());
                let drawn = drawn(&series[at].0, true);
                sweep::section(summary, &series[at], &drawn, &tables, caveats, place)
            }
            Some(_) => continue,
        };
        lead.0 += &top.0;
        sections.push(section);
    }
    let servers = summary.run.server_cpus.len();
    let predictions = theory::predictions(&all.iter().collect::<Vec<_>>(), servers);
    sections.push(theory::section(&predictions, servers));
    Sections { lead, sections }
}

/// The tables of a series, one for each of its points.
fn points(summary: &Summary, series: &str, all: &[Column<'_>], caveats: &Caveats) -> Markup {
    let own = |name: &&str| {
        let first = summary.cells_of(name);
        first.first().is_some_and(|cell| cell.series.as_deref() == Some(series))
    };
    html! {
        @for workload in summary.workloads().into_iter().filter(own) {
            div id=(workload) {
                h3 { (workload) }
                @if let Some(standings) = summary.standings_of(workload) { p { (micro(&standings.sentence)) } }
                (sortable::table(&summary.cells_of(workload), summary.standings_of(workload), &summary.noise))
                @let columns: Vec<&Column<'_>> = all.iter().filter(|column| column.cell.workload == workload).collect();
                @if let Some(cost) = cost::cost_table(&columns, caveats) { (cost) }
                (sources::sources_markup(workload))
            }
        }
    }
}

/// The head of a page, with its own style.
pub(crate) fn head(title: &str, style: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            // The browser enforces that the page loads nothing from elsewhere.
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            title { (title) }
            style { (PreEscaped(STYLE)) (PreEscaped(style)) }
        }
    }
}

/// The parts of the page that need the trials.
struct Parts {
    lead: Markup,
    which: Markup,
    sections: Vec<Markup>,
    caveats: Markup,
    sources: Markup,
}

fn document(summary: &Summary, parts: &Parts, data: &str) -> Markup {
    let run = &summary.run;
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&format!("c10k: {}", run.id), ""))
            body {
                main {
                    h1 { (run.question) }
                    p.meta { "Plan " (run.plan) ", run " (run.id) ", " (run.started_at) }
                    @if run.interrupted { p.warning { "This run was interrupted: " (run.trials_done) " of " (run.trials_planned) " trials." } }
                    (answer(summary, &parts.lead))
                    (contents(summary))
                    (parts.which)
                    @for section in &parts.sections { (section) }
                    (contenders::contenders_markup(summary))
                    (parts.caveats)
                    (about(summary))
                    (ends::excluded(summary))
                    (ends::noise(summary))
                    (ends::method(run))
                    (reference::section(summary))
                    (ends::machine(&summary.host))
                    (parts.sources)
                    (ends::reproduce(run))
                }
                script type="application/json" id="data" { (PreEscaped(data)) }
                script { (PreEscaped(PLOTLY)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// The answer in a few sentences, with how sure it is and the figure that shows it.
fn answer(summary: &Summary, lead: &Markup) -> Markup {
    let sentences = answer::answer_sentences(summary);
    html! {
        section id="answer" {
            h2 { "In short" }
            @for (at, sentence) in sentences.iter().enumerate() { p.answer[at == 0] { (micro(sentence)) } }
            @if sentences.is_empty() { p.answer { (micro(&answer::why_none(summary))) } }
            (lead)
        }
    }
}

/// Links to the parts of the page: the workloads and series, and what every page has.
fn contents(summary: &Summary) -> Markup {
    let after = [
        ("about", "This run"),
        ("noise", "Noise"),
        ("method", "How it was measured"),
        ("sources", "Sources of all numbers"),
        ("reproduce", "To reproduce"),
    ];
    let loads = loads(summary).into_iter().map(|name| (name, name));
    let parts = [("which", "Which model")].into_iter().chain(loads).chain(after);
    html! { nav aria-label="On this page" { @for (id, words) in parts { a href={ "#" (id) } { (words) } " " } } }
}

/// The names of workloads that stand alone and of series, in the order of the cells.
fn loads(summary: &Summary) -> Vec<&str> {
    let mut loads: Vec<&str> = Vec::new();
    for cell in &summary.cells {
        let name = cell.series.as_deref().unwrap_or(&cell.workload);
        if !loads.contains(&name) {
            loads.push(name);
        }
    }
    loads
}

/// The sentences about the run as a whole.
fn about(summary: &Summary) -> Markup {
    folded(
        "about",
        "About this run",
        &html! {
            ul { @for line in table::closing(summary).lines() { li { (micro(line)) } } }
        },
    )
}

const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src data: blob:";
const STYLE: &str = include_str!("page.css");
pub(crate) const SCRIPT: &str = concat!(include_str!("charts.js"), include_str!("page.js"));
/// Plotly's partial bundle "basic" (lines, dots, bars), MIT: `vendor/plotly-LICENSE.txt`.
pub(crate) const PLOTLY: &str = include_str!("vendor/plotly-basic.min.js");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_cannot_end_its_element() {
        for text in [STYLE, SCRIPT, PLOTLY] {
            assert!(!text.contains("</script") && !text.contains("</style"));
        }
    }
}
