//! Foldable parts of the page.

use maud::{Markup, html};

/// A section that shows only its heading until it is opened.
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

/// The folded rest of a section, with `what` as its name.
pub(super) fn more(what: &str, body: &Markup) -> Markup {
    html! {
        details.more {
            summary { (what) }
            (body)
        }
    }
}
