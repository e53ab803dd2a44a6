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
        "How many times as much CPU does a request take on the server if each has a connection of its own?",
        &["connections one per request"],
    ),
    (
        "home",
        "Put the homes of the state in the order of what they cost: in the request, in the connection, in a \
         table, in a signed token. By how much do the first and the last differ?",
        &[
            "state in ",
            "state that the request carries make",
            "state that the request carries change",
        ],
    ),
    (
        "history",
        "What do 4 KiB of history add to a request that carries nothing else?",
        &["a history of"],
    ),
    (
        "blame",
        "A stateless server with a connection for each request is slower than a stateful one with kept \
         connections. Which part of the difference is the state's doing?",
        &["a stateless request", "whether a stateless request"],
    ),
    (
        "clients",
        "Does a request cost the server more if ten times as many clients send them, and does a connection \
         for each request?",
        &["clients, "],
    ),
    (
        "memory",
        "How much memory does a client take, and where does most of it go?",
        &["each further client"],
    ),
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
            p { "A stateful server remembers what a client has said, a stateless one is told all of it in each request. In most comparisons the stateful server also keeps its connections, and the stateless one closes each after a reply. Three things then change at once: how often clients connect, whether state is kept, and where." }
            p { "Here they change one at a time, and once more with ten times as many clients. Every request adds a number to a running total and reads the session's history; the replies are the same whatever the home of the state. Connections are kept, or replaced after ten requests, or after each. So each factor's effect can be told from the others'." }
        }
    }
}

fn prediction(report: &LabReport) -> Markup {
    let said = |starts: &[&str]| -> Vec<&String> {
        let is_of = |sentence: &&String| {
            let rest = sentence.split_once(": ").map_or(sentence.as_str(), |(_, rest)| rest);
            starts.iter().any(|start| rest.starts_with(start))
                || starts.iter().any(|start| rest.starts_with(&format!("what {start}")))
        };
        let on_time = |sentence: &&String| {
            ![CAPACITY, TAIL].iter().any(|figure| sentence.contains(figure.words))
        };
        report.sentences.iter().filter(is_of).filter(on_time).collect()
    };
    html! {
        section id="prediction" {
            h2 { "A prediction to make first" }
            p { "Write your answers down before you unfold what was measured. You will remember \
                what surprises you." }
            @for (id, question, starts) in PREDICTIONS {
                p { (question) }
                details id={ "prediction-" (id) } {
                    summary { "What was measured" }
                    @let found = said(starts);
                    @if found.is_empty() { p { "This run does not answer that." } }
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
                p { "One client sends " (naive.requests) " requests to a \"stateful\" " (naive.model) " server that keeps its connection, and as many to a \"stateless\" one that closes after each reply (" code { "--close-after 1" } "). Each is timed once." }
                (shown(tables, "naive"))
                p.answer { (verdict(naive)) }
                p { "Why it misleads: neither server keeps any state, so nothing here is about state at all. They differ in how often the client connects. A server's own clock starts when a request has arrived, and leaves out the handshake, accepting, and the process or thread that it takes; a client that opens its connection before it starts its clock leaves out most of that, too. One client, one run of each: there is no spread, so nobody knows what a second run would say; and whichever ran second found a warmer machine." }
            }
        }
    }
}

/// The conclusion that the naive experiment suggests, by each of its clocks.
fn verdict(naive: &Naive) -> String {
    let faster = |stateful: f64, stateless: f64| {
        let ratio = stateless / stateful;
        if ratio > 1.0 {
            format!("the stateless server is {ratio:.1} times as slow")
        } else {
            format!("the stateless server is faster ({ratio:.2} of the time)")
        }
    };
    format!(
        "By the server's clock {}; by the clock of a connected client {}; by the time that all took {}.",
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
            summary { "What two equal cells differ by" }
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
            h2 { "What each home is good for" }
            p { "A home that is fast and loses totals is not a home. Every reply carries the running total, and the client checks it. And a session should outlive what it may outlive: connections, and perhaps the server. For the second table a server was killed after two steps of a session and started again; nothing was timed." }
            (shown(tables, "sessions"))
            (shown(tables, "killed"))
        }
    }
}

fn all_that_is_said(report: &LabReport) -> Markup {
    let (general, own) = sorted(report);
    html! {
        section id="sentences" {
            h2 { "What these data allow to say" }
            ul { @for sentence in general { li { (micro(sentence)) } } }
            @for (model, sentences) in own {
                details {
                    summary { (model) }
                    ul { @for sentence in sentences { li { (micro(sentence)) } } }
                }
            }
            @if !report.left_out.is_empty() {
                h3 { "What is left out" }
                ul { @for sentence in &report.left_out { li { (micro(sentence)) } } }
            }
        }
    }
}

fn method() -> Markup {
    html! {
        section id="lab-method" {
            h2 { "How it was found out" }
            p { "Every combination of connection, home and history was measured once in each block, in a random order, each with a fresh server process; so was every combination of clients, connection and home with the smallest history. History and clients are not crossed, and an external store is there with few clients and no history only. Some cells of one model were measured twice: no difference below what those differ by is claimed. Effects are ratios of geometric means in pairs of the same block, with Student's interval over the blocks; an interaction is what two levels do together over the product of what each does alone; shares of variation are sums of squares of the logarithms (Jain, The Art of Computer Systems Performance Analysis, chapters 17, 18 and 22). Where combinations are missing, such as state in a connection that is closed after each request, the largest complete part was analysed, and the homes once more over kept connections." }
            p { "Server CPU is that of the whole process tree, kernel included. The p99 is of an open loop, all models, homes and connections at the same rate. Loopback makes connecting cheap: over a distance each connection also costs a round trip, which no CPU shows." }
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
