//! The tables of a lab, each once: for its page, for Markdown and for LaTeX.

use std::fmt::Write;

use maud::{Markup, html};

use super::points::figure_words;
use super::sentences::{home_words, percent, signed_bytes, signed_ns};
use crate::document::{CostPart, DesignRecord, LabReport, Naive};
use crate::metric::{self, SERVER_CPU};
use crate::report::micro;
use crate::statistics::Interval;
use crate::units::show_ns_f64;

/// A table of text.
#[derive(Debug)]
pub(super) struct Table {
    /// Where it stands on the page, and its label in LaTeX.
    pub(super) id: &'static str,
    pub(super) caption: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// All tables that have a row.
pub(super) fn of(report: &LabReport) -> Vec<Table> {
    let tables = [
        naive(report.naive.as_ref()),
        taken_apart(report),
        split(report),
        effects(report),
        interactions(report),
        shares(report),
        memory(report),
        sessions(report),
        killed(report),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn naive(naive: Option<&Naive>) -> Table {
    let seconds = |s: f64| show_ns_f64(s * 1e9);
    let row = |what: &str, stateful: f64, stateless: f64| {
        let ratio = format!("{:.2}", stateless / stateful);
        vec![what.to_string(), seconds(stateful), seconds(stateless), ratio]
    };
    let rows = naive.map_or_else(Vec::new, |n| {
        vec![
            row("as the server says, the mean", n.stateful_server_s, n.stateless_server_s),
            row(
                "as a client that is connected says, the mean",
                n.stateful_response_s,
                n.stateless_response_s,
            ),
            row("all requests, connecting included", n.stateful_s, n.stateless_s),
        ]
    });
    Table {
        id: "naive",
        caption: "The naive experiment: each server timed once".into(),
        head: vec!["Time", "\"stateful\"", "\"stateless\"", "ratio"],
        rows,
    }
}

fn taken_apart(report: &LabReport) -> Table {
    let row = |model: &crate::document::LabModel| {
        let taken = model.decomposition.as_ref()?;
        let share = match (taken.connecting_share, taken.connecting_share_interval) {
            (Some(share), Some(interval)) => percent(share, interval),
            _ => "cannot be told".into(),
        };
        Some(vec![
            model.model.clone(),
            show_ns_f64(taken.stateful_ns),
            show_ns_f64(taken.stateless_ns),
            part(&taken.keeping),
            part(&taken.connecting),
            share,
        ])
    };
    Table {
        id: "apart",
        caption: "Server CPU for each request: state and connection kept, against neither".into(),
        head: vec![
            "Model",
            "both kept",
            "neither",
            "no longer keeping state",
            "connecting",
            "connecting, of the difference",
        ],
        rows: report.models.iter().filter_map(row).collect(),
    }
}

fn split(report: &LabReport) -> Table {
    let mut rows = Vec::new();
    for model in &report.models {
        for split in &model.split {
            let of = |name: &str| split.parts.iter().find(|part| part.name == name).map(part);
            let mut row = vec![model.model.clone(), split.home.clone()];
            row.extend(
                ["request", "home", "history", "connecting"]
                    .map(|name| of(name).unwrap_or_else(|| "-".into())),
            );
            row.push(signed_ns(split.parts.iter().map(|part| part.ns).sum()));
            rows.push(row);
        }
    }
    Table {
        id: "split",
        caption: "Server CPU for each request, one thing added after the other".into(),
        head: vec![
            "Model",
            "Home",
            "plain request",
            "+ home",
            "+ history",
            "+ connecting",
            "together",
        ],
        rows,
    }
}

/// Each design of each model with the name of its figure.
fn designs(report: &LabReport) -> impl Iterator<Item = (&str, &DesignRecord)> {
    report
        .models
        .iter()
        .flat_map(|model| model.designs.iter().map(move |design| (model.model.as_str(), design)))
}

/// The name of a design's figure; over kept connections alone, that too.
pub(super) fn design_words(design: &DesignRecord) -> String {
    let figure = figure_words(&design.metric);
    let kept = design.factors.first().is_some_and(|factor| factor.levels == ["kept"]);
    if kept { format!("{figure}, kept only") } else { figure }
}

fn effects(report: &LabReport) -> Table {
    let mut rows = Vec::new();
    for (model, design) in designs(report) {
        let show = |value: f64| {
            let size = metric::show(&design.metric, value.abs());
            if value < 0.0 { format!("-{size}") } else { size }
        };
        for effect in &design.effects {
            let Interval { low, high } = effect.difference_interval;
            rows.push(vec![
                model.to_string(),
                design_words(design),
                effect.factor.clone(),
                format!("{} against {}", effect.level, effect.against),
                times(effect.ratio, effect.interval),
                format!("{} [{}, {}]", show(effect.difference), show(low), show(high)),
            ]);
        }
    }
    Table {
        id: "effects",
        caption: "What each factor does, over all levels of the others".into(),
        head: vec!["Model", "Figure", "Factor", "Level", "times as much", "more by"],
        rows,
    }
}

fn interactions(report: &LabReport) -> Table {
    let of_cpu = |(_, design): &(&str, &DesignRecord)| design.metric == SERVER_CPU.name;
    let mut rows = Vec::new();
    for (model, design) in designs(report).filter(of_cpu) {
        for found in &design.interactions {
            rows.push(vec![
                model.to_string(),
                found.factors.join(" and "),
                found.levels.join(" with "),
                times(found.ratio, found.interval),
            ]);
        }
    }
    Table {
        id: "interactions",
        caption: "What two levels do to server CPU together, over the product of each alone".into(),
        head: vec!["Model", "Factors", "Levels", "times"],
        rows,
    }
}

fn shares(report: &LabReport) -> Table {
    let mut rows = Vec::new();
    for (model, design) in designs(report) {
        for share in &design.shares {
            rows.push(vec![
                model.to_string(),
                design_words(design),
                share.source.clone(),
                format!("{:.1} %", share.share * 100.0),
                share.freedom.to_string(),
            ]);
        }
    }
    Table {
        id: "shares",
        caption: "What explains the variation (sums of squares of the logarithms)".into(),
        head: vec!["Model", "Figure", "Source", "share", "degrees of freedom"],
        rows,
    }
}

fn memory(report: &LabReport) -> Table {
    let rows = report.models.iter().flat_map(|model| {
        model.memory.iter().map(move |memory| {
            let Interval { low, high } = memory.interval;
            vec![
                model.model.clone(),
                memory.home.clone(),
                memory.history.clone(),
                format!(
                    "{} [{}, {}]",
                    signed_bytes(memory.bytes),
                    signed_bytes(low),
                    signed_bytes(high)
                ),
            ]
        })
    });
    Table {
        id: "memory",
        caption: "Memory of the server for each further client".into(),
        head: vec!["Model", "Home", "History", "bytes"],
        rows: rows.collect(),
    }
}

fn sessions(report: &LabReport) -> Table {
    let rows = report.sessions.iter().map(|s| {
        let counts = [s.completed, s.lost, s.wrong].map(|n| n.to_string());
        [vec![s.home.clone(), s.connection.clone()], counts.to_vec()].concat()
    });
    Table {
        id: "sessions",
        caption: "Sessions of all trials, their totals checked in every reply".into(),
        head: vec!["Home", "Connections", "completed", "lost", "wrong replies"],
        rows: rows.collect(),
    }
}

fn killed(report: &LabReport) -> Table {
    let rows = report.killed.iter().map(|killed| {
        let went_on = if killed.went_on { "goes on" } else { "is lost" };
        vec![killed.home.clone(), home_words(&killed.home), went_on.into(), killed.said.clone()]
    });
    Table {
        id: "killed",
        caption: "A session whose server is killed after two steps and started again".into(),
        head: vec!["Home", "that is", "the session", "what the server said to the third step"],
        rows: rows.collect(),
    }
}

fn part(part: &CostPart) -> String {
    let Interval { low, high } = part.interval;
    format!("{} [{}, {}]", signed_ns(part.ns), signed_ns(low), signed_ns(high))
}

fn times(ratio: f64, interval: Interval) -> String {
    format!("{ratio:.2} [{:.2}, {:.2}]", interval.low, interval.high)
}

impl Table {
    /// For the page. The first cell of a row is its head.
    pub(super) fn html(&self) -> Markup {
        html! {
            div.scroll {
                table id=(self.id) {
                    caption { (self.caption) }
                    thead { tr { @for name in &self.head { th scope="col" { (micro(name)) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (at, text) in row.iter().enumerate() {
                                    @if at == 0 { th scope="row" { (text) } } @else { td { (micro(text)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// For Markdown.
    pub(super) fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let plain = |text: &str| micro(text).replace('|', "\\|").replace('\n', " ");
        let mut text = format!("**{}**\n\n", plain(&self.caption));
        text += &line(self.head.iter().map(|name| plain(name)).collect());
        text += &line(vec!["---".into(); self.head.len()]);
        for row in &self.rows {
            text += &line(row.iter().map(|cell| plain(cell)).collect());
        }
        text
    }

    /// For LaTeX, with the rules of the package booktabs.
    pub(super) fn latex(&self) -> String {
        let line = |cells: Vec<String>| format!("    {} \\\\\n", cells.join(" & "));
        let columns = format!("l{}", "l".repeat(self.head.len().saturating_sub(1)));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "\\begin{{table}}\n  \\centering\\small\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n  \
             \\begin{{tabular}}{{{columns}}}\n    \\toprule",
            latex_text(&self.caption),
            self.id
        );
        text += &line(self.head.iter().map(|name| latex_text(name)).collect());
        text += "    \\midrule\n";
        for row in &self.rows {
            text += &line(row.iter().map(|cell| latex_text(cell)).collect());
        }
        text + "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n"
    }
}

/// Text as LaTeX takes it.
pub(super) fn latex_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in micro(text).chars() {
        match c {
            '%' | '&' | '_' | '#' | '$' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            // A bracket at the beginning of a row would be the argument of the \\ before it.
            '[' => escaped.push_str("{[}"),
            ']' => escaped.push_str("{]}"),
            'µ' => escaped.push_str("\\(\\mu\\)"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_latex_or_markdown_is_escaped() {
        assert_eq!(latex_text("5 % of a_b & 3 us"), "5 \\% of a\\_b \\& 3 \\(\\mu\\)s");
        assert_eq!(latex_text("[1, 2]"), "{[}1, 2{]}");
        let table = Table {
            id: "t",
            caption: "c".into(),
            head: vec!["a"],
            rows: vec![vec!["x|y\nz".into()]],
        };
        assert!(table.markdown().contains("| x\\|y z |"), "{}", table.markdown());
        let latex = table.latex();
        assert!(latex.contains("\\toprule") && latex.contains("\\bottomrule"), "{latex}");
        assert_eq!(latex.matches('{').count(), latex.matches('}').count(), "{latex}");
    }
}
