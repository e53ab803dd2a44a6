//! The contenders on the page: what each is, its outcome, and what such a comparison cannot show.

use maud::{Markup, html};

use super::micro;
use crate::document::{Contender, Summary};
use crate::view::table::{excused, warmed};

/// What such a table cannot show.
const CANNOT_TELL: [&str; 4] = [
    "A row is one small server, written by this project in the usual way of its language. It does \
     not stand for the language: an expert may write a faster one.",
    "Each runs with its runtime's defaults (threads, garbage collector, buffers) on the server's \
     processors. With more processors the order may differ.",
    "JIT compilers need a warm-up. Each contender has its own, the shortest after which its \
     latency no longer changes; if it is reported as not warm, the longest allowed was too short.",
    "Production HTTP servers do more for each request than the models in HTTP framing. They are \
     compared with equal replies and with logs off.",
];

/// The section; nothing in a run without contenders.
pub(super) fn contenders_markup(summary: &Summary) -> Markup {
    let contenders = &summary.run.contenders;
    html! {
        @if !contenders.is_empty() {
            section id="contenders" {
                h2 { "Servers in other languages" }
                div.scroll tabindex="0" role="region" aria-label="Table: contenders" {
                    table {
                        caption { span { "Each was built here and passed the behaviour checks \
                            before it was measured" } }
                        thead { tr { @for head in ["server", "language and version", "description", "same shape as", "started by", "warm-up", "state"] { th scope="col" { (head) } } } }
                        tbody { @for one in contenders { (row(one)) } }
                    }
                }
                h3 { "Limits of this comparison" }
                ul { @for sentence in CANNOT_TELL { li { (sentence) } } }
            }
        }
    }
}

fn row(one: &Contender) -> Markup {
    let Contender {
        name,
        language,
        version,
        what,
        compare,
        command,
        settings,
        warmups,
        state,
        reason,
        ..
    } = one;
    html! {
        tr {
            th scope="row" { (name) }
            td { (language) @if let Some(version) = version { ": " (version) } }
            td { (what) }
            td { (compare) }
            td { code { (command.join(" ")) } @if let Some(settings) = settings { div.meta { (settings) } } }
            td { @for warmup in warmups { div { (micro(&warmed(warmup))) } } }
            td {
                (state.words()) @if let Some(reason) = reason { ": " (reason) }
                @for line in excused(one) { div.meta { (line) } }
            }
        }
    }
}
