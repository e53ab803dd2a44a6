//! Timelines: what happened to several parties over the same time, with a lane for each.

use maud::{Markup, html};

use super::{Drawing, Key, percent, ticks};
use crate::base::units::show_ns_f64;

/// Heights in pixels: a lane's name, its bar, and the gap between two lanes.
const NAME: f64 = 19.0;
const BAR: f64 = 24.0;
const GAP: f64 = 13.0;
/// Below the last lane: the axis.
const FOOT: f64 = 26.0;
/// The margin at either end, as a share of the width.
const MARGIN: f64 = 0.01;
/// Where a moment's mark is, in pixels around the middle of its bar.
const MARK: f64 = 4.5;

/// A drawing of lanes.
#[derive(Debug)]
pub(in crate::command::lab) struct Timeline {
    /// A description for readers who cannot see it.
    pub(in crate::command::lab) label: String,
    /// A name for the patterns in it that no other drawing of the page has.
    pub(in crate::command::lab) id: &'static str,
    /// The kinds of spans, in the order of the legend; eight at most.
    pub(in crate::command::lab) kinds: Vec<Kind>,
    /// The meaning of a mark; without it no mark is drawn.
    pub(in crate::command::lab) mark: Option<&'static str>,
    pub(in crate::command::lab) lanes: Vec<Lane>,
}

/// The kind of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command::lab) struct Kind {
    pub(in crate::command::lab) name: &'static str,
    /// Whether it is hatched, as waiting is.
    pub(in crate::command::lab) waits: bool,
}

/// One party.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command::lab) struct Lane {
    pub(in crate::command::lab) name: String,
    pub(in crate::command::lab) spans: Vec<Span>,
    pub(in crate::command::lab) moments: Vec<Moment>,
}

/// A time during which something lasted, in seconds since the beginning.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command::lab) struct Span {
    pub(in crate::command::lab) from_s: f64,
    pub(in crate::command::lab) to_s: f64,
    /// Which of the kinds.
    pub(in crate::command::lab) kind: usize,
    /// The text in it, as far as there is room.
    pub(in crate::command::lab) says: String,
}

/// Something that took no time.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command::lab) struct Moment {
    pub(in crate::command::lab) at_s: f64,
    pub(in crate::command::lab) says: String,
}

impl Timeline {
    /// How long all of it took.
    fn lasts_s(&self) -> f64 {
        let spans = self.lanes.iter().flat_map(|lane| lane.spans.iter().map(|span| span.to_s));
        let moments = self.lanes.iter().flat_map(|lane| lane.moments.iter().map(|m| m.at_s));
        spans.chain(moments).fold(0.0, f64::max)
    }

    fn place(&self, at_s: f64) -> f64 {
        let share = if self.lasts_s() > 0.0 { at_s / self.lasts_s() } else { 0.0 };
        MARGIN + share.clamp(0.0, 1.0) * (1.0 - 2.0 * MARGIN)
    }

    fn top(at: usize) -> f64 {
        (NAME + BAR + GAP) * crate::base::units::as_f64(at as u64)
    }

    fn svg(&self) -> Markup {
        let bottom = Self::top(self.lanes.len());
        let ticks = ticks::linear(self.lasts_s());
        html! {
            svg.drawing width="100%" height=(bottom + FOOT) role="img" aria-label=(self.label) {
                defs {
                    pattern id={ (self.id) "-hatch" } width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                        line x1="0" y1="0" x2="0" y2="6" class="edge" {}
                    }
                }
                @for tick in &ticks {
                    @let x = percent(self.place(*tick));
                    line.grid x1=(x) x2=(x) y1="0" y2=(bottom) {}
                }
                @for (at, lane) in self.lanes.iter().enumerate() { (self.lane(lane, Self::top(at))) }
                line.axis x1="0" x2="100%" y1=(bottom) y2=(bottom) {}
                @for tick in &ticks {
                    text.faint x=(percent(self.place(*tick))) y=(bottom + 17.0) text-anchor=(anchor(self.place(*tick))) {
                        (if *tick == 0.0 { "0".to_string() } else { seconds(*tick) })
                    }
                }
            }
        }
    }

    fn lane(&self, lane: &Lane, top: f64) -> Markup {
        let bar = top + NAME;
        html! {
            text x="0" y=(top + 14.0) { (lane.name) }
            @for span in &lane.spans {
                @let (from, to) = (self.place(span.from_s), self.place(span.to_s));
                // Text is cut where its span ends.
                svg x=(percent(from)) y=(bar) width=(percent((to - from).max(0.0))) height=(BAR) {
                    title { (self.kinds[span.kind].name) ": " (span.says) }
                    rect class={ "fill k" (span.kind) } width="100%" height="100%" {}
                    @if self.kinds[span.kind].waits {
                        rect width="100%" height="100%" fill={ "url(#" (self.id) "-hatch)" } opacity="0.35" {}
                    }
                    rect.edge width="100%" height="100%" {}
                    text x="5" y="16.5" { (span.says) }
                }
            }
            @if self.mark.is_some() {
                @for moment in &lane.moments {
                    circle.moment cx=(percent(self.place(moment.at_s))) cy=(bar + BAR) r=(MARK) { title { (moment.says) } }
                }
            }
        }
    }

    /// The drawing with its legend.
    pub(in crate::command::lab) fn drawing(&self) -> Drawing {
        let key = |(at, kind): (usize, &Kind)| Key {
            sign: html! {
                svg aria-hidden="true" {
                    rect class={ "fill k" (at) } width="100%" height="100%" {}
                    @if kind.waits { rect width="100%" height="100%" fill={ "url(#" (self.id) "-hatch)" } opacity="0.35" {} }
                    rect.edge width="100%" height="100%" {}
                }
            },
            name: kind.name.into(),
        };
        let mark = self.mark.map(|mark| Key {
            sign: html! { svg aria-hidden="true" { circle cx="50%" cy="50%" r=(MARK) fill="currentColor" {} } },
            name: mark.into(),
        });
        let kinds = self.kinds.iter().enumerate().filter(|(at, _)| self.has(*at)).map(key);
        Drawing {
            svg: self.svg(),
            height: Self::top(self.lanes.len()) + FOOT,
            keys: kinds.chain(mark).collect(),
        }
    }

    fn has(&self, kind: usize) -> bool {
        self.lanes.iter().flat_map(|lane| &lane.spans).any(|span| span.kind == kind)
    }
}

/// Text at either end does not leave the drawing.
fn anchor(share: f64) -> &'static str {
    match share {
        share if share < 0.04 => "start",
        share if share > 0.96 => "end",
        _ => "middle",
    }
}

/// A time on an axis, without digits that say nothing.
fn seconds(s: f64) -> String {
    let text = show_ns_f64(s * 1e9);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    crate::view::page::micro(&format!("{number} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(spans: Vec<Span>) -> Timeline {
        Timeline {
            label: "who waited".into(),
            id: "waited",
            kinds: vec![
                Kind { name: "waiting", waits: true },
                Kind { name: "served", waits: false },
            ],
            mark: Some("a message"),
            lanes: vec![Lane {
                name: "client <1>".into(),
                moments: vec![Moment { at_s: 1.0, says: "hello".into() }],
                spans,
            }],
        }
    }

    #[test]
    fn a_span_has_its_share_of_the_width_and_what_did_not_happen_is_in_no_legend() {
        let span = Span { from_s: 0.0, to_s: 1.0, kind: 1, says: "served".into() };
        let later = Span { from_s: 1.0, to_s: 2.0, kind: 1, says: "again".into() };
        let drawn = timeline(vec![span, later]);
        let svg = drawn.svg().into_string();
        assert!(svg.contains("x=\"1.000%\" y=\"19\" width=\"49.000%\""), "{svg}");
        assert!(svg.contains("x=\"50.000%\" y=\"19\" width=\"49.000%\""), "{svg}");
        assert!(svg.contains("client &lt;1&gt;") && svg.contains("<title>hello</title>"));
        let legend = drawn.drawing().legend().into_string();
        assert!(legend.contains("served") && !legend.contains("waiting"), "{legend}");
    }

    #[test]
    fn nothing_that_happened_is_drawn_as_nothing() {
        let mut drawn = timeline(Vec::new());
        drawn.lanes[0].moments.clear();
        let svg = drawn.svg().into_string();
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn an_axis_has_times_without_idle_digits() {
        assert_eq!(seconds(0.5), "500 ms");
        assert_eq!(seconds(2.0), "2 s");
        assert_eq!(seconds(1.5), "1.5 s");
        assert_eq!(seconds(0.000_02), "20 µs");
    }
}
