//! Foldable parts of the page.

use maud::{Markup, html};

/// A section of which only the heading is seen until it is opened.
pub(crate) fn folded(id: &str, title: &str, body: &Markup) -> Markup {
    html! {
        section.folded id=(id) {
            details {
                summary { h2 { (title) } }
                (body)
            }
        }
    }
}

/// The rest of a section, which `what` names.
pub(super) fn more(what: &str, body: &Markup) -> Markup {
    html! {
        details.more {
            summary { (what) }
            (body)
        }
    }
}
