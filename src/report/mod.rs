//! The page of a run: one HTML file that needs nothing else.
//!
//! Figures are drawn by a script in the page from data in the page; both are from here, so a page
//! reads the same in ten years and without a network. What is drawn also stands in tables.

mod figures;
mod notes;
mod section;
mod sortable;
mod trials;

use std::path::Path;

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::{Host, RunRecord, Summary};
use crate::{standings, store, table};

/// Prints the comparison of a saved run again and rewrites its page. A summary that lacks what
/// follows from its values, as earlier versions wrote it, gets it too: the page shows nothing that
/// is not in a document.
///
/// # Errors
/// When there is no run in that folder, or a trial in it cannot be read.
pub fn again(dir: &Path) -> Result<()> {
    let path = dir.join("summary.json");
    let written: Summary = store::read_json(&path)?;
    let mut summary = written.clone();
    standings::derive(&mut summary);
    if summary != written {
        store::write_json(&path, &summary)?;
    }
    write(&summary, dir)?;
    table::print(&table::summary(&summary))
}

/// Writes the page of a run into its folder.
///
/// # Errors
/// When it cannot be written, or a trial cannot be read.
pub fn write(summary: &Summary, dir: &Path) -> Result<()> {
    store::write(&dir.join("report.html"), page(summary, dir)?.as_bytes())
}

/// The page. The run's folder has the trials; a figure that needs some that are not there is left
/// out.
///
/// # Errors
/// When a trial is there and cannot be read.
pub fn page(summary: &Summary, dir: &Path) -> Result<String> {
    let mut data = figures::Data { figures: Vec::new() };
    let mut sections = Vec::new();
    for workload in summary.workloads() {
        let cells = summary.cells_of(workload);
        let drawn = cells.iter().map(|cell| trials::read(dir, cell)).collect::<Result<_>>()?;
        let columns = figures::columns(&cells, drawn);
        let figures = figures::of(workload, &columns);
        sections.push(section::of(summary, workload, &figures, &columns));
        data.figures.extend(figures);
    }
    // Nothing in the data may end the element that it stands in.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(document(summary, &sections, &data).into_string())
}

fn document(summary: &Summary, sections: &[Markup], data: &str) -> Markup {
    let run = &summary.run;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // The browser itself holds the page to its promise.
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "c10k: " (run.id) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (run.question) }
                    p.meta { "Plan " (run.plan) ", run " (run.id) ", " (run.started_at) }
                    @if run.interrupted { p.warning { "This run was interrupted: " (run.trials_done) " of " (run.trials_planned) " trials." } }
                    (answer(summary))
                    @for section in sections { (section) }
                    (method(run))
                    (machine(&summary.host))
                    (reproduce(run))
                }
                script type="application/json" id="data" { (PreEscaped(data)) }
                script { (PreEscaped(PLOTLY)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// The answer: for each workload who is best, and how sure that is.
fn answer(summary: &Summary) -> Markup {
    html! {
        section id="answer" {
            h2 { "In short" }
            dl {
                @for workload in summary.workloads() {
                    dt { a href={ "#" (workload) } { (workload) } }
                    dd {
                        @match summary.standings_of(workload) {
                            Some(standings) => (micro(&standings.sentence)),
                            None => "No model can be called the best: every cell is invalid, starves clients or lacks samples.",
                        }
                    }
                }
            }
            @for line in table::closing(summary).lines() { p { (micro(line)) } }
        }
    }
}

fn method(run: &RunRecord) -> Markup {
    html! {
        section id="method" {
            h2 { "How it was measured" }
            p { "Every trial is a fresh server process with fresh connections. Trials are interleaved in blocks, every model under every workload once a block, in an order that the seed (" (run.seed) ") decides. Figures are medians over the trials; ± is the distance of the farthest trial; bars and dots carry the 95 % interval of the median (bootstrap), which over few trials is hardly more than their spread, and from fewer than three the spread itself." }
            p { "\"Against the best\" is the ratio to the best median, in pairs of the same block, with its 95 % interval. A model is called worse when the whole interval is more than 5 % away and the p-value, adjusted by Holm for all pairs of models, is below 0.05; from fewer than five trials nothing is called." }
            p { "CPU/request is the CPU time of the server's whole process, user and kernel, over right replies. Its inverse is what one core can serve, also where the load generator could not ask for more." }
            p { "A closed loop reports service time, from sending to the last byte of the reply: a slow server slows its clients down, and nothing is known of requests that were not made. An open loop reports response time, from when the request was due." }
            p { "A quantile needs about six samples beyond it; with fewer the table says \"too few\". One that reaches into requests which had not ended is a lower bound: \">=\"." }
            p { "Greyed rows and marks failed a check; pale marks were flagged, and the numbered lines say why. Loopback shows no network card, no loss and no other machine." }
        }
    }
}

pub(crate) fn machine(host: &Host) -> Markup {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".into());
    let rows = [
        ("Kernel", host.kernel.clone()),
        ("Processor", format!("{}, {} to be used", host.cpu_model, host.cpus)),
        ("Memory", crate::units::show_bytes(host.memory_bytes as f64)),
        ("Hypervisor", or_none(&host.hypervisor)),
        ("Frequency governor", or_none(&host.governor)),
        ("Clock source", or_none(&host.clock_source)),
        ("Congestion control", or_none(&host.congestion_control)),
        ("One round of WORK", format!("{:.1} ns", host.work_round_ps as f64 / 1e3)),
    ];
    html! {
        section id="machine" {
            h2 { "The machine" }
            table.facts {
                caption { "Where servers and generator ran" }
                tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } }
            }
        }
    }
}

fn reproduce(run: &RunRecord) -> Markup {
    html! {
        section id="reproduce" {
            h2 { "To reproduce" }
            pre { (run.command.join(" ")) @if !run.command.iter().any(|word| word.starts_with("--seed")) { " --seed " (run.seed) } }
            p { "c10k " (run.program_version) ". The folder of this page holds the plan with everything spelled out (plan.toml), one JSON document for each trial with its histograms (trials/), and summary.json; all figures here are from those." }
        }
    }
}

/// Microseconds as the axes of the figures write them.
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

pub(crate) const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src data: blob:";
pub(crate) const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Plotly's partial bundle "basic" (lines, dots, bars), MIT: `vendor/plotly-LICENSE.txt`.
pub(crate) const PLOTLY: &str = include_str!("vendor/plotly-basic.min.js");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_units_become_micro() {
        assert_eq!(micro("p99 12.3 us, 4 us"), "p99 12.3 µs, 4 µs");
        assert_eq!(micro("tell us 5 users"), "tell us 5 users");
    }

    #[test]
    fn what_is_embedded_cannot_end_its_element() {
        for text in [STYLE, SCRIPT, PLOTLY] {
            assert!(!text.contains("</script") && !text.contains("</style"));
        }
    }
}
