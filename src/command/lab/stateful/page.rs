//! The page of the lab "stateful".

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::apart;
use super::written::sorted;
use super::{noise, tables};
use crate::analysis::metric::{CAPACITY, TAIL};
use crate::document::{Figure, LabReport, Naive};
use crate::view::export::markup;
use crate::view::export::sheet::Sheet;
use crate::view::figures;
use crate::view::page::{self, PLOTLY, SCRIPT, micro};

const OWN_STYLE: &str = include_str!("page.css");

/// The predictions to make first, and the beginning of the sentences that answer them.
const PREDICTIONS: [(&str, &str, &[&str]); 6] = [
    (
        "connecting",
        "How many times as much server CPU does a request take if each request has its own connection?",
        &["connections one per request"],
    ),
    (
        "home",
        "Order the homes of the state by their cost: in the request, in the connection, in a table, in a signed \
         token. By how much do the first and the last differ?",
        &[
            "state in ",
            "state that the request carries make",
            "state that the request carries change",
        ],
    ),
    (
        "history",
        "How much does a history of 4 KiB add to a request that carries nothing else?",
        &["a history of"],
    ),
    (
        "blame",
        "A stateless server with a connection for each request is slower than a stateful one with kept connections. \
         How much of the difference is due to the state?",
        &["a stateless request", "it is undecided whether a stateless request"],
    ),
    (
        "clients",
        "Does a request cost the server more with ten times as many clients? Does a connection for each request \
         cost more then?",
        &["clients, "],
    ),
    ("memory", "How much memory does a client take, and for what?", &["each further client"]),
];

/// The page.
///
/// # Errors
/// When the data has no JSON form, which is a fault of ours.
pub(super) fn html(report: &LabReport) -> anyhow::Result<String> {
    let figures = figures::lab_figures(report);
    let tables = tables::stateful_tables(report);
    let made_by = figures::made_by(&report.run, &report.program_version, &report.host);
    let data = page::data(figures::set(&report.run, made_by, figures.clone()))?;
    Ok(document(report, &figures, &tables, &data).into_string())
}

fn document(report: &LabReport, figures: &[Figure], tables: &[Sheet], data: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (page::head(&format!("c10k lab: {}", report.lab), OWN_STYLE))
            body {
                main {
                    h1 { (report.question) }
                    p.meta { "Lab " (report.lab) ", run " (report.run) ", " (report.started_at) }
                    (question())
                    (prediction(report))
                    (naive(report.naive.as_ref(), tables))
                    (answer(report, figures, tables))
                    (page::reference::reference_markup(report.reference.as_ref()))
                    (correctness(tables))
                    (all_that_is_said(report))
                    (method())
                    (page::ends::machine(&report.host))
                    (files(report))
                }
                script type="application/json" id="data" { (PreEscaped(data)) }
                script { (PreEscaped(PLOTLY)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn question() -> Markup {
    html! {
        section id="question" {
            h2 { "The question" }
            p { "A stateful server remembers earlier requests of a client. A stateless server gets all state with \
                 each request. In most comparisons the stateful server also keeps its connections, and the \
                 stateless server closes each connection after a reply. Three things then change at once: how often \
                 clients connect, whether state is kept, and where." }
            p { "Here they change one at a time, and again with ten times as many clients. Every request adds a \
                 number to a running total and reads the session's history. The replies are the same for every home \
                 of the state. Connections are kept, or replaced after ten requests or after each request. This \
                 separates the effects of the factors." }
        }
    }
}

fn prediction(report: &LabReport) -> Markup {
    let said = |starts: &[&str]| -> Vec<&String> {
        let is_of = |sentence: &&String| {
            let rest = sentence.split_once(": ").map_or(sentence.as_str(), |(_, rest)| rest);
            starts.iter().any(|start| rest.starts_with(start))
                || starts.iter().any(|start| rest.starts_with(&format!("the effect of {start}")))
        };
        let on_time = |sentence: &&String| {
            ![CAPACITY, TAIL].iter().any(|figure| sentence.contains(figure.words))
        };
        report.sentences.iter().filter(is_of).filter(on_time).collect()
    };
    html! {
        section id="prediction" {
            h2 { "First, predict" }
            p { "Write down your answers before you open the measurements. You remember best what surprises you." }
            @for (id, question, starts) in PREDICTIONS {
                p { (question) }
                details id={ "prediction-" (id) } {
                    summary { "What was measured" }
                    @let found = said(starts);
                    @if found.is_empty() { p { "This run does not answer the question." } }
                    ul { @for sentence in found { li { (micro(sentence)) } } }
                }
            }
        }
    }
}

fn naive(naive: Option<&Naive>, tables: &[Sheet]) -> Markup {
    html! {
        @if let Some(naive) = naive {
            section id="naive-experiment" {
                h2 { "The naive experiment" }
                p { "One client sends " (naive.requests) " requests to a \"stateful\" " (naive.model) " server that \
                    keeps its connection, and as many to a \"stateless\" server that closes after each reply (" code { "--close-after 1" } "). Each is timed once." }
                (shown(tables, "naive"))
                p.answer { (verdict(naive)) }
                p { "Why it misleads: neither server keeps state, so the experiment says nothing about state. The \
                     servers differ in how often the client connects. The server's clock starts when a request has \
                     arrived, so it misses the handshake, accepting, and starting a process or thread. A client \
                     that connects before it starts its clock misses most of that, too. Each server is measured \
                     once, with one client, so the spread is unknown, and the second server finds a warmer machine." }
            }
        }
    }
}

/// The conclusion that the naive experiment suggests, by each of its clocks.
fn verdict(naive: &Naive) -> String {
    let faster = |stateful: f64, stateless: f64| {
        let ratio = stateless / stateful;
        if ratio > 1.0 {
            format!("the stateless server takes {ratio:.1} times as long")
        } else {
            format!("the stateless server is faster (it takes {ratio:.2} times as long)")
        }
    };
    format!(
        "By the server's clock {}; by the clock of a connected client {}; in total time, connecting included, {}.",
        faster(naive.stateful_server_s, naive.stateless_server_s),
        faster(naive.stateful_response_s, naive.stateless_response_s),
        faster(naive.stateful_s, naive.stateless_s)
    )
}

fn answer(report: &LabReport, figures: &[Figure], tables: &[Sheet]) -> Markup {
    html! {
        section id="factors" {
            h2 { "One factor at a time" }
            ul.answer { @for said in apart::of_all(&report.models, report.noise.as_ref()) { li { (micro(&said)) } } }
            (shown(tables, "apart"))
            (noise(report, tables))
            div.figures { @for figure in figures { (figure_on_page(figure)) } }
            @for id in ["split", "memory", "p99"] { (shown(tables, id)) }
            details {
                summary { "All effects, interactions and shares" }
                @for id in ["effects", "interactions", "clients", "shares"] { (shown(tables, id)) }
            }
        }
    }
}

/// The noise, which a reader needs before any comparison.
fn noise(report: &LabReport, tables: &[Sheet]) -> Markup {
    html! {
        details id="equal-cells" {
            summary { "Differences between equal cells" }
            ul { @for sentence in noise::sentences(report.noise.as_ref()) { li { (micro(&sentence)) } } }
            (shown(tables, "noise"))
        }
    }
}

fn figure_on_page(figure: &Figure) -> Markup {
    html! {
        figure {
            h3 id={ (figure.id) "-title" } { (figure.title) }
            p { (figure.shows) }
            div.plot id=(figure.id) role="group" aria-labelledby={ (figure.id) "-title" } {}
        }
    }
}

fn correctness(tables: &[Sheet]) -> Markup {
    html! {
        section id="correctness" {
            h2 { "Correctness of each home" }
            p { "A fast home that loses totals is useless. Every reply carries the running total, and the client \
                 checks it. A session should also survive the end of its connection, and perhaps the end of the \
                 server. For the second table, a server was killed after two steps of a session and started again; \
                 nothing was timed." }
            (shown(tables, "sessions"))
            (shown(tables, "killed"))
        }
    }
}

fn all_that_is_said(report: &LabReport) -> Markup {
    let (general, own) = sorted(report);
    html! {
        section id="sentences" {
            h2 { "Conclusions" }
            ul { @for sentence in general { li { (micro(sentence)) } } }
            @for (model, sentences) in own {
                details {
                    summary { (model) }
                    ul { @for sentence in sentences { li { (micro(sentence)) } } }
                }
            }
            @if !report.left_out.is_empty() {
                h3 { "Left out" }
                ul { @for sentence in &report.left_out { li { (micro(sentence)) } } }
            }
        }
    }
}

fn method() -> Markup {
    html! {
        section id="lab-method" {
            h2 { "Method" }
            p { "Each block measures every combination of connection, home and history once, in random order, with \
                 a fresh server process for each. It also measures every combination of clients, connection and \
                 home with the smallest history. History and clients are not crossed. The external store is \
                 measured only with few clients and no history. Some cells of one model are measured twice; smaller \
                 differences than theirs are not claimed. Effects are ratios of geometric means in pairs of the \
                 same block, with Student's interval over the blocks. An interaction is the joint effect of two \
                 levels divided by the product of their separate effects. Shares of variation are sums of squares \
                 of the logarithms (Jain, The Art of Computer Systems Performance Analysis, chapters 17, 18 and \
                 22). Some combinations are impossible, such as state in a connection that is closed after each \
                 request. The analysis takes the largest complete part of the design, and compares the homes again \
                 over kept connections." }
            p { "Server CPU covers the whole process tree, kernel included. The p99 is from an open loop with the \
                 same rate for all models, homes and connections. Loopback makes connecting cheap: over a distance \
                 each connection also costs a round trip, which CPU time does not show." }
        }
    }
}

fn files(report: &LabReport) -> Markup {
    html! {
        section id="files" {
            h2 { "Files" }
            p { "c10k " (report.program_version) ". Beside this page: " "report.html (every cell), lab.json (all numbers of this page), figures.json (what the figures draw), lab.md and lab.tex (the tables, for a report of your own; LaTeX needs the package booktabs), plan.toml and trials/." }
        }
    }
}

/// The tables with this name or prefix.
fn shown(tables: &[Sheet], name: &str) -> Markup {
    let is_of = |sheet: &&Sheet| {
        sheet.label.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    html! { @for table in tables.iter().filter(is_of) { (markup::html(table)) } }
}
