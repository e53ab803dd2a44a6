//! The settings that a plan varies, explained for readers who have not read the plan.

use maud::{Markup, html};

use crate::document::Cell;

const MEANINGS: [(&str, &str); 15] = [
    ("arrivals.share", "the rate, as a share of the slowest model's capacity"),
    ("arrivals.rate", "requests a second"),
    ("connections", "connections that are open at once"),
    ("idle-connections", "idle connections beside the load"),
    ("pipeline", "requests in flight on a connection at once"),
    ("request.bytes", "bytes of text in an echo request"),
    ("request.digits", "digits of the two factors in a request"),
    ("request.reply-bytes", "bytes of a reply"),
    ("request.rounds", "rounds of CPU work that a request asks for"),
    ("request.wait", "how long the server waits within a request"),
    (
        "requests-per-connection",
        "requests that a connection carries before it is replaced; 0: connections are kept",
    ),
    ("server.history", "size of the history that the server keeps for each session"),
    (
        "server.state",
        "where session state is kept: nowhere, in the connection, in a table, with the client or \
         in an external store",
    ),
    ("server-processors", "processors that the server may use"),
    ("server.workers", "threads or processes of the server's pool"),
];

/// The meaning of each setting of these cells; empty where none is known.
pub(super) fn meanings(cells: &[&Cell], round_ps: u64) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for factor in cells.iter().flat_map(|cell| &cell.factors) {
        if !names.contains(&factor.name.as_str()) {
            names.push(&factor.name);
        }
    }
    let known = names.iter().filter_map(|name| Some((*name, meaning(name)?)));
    let known: Vec<_> = known.collect();
    html! {
        @if !known.is_empty() {
            ul.settings.meta { @for (name, words) in known { li {
                b { (name) } ": " (words)
                @if name == "request.rounds" && round_ps > 0 {
                    (format!(", each {:.1} ns on this machine", crate::base::units::as_f64(round_ps) / 1e3))
                }
            } } }
        }
    }
}

fn meaning(name: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(own, _)| *own == name).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, point};

    #[test]
    fn every_setting_that_a_built_in_plan_varies_is_explained() {
        let mut seen = 0;
        for file in std::fs::read_dir("plans").expect("plans").flatten() {
            let text = std::fs::read_to_string(file.path()).expect("a text");
            let matrices = text.lines().filter(|line| line.starts_with("matrix"));
            for (_, inside) in matrices.filter_map(|line| line.split_once('{')) {
                for key in inside.split('=').filter_map(|part| part.split([',', ']']).next_back()) {
                    let name = key.trim().trim_matches('"');
                    if !name.is_empty() && name != "}" {
                        assert!(meaning(name).is_some(), "{name} in {}", file.path().display());
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 10, "{seen} settings");
    }

    #[test]
    fn each_setting_is_explained_once() {
        let cells = [1.0, 2.0].map(|x| point(closed("epoll", &[1e5]), "many", "request.rounds", x));
        let html = meanings(&[&cells[0], &cells[1]], 83_300).into_string();
        assert_eq!(html.matches("<li>").count(), 1, "{html}");
        assert!(html.contains("asks for, each 83.3 ns on this machine"), "{html}");
        assert_eq!(meanings(&[&closed("epoll", &[1e5])], 0).into_string(), "");
    }
}
