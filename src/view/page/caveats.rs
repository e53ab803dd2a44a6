//! The caveats of the page. Each appears once, and figures refer to it by its number.

use std::cell::RefCell;

use maud::{Markup, html};

use super::fold::folded;
use super::micro;

/// The caveats of a page, in the order in which they are referred to.
#[derive(Debug, Default)]
pub(super) struct Caveats(RefCell<Vec<String>>);

impl Caveats {
    /// References to these caveats; empty without any.
    pub(super) fn refer(&self, sentences: &[String]) -> Markup {
        let numbers: Vec<usize> = sentences.iter().map(|sentence| self.number(sentence)).collect();
        html! {
            @if !numbers.is_empty() {
                p.caveats {
                    b { "Caveats:" }
                    @for (number, sentence) in numbers.iter().zip(sentences) {
                        " " a href={ "#caveat-" (number) } title=(micro(sentence)) { "[" (number) "]" }
                    }
                }
            }
        }
    }

    fn number(&self, sentence: &str) -> usize {
        let mut all = self.0.borrow_mut();
        let known = all.iter().position(|other| other == sentence);
        known.unwrap_or_else(|| {
            all.push(sentence.into());
            all.len() - 1
        }) + 1
    }

    /// The list of the caveats that were referred to: call it after every [`Self::refer`].
    pub(super) fn section(&self) -> Markup {
        let all = self.0.borrow();
        html! {
            @if !all.is_empty() {
                (folded("caveats", "Caveats", &html! {
                    ol { @for (at, sentence) in all.iter().enumerate() { li id={ "caveat-" (at + 1) } { (micro(sentence)) } } }
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caveat_stands_once_however_many_figures_refer_to_it() {
        let caveats = Caveats::default();
        assert_eq!(caveats.section().into_string(), "");
        let first = caveats.refer(&["a".into(), "b".into()]).into_string();
        let second = caveats.refer(&["b".into(), "c".into()]).into_string();
        assert!(first.contains("#caveat-1") && first.contains("#caveat-2"), "{first}");
        assert!(second.contains("#caveat-2") && second.contains("#caveat-3"), "{second}");
        let section = caveats.section().into_string();
        assert_eq!(section.matches("<li").count(), 3, "{section}");
        assert!(section.contains("<li id=\"caveat-2\">b</li>"), "{section}");
        assert_eq!(caveats.refer(&[]).into_string(), "");
    }
}
