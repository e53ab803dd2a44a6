//! The table of a series' crossovers.

use maud::{Markup, html};

use crate::analysis::metric::named;
use crate::analysis::sweeps::{fixed_text, show_setting};
use crate::document::Summary;

/// Every crossover of a series, certain or not.
pub(super) fn crossings_markup(summary: &Summary, series: &str) -> Markup {
    let own: Vec<_> = summary.crossovers.iter().filter(|found| found.series == series).collect();
    let columns = [
        "figure",
        "where",
        "better below",
        "better above",
        "at",
        "95 %",
        "resamples that agree",
        "sure",
    ];
    let words = |name: &str| named(name).map_or(name.to_string(), |metric| metric.words.into());
    html! {
        @if !own.is_empty() {
            details {
                summary { "Where models change places" }
                div.scroll tabindex="0" role="region" aria-label="Table: where models change places" {
                    table {
                        caption { span { "Pairs of models whose medians cross once" } }
                        thead { tr { @for head in columns { th scope="col" { (head) } } } }
                        tbody { @for found in own { tr.invalid[!found.certain] {
                            th scope="row" { (words(&found.metric)) }
                            td { (fixed_text(&found.fixed)) }
                            td { (found.below) }
                            td { (found.above) }
                            td { (show_setting(found.at)) }
                            td { (show_setting(found.interval.low)) " to " (show_setting(found.interval.high)) }
                            td { (format!("{:.0} %", found.support * 100.0)) }
                            td { @if found.certain { "sure" } @else { "not sure" } }
                        } } }
                    }
                }
            }
        }
    }
}
