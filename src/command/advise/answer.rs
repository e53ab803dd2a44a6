//! The answer for one load: which models to take, how sure that is, and its source.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use super::asked::{self, Asked};
use crate::analysis::metric::TAIL;
use crate::analysis::standings;
use crate::base::units::{as_f64, ns, show_ns, show_ns_f64};
use crate::document::{Cell, Summary, Sureness};
use crate::statistics::interval;
use crate::view::page::answer;
use crate::view::page::results::{Said, said};
use crate::view::table;

/// Whether a model meets the requested tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// It is within the bound.
    Meets,
    /// It is surely beyond it.
    Misses,
    /// Trials do not tell.
    Open,
}

/// An answer from one workload of one run.
pub(super) struct Answer {
    /// The run's folder.
    pub(super) dir: PathBuf,
    workload: String,
    /// All that was measured.
    all: Summary,
    /// The models that do not surely miss the tail.
    left: Summary,
    /// Each model's verdict on the tail; empty without `--p99`.
    tails: Vec<(String, Tail)>,
    said: Said,
}

impl Answer {
    /// The answer of a renewed workload.
    ///
    /// # Errors
    /// When a trial cannot be read.
    pub(super) fn of(asked: &Asked, all: Summary, dir: PathBuf, workload: String) -> Result<Self> {
        let seed = all.run.seed;
        let tails: Vec<(String, Tail)> = asked.p99.map_or_else(Vec::new, |p99| {
            let bound = as_f64(ns(p99));
            let ranked = all.ranked(&workload).into_iter();
            ranked.map(|cell| (cell.model.clone(), tail(cell, bound, seed))).collect()
        });
        let misses =
            |model: &str| tails.iter().any(|(name, tail)| name == model && *tail == Tail::Misses);
        let mut left = all.clone();
        left.cells.retain(|cell| !misses(&cell.model));
        if left.cells.len() < all.cells.len() {
            standings::derive(&mut left);
        }
        let command = format!("{} --measure --time 5m", asked.command());
        let (_, said) = said(&left, &dir, &workload, &command)?;
        Ok(Self { dir, workload, all, left, tails, said })
    }

    /// Whether anything is decided: a model is surely worse or as good as the best, or all surely
    /// miss the tail.
    pub(super) fn is_judged(&self) -> bool {
        let all_miss = !self.tails.is_empty() && self.ranked().is_empty();
        let meets =
            self.tails.is_empty() || self.tails.iter().any(|(_, tail)| *tail == Tail::Meets);
        let take = self.left.recommendations.first();
        let sure = take.is_some_and(|take| take.sureness != Sureness::Hint);
        // If only one model meets the tail, there is no comparison.
        let alone = self.ranked().len() == 1 && self.all.ranked(&self.workload).len() > 1;
        all_miss || (meets && (sure || alone))
    }

    fn ranked(&self) -> Vec<&Cell> {
        self.left.ranked(&self.workload)
    }

    /// The sentence, the table, the notes.
    pub(super) fn text(&self, asked: &Asked) -> String {
        let mut text = format!("{}.\n\n{}\n\n", asked.words(), self.sentence(asked));
        let cells = self.all.cells_of(&self.workload);
        if !cells.is_empty() {
            text += &table::alone(&cells, self.left.standings_of(&self.workload));
            text.push('\n');
        }
        for note in self.notes(asked) {
            let _ = write!(text, "\n- {note}");
        }
        table::flowed(&text.replace('`', ""), Some(table::WIDTH)) + "\n"
    }

    /// The recommended models, with the certainty.
    fn sentence(&self, asked: &Asked) -> String {
        let bound = asked.p99.map_or_else(String::new, |p99| show_ns(ns(p99)));
        if self.all.cells.is_empty() {
            let why = answer::answer_sentences(&self.all).into_iter().next().unwrap_or_default();
            return format!("{why} {}", self.more(asked));
        }
        if !self.tails.is_empty() && self.ranked().is_empty() {
            let nearest = self.all.ranked(&self.workload).into_iter();
            let nearest = nearest.filter_map(|cell| Some((cell, TAIL.shown(cell)?.value)));
            let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1));
            let nearest = nearest.map_or_else(String::new, |(cell, value)| {
                format!(" The closest is {}: {}.", cell.model, show_ns_f64(value))
            });
            return format!("No model answers 99 of 100 requests within {bound} here.{nearest}");
        }
        let mut parts = vec![self.said.best.clone()];
        parts.extend(self.said.losses.iter().cloned());
        if !self.tails.is_empty() {
            parts.insert(1, self.tail_words(&bound));
        }
        if !self.is_judged() && !self.said.best.contains(&asked.command()) {
            parts.push(self.more(asked));
        }
        parts.join(" ")
    }

    /// What a decision would take.
    fn more(&self, asked: &Asked) -> String {
        let cells = self.all.ranked(&self.workload);
        let models: Vec<&str> = cells.iter().map(|cell| cell.model.as_str()).collect();
        let models = match &models[..] {
            [] => String::new(),
            some => format!(" --models {}", some.join(",")),
        };
        let others = self.left.verdicts.iter().flat_map(|of| &of.others);
        let rounds = others.filter_map(|other| other.rounds_needed).max();
        let rounds =
            rounds.map_or_else(String::new, |n| format!(" About {n} rounds might decide."));
        let command = asked.command();
        format!(
            "No comparison is decided yet.{rounds} Measure longer: {command}{models} --measure --time 5m"
        )
    }

    fn tail_words(&self, bound: &str) -> String {
        let named = |wanted: Tail| {
            let names = self.tails.iter().filter(|(_, tail)| *tail == wanted);
            names.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let parts = [
            (named(Tail::Meets), "met by"),
            (named(Tail::Misses), "missed by"),
            (named(Tail::Open), "unknown for"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(names, _)| !names.is_empty())
            .map(|(names, words)| format!("{words} {names}"))
            .collect();
        format!("A p99 within {bound} is {}.", parts.join("; "))
    }

    fn notes(&self, asked: &Asked) -> Vec<String> {
        let mut notes = self.said.notes.clone();
        notes.extend(self.cost(asked));
        let run = &self.all.run;
        if let Some(first) = self.all.ranked(&self.workload).first() {
            let load = asked::numbers(first, self.all.host.work_round_ps);
            notes.push(format!("The measured load: {load}."));
        }
        if let Some(rounds) = &run.rounds {
            let ended = rounds.ended_words();
            notes.push(format!(
                "{} {}, until {ended}. All comparisons hold together with {:.0} % confidence.",
                rounds.made,
                if rounds.made == 1 { "round" } else { "rounds" },
                (1.0 - rounds.error) * 100.0
            ));
        }
        notes.push(format!(
            "From {}, started {}, workload {}.",
            self.dir.join("summary.json").display(),
            run.started_at,
            self.workload
        ));
        notes
    }

    /// What the load takes of processors, where it would take more than the servers had.
    fn cost(&self, asked: &Asked) -> Option<String> {
        let cells = self.all.ranked(&self.workload);
        let costs = cells.iter().filter_map(|cell| {
            Some((cell.model.as_str(), cell.server_cpu_per_request_ns.as_ref()?.median))
        });
        let (model, cost) = costs.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let needed = asked.processors(cost);
        let had = match self.all.run.server_cpus.len() {
            0 => self.all.host.cpus,
            some => some,
        };
        (needed > as_f64(had as u64)).then(|| {
            format!(
                "To answer these clients at once, {model} needs {needed:.1} processors ({} of CPU for each \
                 request); the server had {had}. More processors or fewer active clients shorten the wait.",
                show_ns_f64(cost)
            )
        })
    }
}

/// How a cell stands to a bound on its p99, in nanoseconds: by the value of all trials together, and by where the
/// median of the trials' own may be.
fn tail(cell: &Cell, bound: f64, seed: u64) -> Tail {
    let Some(shown) = TAIL.shown(cell) else { return Tail::Open };
    let Some(own) = interval::bootstrap_median(&shown.values, seed) else { return Tail::Open };
    if own.low > bound && shown.value > bound {
        Tail::Misses
    } else if own.high <= bound && shown.value <= bound && !shown.at_least {
        Tail::Meets
    } else {
        Tail::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, pool, summary};
    use std::time::Duration;

    fn asked(p99: Option<Duration>) -> Asked {
        let (wait, cpu) = (Duration::ZERO, Duration::ZERO);
        Asked { clients: 50, active: 50, wait, cpu, rate: None, p99 }
    }

    /// With this throughput, and this p99 in each trial.
    fn cell(model: &str, per_s: f64, p99_ms: u64) -> Cell {
        let mut cell = closed(model, &[0.98, 1.0, 1.01, 0.99, 1.02, 1.0].map(|wave| per_s * wave));
        let p99_ns = p99_ms * 1_000_000;
        let own = [p99_ns - 2, p99_ns - 1, p99_ns, p99_ns, p99_ns + 1, p99_ns + 2];
        pool(&mut cell, 0.99, p99_ns, &own);
        cell
    }

    fn answer(cells: Vec<Cell>, p99_ms: Option<u64>) -> (Answer, String) {
        let asked = asked(p99_ms.map(Duration::from_millis));
        let answer = Answer::of(&asked, summary(cells), "results/x".into(), "echo".into());
        let answer = answer.expect("no trial is there to be read");
        let text = answer.text(&asked);
        (answer, text)
    }

    #[test]
    fn the_first_sentence_says_who_and_by_how_much_and_the_last_note_where_it_is_from() {
        let (answer, text) = answer(vec![cell("epoll", 1e5, 3), cell("fork", 5e4, 3)], None);
        assert!(answer.is_judged());
        assert!(
            text.contains(
                "\nepoll is the best by throughput: 100k replies/s. fork serves 0.50 [0."
            ),
            "{text}"
        );
        assert!(text.contains("From results/x/summary.json, started 2026-01-01"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn who_misses_the_tail_is_not_taken_however_fast() {
        let cells = || vec![cell("epoll", 1e5, 30), cell("fork", 5e4, 3), cell("mio", 2e4, 3)];
        let (answer, text) = answer(cells(), Some(20));
        assert!(answer.is_judged());
        assert!(text.contains("\nfork is the best by throughput"), "{text}");
        let tail = "A p99 within 20.0 ms is met by fork, mio; missed by epoll.";
        assert!(text.replace('\n', " ").contains(tail), "{text}");
    }

    #[test]
    fn where_all_miss_it_the_nearest_is_named() {
        let (answer, text) = answer(vec![cell("epoll", 1e5, 30), cell("fork", 5e4, 50)], Some(20));
        assert!(answer.is_judged());
        let said = "No model answers 99 of 100 requests within 20.0 ms here. The closest is epoll: 30.0 ms.";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn a_tail_that_nobody_knows_is_no_answer() {
        let mut far = cell("epoll", 1e5, 3);
        pool(&mut far, 0.99, 19_000_000, &[1, 1, 1, 30_000_000, 30_000_000, 30_000_000]);
        let (answer, text) =
            answer(vec![far.clone(), Cell { model: "mio".into(), ..far }], Some(20));
        assert!(!answer.is_judged());
        assert!(text.contains("unknown for epoll, mio"), "{text}");
        assert!(
            text.replace('\n', " ").contains("Measure longer: c10k advise --clients 50"),
            "{text}"
        );
    }
}
