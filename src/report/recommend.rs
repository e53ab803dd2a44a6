//! "Which model for my load": what the run recommends, one line for each workload or point of a series.

use maud::{Markup, html};

use super::micro;
use crate::document::{Cell, Recommendation, Summary, Sureness};

/// The section; nothing where nothing can be recommended.
pub(super) fn section(summary: &Summary) -> Markup {
    let (series, alone): (Vec<_>, Vec<_>) = summary
        .recommendations
        .iter()
        .filter_map(|found| Some((summary.ranked(&found.workload).first().copied()?, found)))
        .partition(|(cell, _)| cell.series.is_some());
    html! {
        @if !summary.recommendations.is_empty() {
            section id="which" {
                h2 { "Which model for my load?" }
                p { "Find the workload that is most like yours. The models named cannot be told from the best \
                     by what clients see; among them, CPU time and memory decide." }
                @for (cell, found) in &alone { (one(cell, found)) }
                @for name in names(&series) { (points(name, &series)) }
            }
        }
    }
}

fn one(cell: &Cell, found: &Recommendation) -> Markup {
    html! {
        h3 { a href={ "#" (found.workload) } { (found.workload) } }
        p.meta { (crate::table::heading(cell)) "." }
        p { (micro(&found.sentence)) }
        p { span.sureness data-sure=(word(found.sureness)) { (word(found.sureness)) } " " (micro(&found.how_sure)) }
    }
}

fn names<'a>(series: &[(&'a Cell, &Recommendation)]) -> Vec<&'a str> {
    let mut names: Vec<&str> =
        series.iter().filter_map(|(cell, _)| cell.series.as_deref()).collect();
    names.dedup();
    names
}

fn points(name: &str, series: &[(&Cell, &Recommendation)]) -> Markup {
    let own = || series.iter().filter(|(cell, _)| cell.series.as_deref() == Some(name));
    html! {
        h3 { a href={ "#" (name) } { (name) } }
        div.scroll tabindex="0" role="region" aria-label={ "Table: recommendations for " (name) } {
            table.words {
                caption { "What to take at each point of " (name) }
                thead { tr { @for head in ["setting", "cannot be told from the best", "least CPU", "least memory", "how sure"] { th scope="col" { (head) } } } }
                tbody { @for (cell, found) in own() { tr {
                    th scope="row" { (cell.factors.iter().map(|factor| format!("{} {}", factor.name, factor.text)).collect::<Vec<_>>().join(", ")) }
                    td { (found.group.join(", ")) }
                    td { (found.cheapest.as_deref().unwrap_or("-")) }
                    td { (found.leanest.as_deref().unwrap_or("-")) }
                    td title=(found.how_sure) { (word(found.sureness)) }
                } } }
            }
        }
    }
}

fn word(sureness: Sureness) -> &'static str {
    match sureness {
        Sureness::Sure => "sure",
        Sureness::Partly => "partly",
        Sureness::Hint => "a hint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{closed, point, summary};

    #[test]
    fn workloads_have_sentences_and_points_of_a_series_a_table() {
        let mut cells = vec![closed("epoll", &[2e5; 5]), closed("fork", &[1e5; 5])];
        for x in [1.0, 10.0] {
            for model in ["epoll", "fork"] {
                cells.push(point(closed(model, &[1e5; 5]), "many", "connections", x));
            }
        }
        let html = section(&summary(cells)).into_string();
        assert!(html.contains("Take epoll: 200k replies/s."), "{html}");
        assert_eq!(html.matches("<h3>").count(), 2, "{html}");
        assert!(html.contains("<th scope=\"row\">connections 10</th>"), "{html}");
        assert_eq!(html.matches("data-sure=\"sure\"").count(), 1, "{html}");
    }
}
