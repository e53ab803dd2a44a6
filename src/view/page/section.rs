//! One workload on the page: its answer, its table, its figures.

use maud::{Markup, html};

use super::caveats::Caveats;
use super::figures::{Column, Figure, Marks};
use super::fold::more;
use super::notes::{self, Subject};
use super::{cost, micro, sortable, sources};
use crate::analysis::timers;
use crate::document::{Cell, Standings, Summary, Validity};
use crate::workload::arrivals;

const NO_BEST: &str =
    "No model qualifies as the best: every cell failed a check, starves clients or lacks samples.";

/// With more sections than this, only the first shows its figure unfolded.
const SECTIONS: usize = 3;

/// More sentences than this are a list.
const PARAGRAPH: usize = 3;

/// Where the figure stands that shows a section's answer.
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
    /// For the section after `before` others, of `all`: a long page shows one figure.
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
    figures: &[Figure],
    columns: &[&Column<'_>],
    caveats: &Caveats,
    place: Place,
) -> (Markup, Markup) {
    let cells: Vec<&Cell> = columns.iter().map(|column| column.cell).collect();
    let standings = summary.standings_of(workload);
    let show = |figure: &Figure| show(figure, &cells, columns, caveats);
    let main = main(figures, standings);
    let is_main = |figure: &&Figure| main.is_some_and(|main| main.id == figure.id);
    let others: Vec<&Figure> = figures.iter().filter(|figure| !is_main(figure)).collect();
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
fn main<'a>(figures: &'a [Figure], standings: Option<&Standings>) -> Option<&'a Figure> {
    let name = match standings.map(|standings| standings.metric.as_str()) {
        Some("server_cpu_per_request_ns") => "cpu",
        Some("turnaround_mean_ns") => "turnaround",
        Some("throughput_per_s") | None => "throughput",
        Some(_) => "load",
    };
    let named =
        |name: &str| figures.iter().find(|figure| figure.id.rsplit('-').next() == Some(name));
    named(name).or_else(|| named("throughput")).or_else(|| named("load")).or(figures.first())
}

/// A figure: what it shows, the place of the drawing, what to notice, its caveats.
fn show(figure: &Figure, cells: &[&Cell], columns: &[&Column<'_>], caveats: &Caveats) -> Markup {
    let (subject, title, shows) = words(figure);
    let mut notice = notes::notice(subject, cells);
    if subject == Subject::Time {
        notice.extend(notes::stumbles(columns.iter().copied().filter_map(rates)));
    }
    let mut fool = notes::fool(subject, cells);
    if matches!(
        subject,
        Subject::Percentiles | Subject::Throughput | Subject::Tail | Subject::EqualLoad
    ) {
        fool.extend(timers::note(cells));
    }
    let wide = matches!(figure.marks, Marks::Curves(_) | Marks::Slices(_) | Marks::Sweep(_));
    html! {
        figure.wide[wide] {
            h3 id={ (figure.id) "-title" } { (figure.id.rsplit_once('-').map_or("", |(workload, _)| workload)) ": " (title.to_lowercase()) }
            p { (shows) @if let Some(flagged) = flagged(figure, cells) { " " (flagged) } }
            div.plot id=(figure.id) role="group" aria-labelledby={ (figure.id) "-title" } {}
            figcaption {
                (said("Notice: ", &notice))
                @if let Some(greyed) = notes::greyed(cells) { p { b { "Greyed (a check failed): " } (micro(&greyed)) } }
                (caveats.refer(&fool))
            }
        }
    }
}

/// Sentences under a figure: a paragraph, or a list where they are many. Nothing where there are none.
pub(super) fn said(what: &str, sentences: &[String]) -> Markup {
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
            "Paler: something was flagged; the numbered lines under the table say what."
        }
        Marks::Sweep(_) => {
            "A hollow mark: something was flagged; the numbered lines under the table say what."
        }
        Marks::Curves(_) | Marks::Slices(_) => return None,
    })
}

/// The replies of each slice of a cell's typical trial; all slices are of one width but the last.
fn rates<'a>(column: &Column<'a>) -> Option<(&'a str, Vec<f64>)> {
    let slices = &column.drawn.typical.as_ref()?.intervals;
    let rate = |slice: &crate::document::Interval| {
        crate::base::units::as_f64(slice.ok) / crate::base::units::as_f64(slice.width_ns.max(1))
    };
    (slices.len() > 1)
        .then(|| (column.cell.model.as_str(), slices.iter().map(rate).collect::<Vec<f64>>()))
}

/// A figure's subject, its title, and its description.
fn words(figure: &Figure) -> (Subject, &'static str, &'static str) {
    let name = figure.id.rsplit_once('-').map_or("", |(_, name)| name);
    match name {
        "percentiles" => (
            Subject::Percentiles,
            "Latency by percentile",
            "Latency by percentile: further right are rarer, slower requests, 1/(1-q) on a \
             logarithmic axis. The best of each family is drawn; click a name in the legend to add \
             or remove a line, double-click to isolate it.",
        ),
        "answered" => (
            Subject::Steps,
            "Throughput, step by step",
            "Correct replies to the requests that were due in each step, per second. A line below \
             the rate shows unanswered requests. The band is the interval of the median.",
        ),
        "waits" => (
            Subject::Steps,
            "Response time, step by step",
            "The median response time of the requests that were due in each step. A server that \
             recovers ends where it began; a queue that is not yet empty still shows at the end.",
        ),
        "turnaround" => (
            Subject::Turnaround,
            "From connect to the last reply",
            "Turnaround time: how long a client takes for all its requests, including its connect \
             and its wait for a worker. The mean over a trial's clients, as the median over the \
             trials with its interval.",
        ),
        "connect" => (
            Subject::Connect,
            "Opening a connection",
            "From connect(2) to an open connection: the median over the trials with its interval. \
             The other figures' latencies start with the request and exclude it.",
        ),
        "throughput" => (
            Subject::Throughput,
            "Throughput",
            "Correct replies per second: the bar is the median, the line its interval, the dots \
             are the trials.",
        ),
        "p99" => (
            Subject::Tail,
            "The slowest of a hundred requests",
            "The pooled 99th percentile; small dots are the trials' own, and the line spans them.",
        ),
        "cpu" => (
            Subject::Cost,
            "What a request costs the server",
            "Server CPU time per correct reply, which explains the throughput: dark in its own \
             code, light in the kernel, hollow where processes use too little for the kernel's \
             clock ticks to split it.",
        ),
        "memory" => {
            (Subject::Memory, "Memory", "Proportional set size at the end of the measurement.")
        }
        "load" => (
            Subject::EqualLoad,
            "Latency at equal load",
            "All models got the same requests at the same times. From left to right: p50, p90, p95, \
             p99 and p99.9, where samples suffice.",
        ),
        _ => (
            Subject::Time,
            "One trial in time",
            "Replies per second, and below the p99, in each slice of the trial with the median \
             throughput.",
        ),
    }
}
