//! The search for the highest rate that meets a target: which rate to try next. It knows neither
//! servers nor clocks.
//!
//! Double (or halve) the rate until one rate meets the target and one does not, bisect between them
//! to 2 %, repeat both edges, and confirm the lower edge with a longer trial. A rate that is tried
//! again counts by the majority of three.

/// The search ends when met and missed rates are within this ratio.
const RESOLUTION: f64 = 1.02;
/// A generator at its limit is not that exact.
const RESOLUTION_LIMITED: f64 = 1.10;
/// Trials after which the search gives up.
const TRIALS_MAX: u32 = 80;

/// The result of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The target was met.
    Met,
    /// It was not.
    Missed,
    /// There were too few samples to tell.
    TooFew,
    /// The generator or the machine could not tell.
    Limited,
}

/// What a trial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Finding one rate that meets the target and one that does not.
    Climb,
    /// Narrowing down between them.
    Bisect,
    /// Trying an edge again.
    Repeat,
    /// A longer trial of the found rate.
    Confirm,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Climb => "climb",
            Self::Bisect => "bisect",
            Self::Repeat => "repeat",
            Self::Confirm => "confirm",
        }
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Found {
    /// This rate meets the target, and the other one does not.
    Capacity { rate: f64, missed: f64 },
    /// This rate meets it, and the generator could not ask for much more.
    AtLeast { rate: f64 },
    /// No rate down to this one meets it.
    NotMet { down_to: f64 },
    /// Verdicts contradict each other, or none was possible.
    Unsettled { met: Option<f64> },
}

/// A rate and its result.
#[derive(Clone, Copy, Debug)]
struct Edge {
    rate: f64,
    met: u32,
    missed: u32,
}

impl Edge {
    fn new(rate: f64, met: bool) -> Self {
        Self { rate, met: u32::from(met), missed: u32::from(!met) }
    }

    fn is_settled(&self) -> bool {
        self.met.max(self.missed) >= 2
    }
}

/// A search under way.
#[derive(Debug)]
pub(crate) struct Search {
    /// No rate below is tried.
    floor: f64,
    /// Rates that met the target, ascending, below all of `missed`.
    met: Vec<Edge>,
    /// Rates that did not, descending.
    missed: Vec<Edge>,
    /// The lowest rate at which the generator was at its limit, twice.
    limited: Option<f64>,
    step: (f64, Stage),
    /// The last trial at this rate was of no use, and it is the second try.
    again: bool,
    trials: u32,
    found: Option<Found>,
}

impl Search {
    /// Begins at `first` and does not go below `floor`.
    pub(crate) fn new(first: f64, floor: f64) -> Self {
        Self {
            floor,
            met: Vec::new(),
            missed: Vec::new(),
            limited: None,
            step: (first.max(floor), Stage::Climb),
            again: false,
            trials: 0,
            found: None,
        }
    }

    /// The rate of the next trial and what it is for, or the end.
    pub(crate) fn next(&self) -> Result<(f64, Stage), Found> {
        self.found.map_or(Ok(self.step), Err)
    }

    /// Takes the verdict on the trial of [`next`](Self::next).
    pub(crate) fn saw(&mut self, verdict: Verdict) {
        let (rate, stage) = self.step;
        self.trials += 1;
        let again = std::mem::replace(&mut self.again, false);
        match (verdict, stage) {
            // A spell of the machine may be over the next time.
            (Verdict::Limited, _) if !again => {
                self.again = true;
                return self.give_up_at_last();
            }
            (Verdict::Limited, Stage::Confirm) => {
                self.found = Some(Found::AtLeast { rate });
                return;
            }
            (Verdict::Limited, _) => self.hit_the_generators_limit(rate),
            (Verdict::Met, Stage::Confirm) => return self.confirmed(rate),
            (_, Stage::Confirm) => return self.refuted(rate),
            // More requests are more samples.
            (Verdict::TooFew, Stage::Climb) if self.met.is_empty() && self.missed.is_empty() => {
                self.step.0 = rate * 2.0;
                return self.give_up_at_last();
            }
            (verdict, _) => self.note(rate, verdict == Verdict::Met),
        }
        self.choose();
        self.give_up_at_last();
    }

    fn note(&mut self, rate: f64, met: bool) {
        let is_this = |edge: &&mut Edge| edge.rate == rate;
        let known = self.met.iter_mut().chain(&mut self.missed).find(is_this);
        let Some(edge) = known else {
            let edge = Edge::new(rate, met);
            if met {
                self.met.push(edge)
            } else {
                self.missed.push(edge)
            }
            return;
        };
        if met {
            edge.met += 1
        } else {
            edge.missed += 1
        }
        let edge = *edge;
        // The majority is the other way now: the edge moves.
        if edge.met > edge.missed && self.missed.last().is_some_and(|e| e.rate == rate) {
            self.missed.pop();
            self.met.push(edge);
        } else if edge.missed > edge.met && self.met.last().is_some_and(|e| e.rate == rate) {
            self.met.pop();
            self.missed.push(edge);
        }
    }

    fn hit_the_generators_limit(&mut self, rate: f64) {
        self.limited = Some(self.limited.map_or(rate, |limited| limited.min(rate)));
        // The earlier success at this rate was luck.
        self.met.retain(|edge| edge.rate < rate);
        self.missed.retain(|edge| edge.rate < rate);
    }

    /// The lowest rate that cannot be, and whether it is the server's.
    fn ceiling(&self) -> Option<(f64, bool)> {
        let missed = self.missed.last().map(|edge| (edge.rate, true));
        missed.or(self.limited.map(|rate| (rate, false)))
    }

    fn choose(&mut self) {
        let low = self.met.last().copied();
        self.step = match (low, self.ceiling()) {
            (Some(low), None) => (low.rate * 2.0, Stage::Climb),
            (None, Some((high, _))) if high <= self.floor => {
                self.found = Some(Found::NotMet { down_to: high });
                return;
            }
            (None, Some((high, _))) => ((high / 2.0).max(self.floor), Stage::Climb),
            (None, None) => (self.step.0 * 2.0, Stage::Climb),
            (Some(low), Some((high, servers))) => {
                let resolution = if servers { RESOLUTION } else { RESOLUTION_LIMITED };
                let edge = self.missed.last().filter(|edge| servers && !edge.is_settled());
                if high / low.rate > resolution {
                    ((high * low.rate).sqrt(), Stage::Bisect)
                } else if !low.is_settled() {
                    (low.rate, Stage::Repeat)
                } else if let Some(edge) = edge {
                    (edge.rate, Stage::Repeat)
                } else {
                    (low.rate, Stage::Confirm)
                }
            }
        };
    }

    fn confirmed(&mut self, rate: f64) {
        self.found = Some(match self.ceiling() {
            Some((missed, true)) => Found::Capacity { rate, missed },
            _ => Found::AtLeast { rate },
        });
    }

    /// The longer trial missed the target: step down until a rate is confirmed.
    fn refuted(&mut self, rate: f64) {
        self.met.retain(|edge| edge.rate < rate);
        self.missed.push(Edge { rate, met: 0, missed: 2 });
        let below = rate / RESOLUTION;
        self.step = (below, Stage::Confirm);
        if below < self.floor {
            self.found = Some(Found::NotMet { down_to: rate });
        }
        self.give_up_at_last();
    }

    fn give_up_at_last(&mut self) {
        let impossible = !loadgen::schedule::RATE_PER_S.contains(&self.step.0);
        if self.found.is_none() && (self.trials >= TRIALS_MAX || impossible) {
            self.found = Some(Found::Unsettled { met: self.met.last().map(|edge| edge.rate) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a server that is a function from rate and stage to verdict. Returns what was found
    /// and the trials.
    fn find(
        first: f64,
        floor: f64,
        mut server: impl FnMut(f64, Stage) -> Verdict,
    ) -> (Found, Vec<(f64, Stage)>) {
        let mut search = Search::new(first, floor);
        let mut trials = Vec::new();
        loop {
            match search.next() {
                Err(found) => return (found, trials),
                Ok((rate, stage)) => {
                    trials.push((rate, stage));
                    search.saw(server(rate, stage));
                }
            }
        }
    }

    fn up_to(capacity: f64) -> impl Fn(f64, Stage) -> Verdict {
        move |rate, _| if rate <= capacity { Verdict::Met } else { Verdict::Missed }
    }

    #[test]
    fn an_exact_server_is_found_to_two_percent_from_wherever_the_search_begins() {
        for capacity in [37.0, 1_000.0, 41_200.0, 999_999.0] {
            for first in [40.0, 1_000.0, 500_000.0] {
                let (found, trials) = find(first, 1.0, up_to(capacity));
                let Found::Capacity { rate, missed } = found else { panic!("{found:?}") };
                assert!(rate <= capacity && capacity < missed, "{found:?}");
                assert!(missed / rate <= 1.02, "{found:?}");
                assert!(trials.len() <= 30, "{} trials", trials.len());
                let at = |rate: f64| trials.iter().filter(|trial| trial.0 == rate).count();
                assert!((at(rate), at(missed)) == (3, 2), "edges are repeated: {trials:?}");
                assert_eq!(trials.last(), Some(&(rate, Stage::Confirm)));
            }
        }
    }

    #[test]
    fn a_server_of_chance_is_found_about_where_it_is() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (found, trials) = find(1_000.0, 10.0, |rate, _| {
                // The odds fall from one to nothing within some percent around 20,000.
                let odds = 1.0 / (1.0 + ((rate / 20_000.0 - 1.0) / 0.01).exp());
                if random.f64() < odds { Verdict::Met } else { Verdict::Missed }
            });
            let Found::Capacity { rate, .. } = found else { panic!("seed {seed}: {found:?}") };
            assert!((18_500.0..20_800.0).contains(&rate), "seed {seed}: {found:?}");
            assert!(trials.len() < 60, "seed {seed}: {} trials", trials.len());
        }
    }

    #[test]
    fn one_stray_verdict_at_an_edge_changes_nothing() {
        // Every trial is wrong once, by its place; the search must come out near all the same.
        let (_, trials) = find(1_000.0, 10.0, up_to(20_000.0));
        for stray in 0..trials.len() {
            let mut at = 0;
            let (found, _) = find(1_000.0, 10.0, |rate, _| {
                at += 1;
                match (rate <= 20_000.0) == (at - 1 != stray) {
                    true => Verdict::Met,
                    false => Verdict::Missed,
                }
            });
            let Found::Capacity { rate, .. } = found else { panic!("stray {stray}: {found:?}") };
            assert!((19_000.0..20_400.1).contains(&rate), "stray {stray}: {found:?}");
        }
    }

    #[test]
    fn a_generator_at_its_limit_is_no_failure() {
        let server = |rate: f64, _| if rate <= 70_000.0 { Verdict::Met } else { Verdict::Limited };
        let (found, _) = find(1_000.0, 10.0, server);
        let Found::AtLeast { rate } = found else { panic!("{found:?}") };
        assert!((70_000.0 / 1.11..=70_000.0).contains(&rate), "{found:?}");
    }

    #[test]
    fn a_server_that_fails_below_the_generators_limit_has_a_capacity() {
        let server = |rate: f64, stage| match rate {
            rate if rate > 70_000.0 => Verdict::Limited,
            rate => up_to(66_000.0)(rate, stage),
        };
        let (found, _) = find(1_000.0, 10.0, server);
        assert!(matches!(found, Found::Capacity { rate, .. } if rate > 64_000.0), "{found:?}");
    }

    #[test]
    fn a_spell_of_the_machine_is_waited_out() {
        for spell in 0..20 {
            let mut at = 0;
            let (found, _) = find(1_000.0, 10.0, |rate, stage| {
                at += 1;
                if at - 1 == spell { Verdict::Limited } else { up_to(20_000.0)(rate, stage) }
            });
            let Found::Capacity { rate, .. } = found else { panic!("spell {spell}: {found:?}") };
            assert!((19_600.0..=20_000.0).contains(&rate), "spell {spell}: {found:?}");
        }
    }

    #[test]
    fn what_a_longer_trial_refutes_is_stepped_down_from() {
        let (found, trials) = find(1_000.0, 10.0, |rate, stage| {
            let capacity = if stage == Stage::Confirm { 18_000.0 } else { 20_000.0 };
            up_to(capacity)(rate, stage)
        });
        let Found::Capacity { rate, missed } = found else { panic!("{found:?}") };
        assert!(rate <= 18_000.0 && rate > 17_600.0 && missed / rate <= 1.021, "{found:?}");
        assert!(trials.iter().filter(|trial| trial.1 == Stage::Confirm).count() > 1);
    }

    #[test]
    fn a_target_that_nothing_meets_ends_at_the_floor() {
        let (found, _) = find(1_000.0, 60.0, |_, _| Verdict::Missed);
        assert_eq!(found, Found::NotMet { down_to: 60.0 });
        let (found, trials) = find(1_000.0, 60.0, |_, _| Verdict::TooFew);
        assert_eq!(found, Found::Unsettled { met: None }, "{}", trials.len());
        assert!(trials.iter().all(|(rate, _)| *rate >= 1_000.0), "more requests, more samples");
    }
}
