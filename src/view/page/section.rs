//! One workload on the page: its answer, its table, its figures.

use maud::{Markup, html};

use super::caveats::Caveats;
use super::fold::more;
use super::{cost, micro, sortable, sources};
use crate::document::{Cell, Figure, Marks, Standings, Summary, Validity};
use crate::view::figures::Column;
use crate::workload::arrivals;

const NO_BEST: &str =
    "No model qualifies as the best: every cell failed a check, starves clients or lacks samples.";

/// With more sections than this, only the first shows its figure unfolded.
const SECTIONS: usize = 3;

/// What a reader can do with lines.
const CLICK: &str =
    "Click a name in the legend to add or remove a line, double-click to isolate it.";

/// More sentences than this become a list.
const PARAGRAPH: usize = 3;

/// The place of the figure that shows a section's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top of the page, apart from its section.
    Top,
    /// In its section.
    Section,
    /// Within the folded part.
    Folded,
}

impl Place {
    /// The place for the section after `before` others, of `all` sections: a long page shows only
    /// one figure unfolded.
    pub(super) fn in_page(before: usize, all: usize) -> Self {
        match before {
            0 => Self::Top,
            _ if all > SECTIONS => Self::Folded,
            _ => Self::Section,
        }
    }

    /// The figure, if `here` is its place.
    pub(super) fn put(self, here: Self, figure: Option<&Markup>) -> Markup {
        figure.filter(|_| self == here).cloned().unwrap_or_default()
    }
}

/// A workload: its section and, if that is its place, the figure at the top of the page.
pub(super) fn workload_section(
    summary: &Summary,
    workload: &str,
    figures: &[&Figure],
    columns: &[&Column<'_>],
    caveats: &Caveats,
    place: Place,
) -> (Markup, Markup) {
    let cells: Vec<&Cell> = columns.iter().map(|column| column.cell).collect();
    let standings = summary.standings_of(workload);
    let show = |figure: &Figure| show(figure, flagged(figure, &cells), is_line(figure), caveats);
    let main = main(figures, standings);
    let is_main = |figure: &Figure| main.is_some_and(|main| main.id == figure.id);
    let others: Vec<&Figure> = figures.iter().copied().filter(|figure| !is_main(figure)).collect();
    let main = main.map(|figure| html! { div.figures { (show(figure)) } });
    let put = |here| place.put(here, main.as_ref());
    let section = html! {
        section id=(workload) {
            h2 { (workload) }
            p.answer { @if let Some(standings) = standings { (micro(&standings.sentence)) } @else { (NO_BEST) } }
            @if let Some(recovery) = crate::view::table::recovery(&cells) { p { (micro(&recovery)) } }
            (sortable::table(&summary.cells_of(workload), standings, &summary.noise))
            @if let Some(blind) = cells.first().and_then(|cell| arrivals::blind_to(&cell.arrivals)) { p { (blind) } }
            (put(Place::Section))
            (more(&format!("More about {workload}: what a request costs, and {} figures", others.len()), &html! {
                (put(Place::Folded))
                @if let Some(cost) = cost::cost_table(columns, caveats) { (cost) }
                (sources::sources_markup(workload))
                div.figures { @for figure in &others { (show(figure)) } }
            }))
        }
    };
    (section, put(Place::Top))
}

/// The figure by which the workload's models are ranked.
fn main<'a>(figures: &[&'a Figure], standings: Option<&Standings>) -> Option<&'a Figure> {
    let name = match standings.map(|standings| standings.metric.as_str()) {
        Some("server_cpu_per_request_ns") => "cpu",
        Some("turnaround_mean_ns") => "turnaround",
        Some("throughput_per_s") | None => "throughput",
        Some(_) => "load",
    };
    let named = |name: &str| figures.iter().copied().find(|figure| figure.name == name);
    named(name)
        .or_else(|| named("throughput"))
        .or_else(|| named("load"))
        .or(figures.first().copied())
}

/// A figure: what it shows, the place of the drawing, what to notice, its caveats.
pub(super) fn show(figure: &Figure, more: Option<&str>, wide: bool, caveats: &Caveats) -> Markup {
    html! {
        figure.wide[wide] {
            h3 id={ (figure.id) "-title" } { (figure.title) }
            p {
                (figure.shows)
                @if let Some(more) = more { " " (more) }
                @if is_line(figure) { " " (CLICK) }
            }
            div.plot id=(figure.id) role="group" aria-labelledby={ (figure.id) "-title" } {}
            figcaption {
                (said("Notice: ", &figure.notice))
                @if let Some(greyed) = &figure.greyed { p { b { "Greyed (a check failed): " } (greyed) } }
                (caveats.refer(&figure.caveats))
            }
        }
    }
}

/// Whether the figure has a line for each model.
fn is_line(figure: &Figure) -> bool {
    matches!(figure.marks, Marks::Curves(_) | Marks::Slices(_) | Marks::Sweep(_))
}

/// Sentences under a figure: a paragraph, or a list where they are many. Nothing where there are none.
fn said(what: &str, sentences: &[String]) -> Markup {
    html! {
        @if sentences.len() > PARAGRAPH {
            p { b { (what) } }
            ul { @for sentence in sentences { li { (micro(sentence)) } } }
        } @else if !sentences.is_empty() {
            p { b { (what) } (micro(&sentences.join(" "))) }
        }
    }
}

/// How marks with caveats look, if there are any.
fn flagged(figure: &Figure, cells: &[&Cell]) -> Option<&'static str> {
    let some = cells.iter().any(|cell| cell.validity == Validity::Suspect);
    some.then_some(match figure.marks {
        Marks::Bars(_) | Marks::Dots(_) | Marks::Quantiles(_) => {
            "Paler: flagged; the numbered notes under the table say why."
        }
        _ => return None,
    })
}
