//! The cells during a run by rounds: their trials so far, and which of them need no more.

use std::time::Duration;

use anyhow::Result;

use crate::base::units::as_f64;
use crate::document::{Cell, Trial};
use crate::plan::{Candidate, Plan, Workload, reference};
use crate::run::slots::Slot;
use crate::run::summary;

/// A cell, or a null baseline, of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The cell with this number.
    Cell(usize, usize),
    /// The null baseline beside a workload.
    Reference,
}

impl Place {
    /// The side that it is measured on. The null baseline is that of the first.
    pub(super) fn side(self) -> usize {
        match self {
            Self::Cell(side, _) => side,
            Self::Reference => 0,
        }
    }
}

/// One cell.
struct Own<'a> {
    side: usize,
    workload: usize,
    candidate: Candidate<'a>,
    files: Vec<String>,
    trials: Vec<Trial>,
    decided: bool,
}

/// All of them.
pub(super) struct Cells<'a> {
    plans: &'a [Plan],
    all: Vec<Own<'a>>,
    rounds: u32,
    position: u32,
    /// What the last round took, and how many trials it had.
    last: (Duration, usize),
    now: (Duration, usize),
}

impl<'a> Cells<'a> {
    pub(super) fn from_plans(plans: &'a [Plan]) -> Result<Self> {
        let mut all = Vec::new();
        for (side, plan) in plans.iter().enumerate() {
            let candidates = plan.candidates()?;
            for (at, workload) in plan.workloads.iter().enumerate() {
                let measured = candidates.iter().filter(|c| plan.measures(workload, **c));
                all.extend(measured.map(|candidate| Own {
                    side,
                    workload: at,
                    candidate: *candidate,
                    files: Vec::new(),
                    trials: Vec::new(),
                    decided: false,
                }));
            }
        }
        let none = (Duration::ZERO, 0);
        Ok(Self { plans, all, rounds: 0, position: 0, last: none, now: none })
    }

    /// Rounds that were made.
    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    pub(super) fn are_decided(&self) -> bool {
        self.all.iter().all(|own| own.decided)
    }

    /// How many are decided, and how many there are.
    pub(super) fn decided(&self) -> (usize, usize) {
        (self.all.iter().filter(|own| own.decided).count(), self.all.len())
    }

    /// The slots of the next round, workload by workload, in an order that the seed decides whatever is decided: so
    /// a run that is resumed has the same.
    pub(super) fn next_round(&mut self) -> Result<Vec<(Place, Slot<'a>)>> {
        let plan = &self.plans[0];
        let turn = |of: u64| {
            let seed = plan.seed ^ (u64::from(self.rounds) << 32 | of);
            fastrand::Rng::with_seed(seed)
        };
        let mut workloads: Vec<usize> = (0..plan.workloads.len()).collect();
        turn(u64::from(u32::MAX)).shuffle(&mut workloads);
        let mut slots = Vec::new();
        for workload in workloads {
            let mut random = turn(workload as u64);
            let mut order = self.pairs(workload);
            random.shuffle(&mut order);
            order.iter_mut().for_each(|pair| random.shuffle(pair));
            let place = random.usize(..=order.len());
            let live = |at: &usize| !self.all[*at].decided;
            let mut places: Vec<Vec<Place>> = order
                .iter()
                .map(|pair| {
                    pair.iter()
                        .copied()
                        .filter(live)
                        .map(|at| Place::Cell(self.all[at].side, at))
                        .collect()
                })
                .collect();
            if places.iter().all(Vec::is_empty) {
                continue;
            }
            if plan.reference {
                places.insert(place, vec![Place::Reference]);
            }
            for place in places.into_iter().flatten() {
                slots.push((place, self.slot(place, workload)));
                self.position += 1;
            }
        }
        Ok(slots)
    }

    /// The cells of a workload; those of all sides of one candidate lie together.
    fn pairs(&self, workload: usize) -> Vec<Vec<usize>> {
        let mut pairs: Vec<(String, Vec<usize>)> = Vec::new();
        for (at, own) in self.all.iter().enumerate().filter(|(_, own)| own.workload == workload) {
            let name = own.candidate.to_string();
            match pairs.iter_mut().find(|(other, _)| *other == name) {
                Some((_, pair)) => pair.push(at),
                None => pairs.push((name, vec![at])),
            }
        }
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }

    fn slot(&self, place: Place, workload: usize) -> Slot<'a> {
        let (block, position) = (self.rounds, self.position);
        let own: &'a Workload = &self.plans[place.side()].workloads[workload];
        match place {
            Place::Cell(_, at) => Slot {
                workload: own,
                candidate: self.all[at].candidate,
                block,
                position,
                beside: None,
            },
            Place::Reference => {
                let (workload, candidate) = reference(false);
                Slot { workload, candidate, block, position, beside: Some(own) }
            }
        }
    }

    /// Takes a trial in.
    pub(super) fn enter(&mut self, place: Place, file: String, trial: Trial) {
        if let Place::Cell(_, at) = place {
            let own = &mut self.all[at];
            own.files.push(file);
            own.trials.push(trial);
        }
    }

    /// A trial took so long.
    pub(super) fn took(&mut self, time: Duration) {
        self.now = (self.now.0 + time, self.now.1 + 1);
    }

    /// A round is over; how many there are now.
    pub(super) fn finish_round(&mut self) -> u32 {
        (self.last, self.now) = (self.now, (Duration::ZERO, 0));
        self.rounds += 1;
        self.rounds
    }

    /// About how long the next round takes: as long for each trial as the last did.
    pub(super) fn next_takes(&self) -> Duration {
        let live = self.all.iter().filter(|own| !own.decided).count();
        let (time, trials) = self.last;
        if trials == 0 {
            return time;
        }
        time.mul_f64(as_f64(live as u64) / as_f64(trials as u64))
    }

    /// Those of a workload and model that are measured no more, on all sides.
    pub(super) fn retire(&mut self, decided: &[(String, String)]) {
        let plans = self.plans;
        for own in &mut self.all {
            let workload = &plans[own.side].workloads[own.workload].name;
            let name = own.candidate.to_string();
            own.decided |= decided.iter().any(|(of, model)| of == workload && *model == name);
        }
    }

    /// The cells of each side, summed up as far as they are.
    pub(super) fn so_far(&self) -> Result<Vec<Vec<Cell>>> {
        let mut sides = vec![Vec::new(); self.plans.len()];
        for own in &self.all {
            let workload = &self.plans[own.side].workloads[own.workload];
            let cell = summary::cell(workload, own.candidate, own.files.clone(), &own.trials);
            sides[own.side].extend(cell);
        }
        Ok(sides)
    }
}
