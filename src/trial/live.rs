//! The live display of a load: one changing line on a terminal, otherwise a line every few seconds.
//!
//! The calling thread writes it; it sends no load. The loading threads publish its figures when
//! they check for timeouts, and never wait for it.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use loadgen::{Load, Moment, Phase, Progress};

use crate::analysis::checks::fates;
use crate::base::note;
use crate::base::units::{as_f64, ns, show_count, show_ns};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// Rates are those of so long.
const RATE_OVER: Duration = Duration::from_secs(1);

/// Where it is shown.
enum Screen {
    Terminal(ProgressBar),
    Lines { last: Instant },
    Nowhere,
}

/// The view of one load.
pub struct LiveView {
    screen: Screen,
    /// How long warm-up, measurement and drain are.
    lengths: [Duration; 3],
    /// When how many replies were there, of about the last second.
    done: VecDeque<(Instant, u64)>,
    /// It was said that no connection can be opened.
    told: bool,
}

impl LiveView {
    /// On standard error, unless nothing is to be seen.
    #[must_use]
    pub fn new(load: &Load, quiet: bool) -> Self {
        let screen = if quiet {
            Screen::Nowhere
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{wide_msg}");
            bar.set_style(style.expect("the template is in order"));
            Screen::Terminal(bar)
        } else {
            Screen::Lines { last: Instant::now() }
        };
        let lengths = [load.warmup, load.measure, load.drain];
        Self { screen, lengths, done: VecDeque::new(), told: false }
    }

    /// To be told of every moment of the load.
    pub fn watch(&mut self, moment: Moment) {
        let Moment::Tick(progress) = moment else { return };
        let now = Instant::now();
        let rate = self.rate(now, progress.done);
        let length = self.length(progress.phase);
        // Nobody should have to wait to hear that nobody listens.
        let is_news = progress.refusal.is_some() && !std::mem::replace(&mut self.told, true);
        match &mut self.screen {
            Screen::Terminal(bar) => bar.set_message(line(&progress, length, rate)),
            Screen::Lines { last } if is_news || now.duration_since(*last) >= LINE_EVERY => {
                *last = now;
                // Whoever reads it may be gone, which is no reason to end a load.
                note!("{}", line(&progress, length, rate));
            }
            Screen::Lines { .. } | Screen::Nowhere => {}
        }
    }

    /// Takes the changing line away.
    pub fn finish(&self) {
        if let Screen::Terminal(bar) = &self.screen {
            bar.finish_and_clear();
        }
    }

    /// Replies per second of about the last second.
    fn rate(&mut self, now: Instant, done: u64) -> f64 {
        self.done.push_back((now, done));
        while self.done.len() > 2 && now.duration_since(self.done[1].0) >= RATE_OVER {
            self.done.pop_front();
        }
        let (since, before) = self.done[0];
        as_f64(done - before) / now.duration_since(since).as_secs_f64().max(1e-9)
    }

    fn length(&self, phase: Phase) -> Option<Duration> {
        let [warmup, measure, drain] = self.lengths;
        match phase {
            Phase::Connect => None,
            Phase::Warmup => Some(warmup),
            Phase::Measure => Some(measure),
            Phase::Drain => Some(drain),
        }
    }
}

/// `measure 4s/10s 123k/s in-flight 50 p50 240us p99 1.10ms errors 0`: as much of it as is known.
fn line(progress: &Progress, length: Option<Duration>, rate: f64) -> String {
    let name = match progress.phase {
        Phase::Connect => "connect",
        Phase::Warmup => "warm-up",
        Phase::Measure => "measure",
        Phase::Drain => "drain",
    };
    let mut line = format!("{name} {}", seconds(progress.elapsed, length));
    if let Some(length) = length {
        line = format!("{line}/{}", seconds(length, Some(length)));
    }
    if let Some(refusal) = progress.refusal {
        let meaning = fates::of_connect(refusal.name());
        return format!("{line}: {} ({meaning}), trying again", refusal.name());
    }
    if progress.phase != Phase::Connect {
        line = format!("{line} {}/s", show_count(rate));
    }
    if let Some(live) = progress.live.filter(|_| progress.phase != Phase::Connect) {
        line = format!("{line} in-flight {}", live.in_flight);
        if let Some(recent) = live.recent {
            let [p50, p99] =
                [recent.p50, recent.p99].map(|time| show_ns(ns(time)).replace(' ', ""));
            line = format!("{line} p50 {p50} p99 {p99}");
        }
        line = format!("{line} errors {}", live.failed);
    }
    line
}

/// Whole seconds, tenths in what is short.
fn seconds(time: Duration, length: Option<Duration>) -> String {
    let short = length.is_some_and(|length| length < Duration::from_secs(10));
    let digits = usize::from(short && length.is_none_or(|length| length.subsec_millis() > 0));
    format!("{:.digits$}s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadgen::{Live, Recent};

    fn progress(phase: Phase, recent: Option<Recent>) -> Progress {
        let live = Some(Live { in_flight: 50, failed: 3, recent });
        Progress { phase, elapsed: Duration::from_millis(4_200), done: 0, refusal: None, live }
    }

    #[test]
    fn a_line_says_all_that_is_known_and_nothing_else() {
        let ten = Some(Duration::from_secs(10));
        let (p50, p99) = (Duration::from_micros(240), Duration::from_micros(1_100));
        let recent = Some(Recent { count: 9, p50, p99 });
        assert_eq!(
            line(&progress(Phase::Measure, recent), ten, 123_000.0),
            "measure 4s/10s 123k/s in-flight 50 p50 240us p99 1.10ms errors 3"
        );
        assert_eq!(
            line(&progress(Phase::Warmup, None), Some(Duration::from_millis(4_500)), 7.0),
            "warm-up 4.2s/4.5s 7.00/s in-flight 50 errors 3"
        );
        assert_eq!(line(&progress(Phase::Connect, None), None, 0.0), "connect 4s");
        let refused = Progress {
            refusal: Some(loadgen::ConnectFailure::Refused),
            ..progress(Phase::Connect, None)
        };
        let text = "connect 4s: refused (no server listened there), trying again";
        assert_eq!(line(&refused, None, 0.0), text);
        let blind = Progress { live: None, ..progress(Phase::Measure, None) };
        assert_eq!(line(&blind, ten, 5.0), "measure 4s/10s 5.00/s");
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut view = LiveView {
            screen: Screen::Nowhere,
            lengths: [Duration::ZERO; 3],
            done: VecDeque::new(),
            told: false,
        };
        let start = Instant::now();
        let at = |tenths: u64| start + Duration::from_millis(100 * tenths);
        // A hundred replies a tick for two seconds, then none.
        for tick in 0..=20 {
            view.rate(at(tick), 100 * tick);
        }
        assert!((view.rate(at(21), 2_100) - 1_000.0).abs() < 1.0);
        for tick in 22..31 {
            view.rate(at(tick), 2_100);
        }
        assert!(view.rate(at(31), 2_100).abs() < 1.0);
    }
}
