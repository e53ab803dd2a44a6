//! The page of a run: one HTML file that needs nothing else.

use std::path::Path;

use anyhow::Result;
use maud::{DOCTYPE, Markup, html};

use crate::document::{Cell, Host, RunRecord, Summary, Validity};
use crate::{standings, store, table};

/// Prints the comparison of a saved run again and rewrites its page. A summary that lacks what
/// follows from its values, as earlier versions wrote it, gets it too: the page shows nothing that
/// is not in a document.
///
/// # Errors
/// When there is no run in that folder.
pub fn again(dir: &Path) -> Result<()> {
    let path = dir.join("summary.json");
    let written: Summary = store::read_json(&path)?;
    let mut summary = written.clone();
    standings::derive(&mut summary);
    if summary != written {
        store::write_json(&path, &summary)?;
    }
    store::write(&dir.join("report.html"), page(&summary).as_bytes())?;
    table::print(&table::summary(&summary))
}

/// The page.
#[must_use]
pub fn page(summary: &Summary) -> String {
    let run = &summary.run;
    let mut workloads: Vec<&str> = Vec::new();
    for cell in &summary.cells {
        if !workloads.contains(&cell.workload.as_str()) {
            workloads.push(&cell.workload);
        }
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "c10k: " (run.id) }
                style { (STYLE) }
            }
            body {
                main {
                    h1 { (run.question) }
                    p.meta { "Plan " (run.plan) ", run " (run.id) ", " (run.started_at) }
                    @if run.interrupted { p.warning { "This run was interrupted: " (run.trials_done) " of " (run.trials_planned) " trials." } }
                    @for line in table::closing(summary).lines() { p { (line) } }
                    @for workload in workloads { (section(summary, workload)) }
                    (reading())
                    (machine(&summary.host))
                    (reproduce(run))
                }
            }
        }
    };
    page.into_string()
}

fn section(summary: &Summary, workload: &str) -> Markup {
    let cells: Vec<&Cell> = summary.cells.iter().filter(|c| c.workload == workload).collect();
    let (messages, marks) = table::marks(&cells);
    let heading = cells.first().map(|cell| table::heading(cell)).unwrap_or_default();
    html! {
        section id=(workload) {
            h2 { (heading) }
            div.scroll {
                table {
                    thead { tr { @for column in table::COLUMNS { th scope="col" { (column) } } } }
                    tbody {
                        @for (cell, marks) in cells.iter().zip(&marks) {
                            tr.invalid[cell.validity == Validity::Invalid] {
                                @for (at, text) in table::row(cell, marks).iter().enumerate() {
                                    @if at == 0 { th scope="row" { (text) } } @else { td { (text) } }
                                }
                            }
                        }
                    }
                }
            }
            @if !messages.is_empty() {
                ol { @for message in &messages { li { (message) } } }
            }
        }
    }
}

fn reading() -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            p { "Figures are medians over the trials; ± is the distance of the farthest trial. Every trial is a fresh server process and fresh connections." }
            p { "CPU/request is the CPU time of the server's whole process, user and kernel, over right replies. Its inverse is what one core can serve, also where the load generator could not ask for more." }
            p { "A closed loop reports service time, from sending to the last byte of the reply: a slow server slows its clients down, and nothing is known of requests that were not made. An open loop reports response time, from when the request was due." }
            p { "A quantile needs about six samples beyond it; with fewer the table says \"too few\". One that reaches into requests which had not ended is a lower bound: \">=\"." }
            p { "Greyed rows failed a check; the numbered lines say which. Loopback shows no network card, no loss and no other machine." }
        }
    }
}

fn machine(host: &Host) -> Markup {
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
        section {
            h2 { "The machine" }
            table.facts { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } }
        }
    }
}

fn reproduce(run: &RunRecord) -> Markup {
    html! {
        section {
            h2 { "To reproduce" }
            pre { (run.command.join(" ")) " --seed " (run.seed) }
            p { "c10k " (run.program_version) ". The folder of this page holds the plan with everything spelled out (plan.toml), one JSON document for each trial with its histograms (trials/), and summary.json." }
        }
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #ccc; --faint: #666; --warn: #8a3c00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --line: #444; --faint: #999; --warn: #ffb070; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; }
main { max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.meta { color: var(--faint); } .warning { color: var(--warn); font-weight: bold; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th[scope=row], th:first-child, .facts td { text-align: left; }
tr.invalid { color: var(--faint); font-style: italic; }
ol { color: var(--faint); font-size: .9rem; } pre { overflow-x: auto; }
@media print { main { max-width: none; } .scroll { overflow: visible; } }
";
