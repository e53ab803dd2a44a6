//! Charts of values over a varied setting: for each series a line with marks and intervals.

use maud::{Markup, html};

use super::{Drawing, Key, percent, ticks};
use crate::statistics::Interval;

/// Heights in pixels: the words above, the field, and the axis with its words below.
const HEAD: f64 = 22.0;
const FIELD: f64 = 230.0;
const FOOT: f64 = 44.0;
/// Where the field begins and ends, as shares of the width. The numbers of the other axis stand before it.
const FROM: f64 = 0.15;
const TO: f64 = 0.97;
/// How much higher than the highest value the field is.
const ROOM: f64 = 1.08;

/// A drawing of values.
#[derive(Debug)]
pub(in crate::command::lab) struct Chart {
    /// A description for readers who cannot see it.
    pub(in crate::command::lab) label: String,
    pub(in crate::command::lab) x: Axis,
    pub(in crate::command::lab) y: Axis,
    /// Six at most.
    pub(in crate::command::lab) series: Vec<Series>,
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub(in crate::command::lab) struct Axis {
    pub(in crate::command::lab) words: &'static str,
    /// Whether it is logarithmic; it begins at 0 otherwise.
    pub(in crate::command::lab) log: bool,
    /// How a value is written.
    pub(in crate::command::lab) show: fn(f64) -> String,
}

/// Values of one kind.
#[derive(Clone, Debug)]
pub(in crate::command::lab) struct Series {
    pub(in crate::command::lab) name: String,
    pub(in crate::command::lab) points: Vec<Point>,
}

/// A value and where it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::command::lab) struct Point {
    pub(in crate::command::lab) x: f64,
    pub(in crate::command::lab) y: f64,
    pub(in crate::command::lab) interval: Option<Interval>,
}

/// Values from where to where.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    log: bool,
}

impl Range {
    fn covering(log: bool, values: impl Iterator<Item = f64>) -> Self {
        let found: Vec<f64> = values.filter(|v| v.is_finite() && (!log || *v > 0.0)).collect();
        let low = found.iter().copied().fold(f64::INFINITY, f64::min);
        let high = found.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match (found.is_empty(), log) {
            (true, true) => Self { low: 1.0, high: 10.0, log },
            (true, false) => Self { low: 0.0, high: 1.0, log },
            // A single value has some room around it.
            (false, true) => Self { low: low / ROOM, high: high * ROOM, log },
            (false, false) => Self { low: 0.0, high: if high > 0.0 { high } else { 1.0 }, log },
        }
    }

    fn share(self, value: f64) -> f64 {
        let share = if self.log {
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            value / self.high
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    fn ticks(self) -> Vec<f64> {
        if self.log { ticks::logarithmic(self.low, self.high) } else { ticks::linear(self.high) }
    }
}

impl Chart {
    fn ranges(&self) -> (Range, Range) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let ends = points().flat_map(|point| {
            let Interval { low, high } =
                point.interval.unwrap_or(Interval { low: point.y, high: point.y });
            [point.y, low, high]
        });
        let y = Range::covering(self.y.log, ends);
        (
            Range::covering(self.x.log, points().map(|point| point.x)),
            Range { high: y.high * ROOM, ..y },
        )
    }

    fn svg(&self) -> Markup {
        let (xs, ys) = self.ranges();
        let x = |value: f64| percent(FROM + xs.share(value) * (TO - FROM));
        let at = |value: f64| HEAD + (1.0 - ys.share(value)) * FIELD;
        let y = |value: f64| format!("{:.1}", at(value));
        let bottom = HEAD + FIELD;
        html! {
            svg.drawing width="100%" height=(bottom + FOOT) role="img" aria-label=(self.label) {
                text.faint x="0" y="12" { (self.y.words) }
                @for tick in ys.ticks() {
                    line.grid x1=(percent(FROM)) x2="100%" y1=(y(tick)) y2=(y(tick)) {}
                    text.faint x="0" y=(format!("{:.1}", at(tick) + 4.5)) { ((self.y.show)(tick)) }
                }
                line.axis x1=(percent(FROM)) x2="100%" y1=(bottom) y2=(bottom) {}
                @for tick in xs.ticks() {
                    line.axis x1=(x(tick)) x2=(x(tick)) y1=(bottom) y2=(bottom + 4.0) {}
                    text.faint x=(x(tick)) y=(bottom + 18.0) text-anchor="middle" { ((self.x.show)(tick)) }
                }
                text.faint x="100%" y=(bottom + 37.0) text-anchor="end" { (self.x.words) }
                @for (at, series) in self.series.iter().enumerate() {
                    g class={ "s" (at) } {
                        @for pair in series.points.windows(2) {
                            line.stroke x1=(x(pair[0].x)) y1=(y(pair[0].y)) x2=(x(pair[1].x)) y2=(y(pair[1].y)) {}
                        }
                        @for point in &series.points {
                            @if let Some(Interval { low, high }) = point.interval {
                                line.stroke x1=(x(point.x)) x2=(x(point.x)) y1=(y(low)) y2=(y(high)) {}
                            }
                            svg x=(x(point.x)) y=(y(point.y)) overflow="visible" {
                                title { (series.name) ", " ((self.x.show)(point.x)) ": " ((self.y.show)(point.y)) }
                                (mark(at))
                            }
                        }
                    }
                }
            }
        }
    }

    /// The drawing with its legend.
    pub(in crate::command::lab) fn drawing(&self) -> Drawing {
        let key = |(at, series): (usize, &Series)| Key {
            sign: html! {
                svg class={ "s" (at) } aria-hidden="true" {
                    line.stroke x1="0" x2="100%" y1="50%" y2="50%" {}
                    svg x="50%" y="50%" overflow="visible" { (mark(at)) }
                }
            },
            name: series.name.clone(),
        };
        Drawing {
            svg: self.svg(),
            height: HEAD + FIELD + FOOT,
            keys: self.series.iter().enumerate().map(key).collect(),
        }
    }
}

/// The mark of a series, around the origin. The shapes differ, so that the series can be
/// distinguished in grey too.
fn mark(series: usize) -> Markup {
    html! {
        @match series % 4 {
            0 => { circle.fill r="4.5" {} }
            1 => { rect.fill x="-4" y="-4" width="8" height="8" {} }
            2 => { path.fill d="M0 -5.5 L5.5 4.5 L-5.5 4.5 Z" {} }
            _ => { path.fill d="M0 -6 L6 0 L0 6 L-6 0 Z" {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(log: bool, points: &[(f64, f64)]) -> Chart {
        let show = |value: f64| format!("{value:.0}");
        let points = points.iter().map(|(x, y)| Point { x: *x, y: *y, interval: None }).collect();
        Chart {
            label: "cost".into(),
            x: Axis { words: "clients", log: false, show },
            y: Axis { words: "us", log, show },
            series: vec![Series { name: "select".into(), points }],
        }
    }

    #[test]
    fn values_are_where_they_belong() {
        let svg = chart(false, &[(0.0, 0.0), (100.0, 50.0)]).svg().into_string();
        // From the left end at the bottom to the right end, with room above.
        let y = HEAD + (1.0 - 1.0 / ROOM) * FIELD;
        assert!(
            svg.contains(&format!("x1=\"15.000%\" y1=\"252.0\" x2=\"97.000%\" y2=\"{y:.1}\"")),
            "{svg}"
        );
    }

    #[test]
    fn nothing_and_one_value_are_drawn_without_a_fault() {
        for log in [false, true] {
            for points in [&[][..], &[(0.0, 0.0)], &[(5.0, 7.0)]] {
                let chart = chart(log, points);
                let (svg, legend) =
                    (chart.svg().into_string(), chart.drawing().legend().into_string());
                assert!(legend.contains("select"));
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
}
