//! Figures as SVG that needs neither a script nor a library. Places along x are per cent of the width and
//! text has its own size, so that a figure is as readable on a telephone as on a wide page.

mod chart;
mod ticks;
mod timeline;

use maud::Markup;

pub(in crate::command::lab) use chart::{Axis, Chart, Point, Series};
pub(in crate::command::lab) use timeline::{Kind, Lane, Moment, Span, Timeline};

/// Colours of figures, for a page and for a file that stands alone.
pub(super) const STYLE: &str = include_str!("drawing.css");

/// Colours that a page has, and a file that stands alone has not.
const COLOURS: &str =
    "svg { --ink: #1a1a1a; --line: #d0d0d0; --faint: #5f5f5f; background: #ffffff; } ";
/// What a figure that stands alone says of itself: its language, and its width in pixels.
const ALONE: &str = "xmlns=\"http://www.w3.org/2000/svg\" width=\"760\"";

/// A figure as a file of its own.
pub(super) fn alone(svg: &Markup) -> String {
    let text = svg.0.replacen("width=\"100%\"", ALONE, 1);
    let (head, rest) = text.split_once('>').unwrap_or((&text, ""));
    // Only the light colours: an image does not know what page it is on.
    let style = STYLE.split("@media").next().unwrap_or_default();
    format!("{head}><style>{COLOURS}{style}</style>{rest}")
}

/// A place along the width, of 0 to 1.
fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}
