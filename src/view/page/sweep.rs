//! A series on the page: figures over the varied setting, and crossovers.

mod crossings;

use maud::{Markup, html};

use super::caveats::Caveats;
use super::fold::more;
use super::micro;
use super::section::{Place, show};
use super::settings;
use crate::analysis::sweeps::{Sweep, fixed_text};
use crate::base::units::show_count;
use crate::document::{Cell, Figure, Scaling, Summary};
use crate::view::figures::sweep_notes as notes;

/// At most this many certain crossovers are listed above the figures.
const SENTENCES: usize = 3;
/// Where a reader finds why a mark is hollow or grey.
const FLAGGED: &str = "The tables below say why.";
/// A series: its section (what it says, its figures, the tables of its points) and, if that is its place, the
/// figure at the top of the page.
pub(super) fn section(
    summary: &Summary,
    (name, panels): &(String, Vec<Sweep<'_>>),
    figures: &[&Figure],
    tables: &Markup,
    caveats: &Caveats,
    place: Place,
) -> (Markup, Markup) {
    let factor = panels.first().map_or("", |panel| panel.factor);
    let certain = notes::main(summary, panels);
    let cells: Vec<&Cell> =
        summary.cells.iter().filter(|cell| cell.series.as_deref() == Some(name)).collect();
    let unsaid = certain.len().saturating_sub(SENTENCES);
    let (main, others) = figures.split_at(figures.len().min(1));
    let shown = |figures: &[&Figure]| {
        html! { div.figures { @for figure in figures { (show(figure, Some(FLAGGED), panels.len() > 1, caveats)) } } }
    };
    let main = shown(main);
    let put = |here| place.put(here, Some(&main));
    let section = html! {
        section id=(name) {
            h2 { (name) ", over " (factor) }
            (settings::meanings(&cells, summary.host.work_round_ps))
            @if certain.is_empty() {
                p.answer { "No two models surely change places over " (factor) "." }
            } @else {
                ul.answer {
                    @for sentence in certain.iter().take(SENTENCES).filter_map(|found| found.sentence.as_ref()) { li { (micro(sentence)) } }
                    @if unsaid > 0 { li { (unsaid) @if unsaid == 1 { " more pair surely changes" } @else { " more pairs surely change" } " places: see the table below." } }
                }
            }
            @if figures.iter().any(|figure| figure.name == "turnaround") {
                @for sentence in notes::turnaround(panels) { p.answer { "From connect to the last reply: " (micro(&sentence)) } }
            }
            (put(Place::Section))
            (more(&format!("More about {name}: {} figures, and where models change places", others.len()), &html! {
                (put(Place::Folded))
                (shown(others))
                (crossings::crossings_markup(summary, name))
                (scaling(summary, name))
            }))
            (more("The tables of its points", tables))
        }
    };
    (section, put(Place::Top))
}

/// The fitted laws of a series.
fn scaling(summary: &Summary, series: &str) -> Markup {
    let own: Vec<&Scaling> = summary.scaling.iter().filter(|own| own.series == series).collect();
    let range = |value: f64, interval: &crate::statistics::Interval| {
        format!("{} ({} to {})", small(value), small(interval.low), small(interval.high))
    };
    html! {
        @if !own.is_empty() {
            h3 { "How it scales" }
            p { "Gunther's universal scalability law, dashed in the throughput figure: σ is the \
                serial share (contention), κ the cost of coherence between each pair. With κ above \
                0 throughput falls beyond a peak. The 95 % intervals are from resampled residuals. \
                Points limited by the generator are left out; where the law does not fit the rest, \
                no peak is given." }
            div.scroll tabindex="0" role="region" aria-label="Table: universal scalability law" {
                table {
                    caption { span { "Universal scalability law by model" } }
                    thead { tr { @for head in ["model", "setting", "σ", "κ", "peak at", "variance explained", "points"] { th scope="col" { (head) } } } }
                    tbody { @for scaling in own { tr {
                        th scope="row" { (scaling.model) }
                        td { (fixed_text(&scaling.fixed)) }
                        @if let Some(law) = &scaling.law {
                            td { (range(law.sigma, &law.sigma_interval)) }
                            td { (range(law.kappa, &law.kappa_interval)) }
                            td { (peak(law)) }
                            td { (format!("{:.1} %", law.r_squared * 100.0)) }
                            td { (law.points) @if law.limited_points > 0 { ", and " (law.limited_points) " left out: limited by the generator" } }
                        } @else {
                            td colspan="5" { "no fit: " (scaling.why_none.as_deref().unwrap_or("not known")) }
                        }
                    } } }
                }
            }
        }
    }
}

/// A share or a cost that is often tiny.
fn small(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.2e}") }
}

fn peak(law: &crate::document::ScalingLaw) -> String {
    let whole = |x: f64| show_count(x.round());
    if let Some(why) = &law.misfit {
        return format!("unknown: {why}");
    }
    match (law.peak, law.peak_interval) {
        (Some(peak), Some(interval)) => {
            format!("{} ({} to {})", whole(peak), whole(interval.low), whole(interval.high))
        }
        (Some(peak), None) => format!("{}, uncertain", whole(peak)),
        _ => "none".into(),
    }
}

#[cfg(test)]
mod tests;
