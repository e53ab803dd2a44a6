//! The null baseline on the page: the most that the generator can do, and whether the machine was
//! the same in all blocks.

use maud::{Markup, html};

use super::fold::folded;
use super::micro;
use crate::base::units::{show_count, show_ns_f64};
use crate::document::{Reference, ReferenceTrial, Summary};

/// A table with more rows is folded.
const ROWS: usize = 24;

/// The section; nothing in a run without a null baseline.
pub(super) fn section(summary: &Summary) -> Markup {
    reference_markup(summary.reference.as_ref())
}

/// The same for a null baseline from another document.
pub(crate) fn reference_markup(reference: Option<&Reference>) -> Markup {
    html! {
        @if let Some(reference) = reference {
            (folded("null-baseline", "The null baseline", &html! {
                p { (micro(&reference.sentence)) }
                p { "The null baseline is the same in every block, so its changes show the \
                    machine's. CPU per request above " (format!("{:.2}", 1.0 + reference.margin)) " \
                        times the median of all blocks, or below 1/" (format!("{:.2}", 1.0 + reference.margin)) " \
                            of it, marks a spell, given at least three trials. The baseline takes \
                            no part in rankings, and no trial is left out or corrected because of \
                            it." }
                @for spell in &reference.spells { p.warning { (micro(&spell.sentence)) } }
                @if reference.trials.len() > ROWS {
                    details { summary { "All " (reference.trials.len()) " trials" } (table(reference)) }
                } @else { (table(reference)) }
            }))
        }
    }
}

fn table(reference: &Reference) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table: the null baseline, block by block" {
            table {
                caption { span { "The generator against the null baseline" } }
                thead { tr { @for head in ["block", "replies/s", "generator CPU/request", "server CPU/request"] { th scope="col" { (head) } } } }
                tbody { @for trial in &reference.trials { (row(trial)) } }
            }
        }
    }
}

fn row(trial: &ReferenceTrial) -> Markup {
    let cpu = |cpu: Option<f64>| cpu.map_or("-".into(), |ns| micro(&show_ns_f64(ns)));
    html! {
        tr {
            th scope="row" { a href=(trial.file) { (trial.block + 1) @if trial.later { ", later part" } } }
            td { (show_count(trial.throughput_per_s)) }
            td { (cpu(trial.client_cpu_per_request_ns)) }
            td { (cpu(trial.server_cpu_per_request_ns)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::standings;
    use crate::analysis::synthetic::{bare, closed, reference};
    use crate::view::table;

    #[test]
    fn page_and_terminal_say_what_the_generator_can_do_and_when_the_machine_was_slow() {
        let mut summary = bare(vec![closed("epoll", &[95e3; 4])]);
        assert_eq!(section(&summary).into_string(), "");
        summary.reference = Some(reference(100e3, &[5e3, 5e3, 8e3, 5e3], &[3e3; 4]));
        standings::derive(&mut summary);
        let page = section(&summary).into_string();
        let closing = table::closing(&summary);
        for said in ["the generator reached 100k/s", "Block 3: the null baseline used 1.6"] {
            assert!(page.contains(said) && closing.contains(said), "{said}: {page}\n{closing}");
        }
        assert!(
            page.contains("href=\"trials/reference.2.json\"") && page.contains("above 1.25 times"),
            "{page}"
        );
    }
}
