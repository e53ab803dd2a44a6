//! Figures as SVG, without a script or a library. Positions along x are percentages of the width
//! and text has a fixed size, so a figure is as readable on a telephone as on a wide page.

mod chart;
mod ticks;
mod timeline;

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::base::units::as_f64;

pub(in crate::command::lab) use chart::{Axis, Chart, Point, Series};
pub(in crate::command::lab) use timeline::{Kind, Lane, Moment, Span, Timeline};

/// Colours of figures, for a page and for a file that stands alone.
pub(super) const STYLE: &str = include_str!("drawing.css");

/// Colours that a page has, and a file that stands alone has not.
const COLOURS: [(&str, &str); 3] =
    [("var(--ink)", "#1a1a1a"), ("var(--line)", "#d0d0d0"), ("var(--faint)", "#5f5f5f")];
/// The width in pixels of a file that stands alone.
const WIDTH: f64 = 760.0;
/// Its legend: the height of a line, the columns, and where the names begin in one.
const KEY_HEIGHT: f64 = 20.0;
const KEY_COLUMNS: usize = 2;
const KEY_NAME: f64 = 30.0;

/// A drawing with its legend.
#[derive(Debug)]
pub(in crate::command::lab) struct Drawing {
    pub(in crate::command::lab) svg: Markup,
    height: f64,
    keys: Vec<Key>,
}

/// An entry of the legend.
#[derive(Debug)]
struct Key {
    /// It fills its container.
    sign: Markup,
    name: String,
}

impl Drawing {
    /// The legend, for a page.
    pub(super) fn legend(&self) -> Markup {
        html! {
            ul.legend.drawing { @for key in &self.keys { li { (key.sign) (key.name) } } }
        }
    }

    /// As a file of its own, which programs read that know neither a page's colours nor CSS variables.
    pub(super) fn alone(&self) -> String {
        let rows = self.keys.len().div_ceil(KEY_COLUMNS) as u64;
        let whole = self.height + KEY_HEIGHT * (as_f64(rows) + 1.0);
        let place = |at: usize| {
            let (row, column) = ((at / KEY_COLUMNS) as u64, (at % KEY_COLUMNS) as u64);
            let x = as_f64(column) * WIDTH / as_f64(KEY_COLUMNS as u64);
            (x, self.height + KEY_HEIGHT * (as_f64(row) + 0.75))
        };
        let drawn = html! {
            svg.drawing xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(whole) {
                rect width="100%" height="100%" fill="#ffffff" {}
                (self.svg)
                @for (at, key) in self.keys.iter().enumerate() {
                    @let (x, y) = place(at);
                    svg x=(x) y=(y) width="22" height="14" overflow="visible" { (key.sign) }
                    text x=(x + KEY_NAME) y=(y + 11.5) { (key.name) }
                }
            }
        };
        let (head, rest) = drawn.0.split_once('>').unwrap_or((&drawn.0, ""));
        format!("{head}><style>{}</style>{rest}", plain_style())
    }
}

/// The light colours without variables: an image does not know its page, and not every converter
/// knows variables.
fn plain_style() -> String {
    let mut style = String::new();
    for rule in STYLE.split("@media").next().unwrap_or_default().split_inclusive('}') {
        let own = rule
            .trim()
            .split_once(" { --own: ")
            .map(|(class, colour)| (class, colour.trim_end_matches("; }")));
        match own {
            Some((class, colour)) => {
                let _ = write!(
                    style,
                    "{class}.fill, {class} .fill {{ fill: {colour}; }} {class} .stroke {{ stroke: {colour}; }} "
                );
            }
            None => {
                style += &rule.replace("fill: var(--own); ", "").replace("stroke: var(--own); ", "")
            }
        }
    }
    for (variable, colour) in COLOURS {
        style = style.replace(variable, colour);
    }
    style
}

/// A place along the width, of 0 to 1.
fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_stands_alone_has_its_colours_and_its_legend() {
        let lane = Lane { name: "a client".into(), spans: Vec::new(), moments: Vec::new() };
        let span = Span { from_s: 0.0, to_s: 1.0, kind: 1, says: "here".into() };
        let kinds =
            vec![Kind { name: "nowhere", waits: false }, Kind { name: "served", waits: false }];
        let drawn = Timeline {
            label: "clients".into(),
            id: "figure-clients",
            kinds,
            mark: Some("an answer"),
            lanes: vec![Lane { spans: vec![span], ..lane }],
        };
        let alone = drawn.drawing().alone();
        assert!(!alone.contains("var("), "{alone}");
        assert!(alone.contains(".k1.fill, .k1 .fill { fill: #a9cdf2; }"), "{alone}");
        assert!(alone.contains(">served</text>") && alone.contains(">an answer</text>"), "{alone}");
        assert!(!alone.contains("nowhere"), "what is not drawn is in no legend");
        let balance = alone.matches("<svg").count() == alone.matches("</svg>").count();
        assert!(balance && alone.starts_with("<svg class=\"drawing\" xmlns="), "{alone}");
    }
}
