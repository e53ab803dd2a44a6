//! Trials by rounds, until every comparison is decided or the time is over.
//!
//! In a round, the models of a workload are measured one after the other, in an order that the seed
//! decides, with the null baseline among them; compared trials are seconds apart. After the rounds
//! that the plan names, an interim look judges the trials, with a part of the error each time, and
//! decided cells are not measured any more. Trials that the machine spoiled are repeated at once,
//! beside their neighbours.
//!
//! One run has one side. A comparison has two: then each trial has a neighbour on the other side.

mod cells;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::progress::Rounds as Progress;
use super::slots::Slot;
use super::{Run, spoiled, subject, trial};
use crate::base::note;
use crate::base::units::ns;
use crate::document::{Cell, Ended, LookRecord, RoundsRecord, Trial, store};
use crate::plan::{Plan, RoundsPlan};
use crate::statistics::looks::Look;
use cells::Cells;

/// After so many rounds one sees that a server does not do what it is asked for.
const FAULTY_AFTER: u32 = 3;

/// The cells of each side so far, and the looks at them: which cells, by workload and model, need no more trials.
pub(crate) type Decide<'a> = dyn FnMut(&[Vec<Cell>], &[Look]) -> Vec<(String, String)> + 'a;

/// What came of a slot.
enum Made {
    /// A trial that counts.
    Counts(Box<Trial>),
    /// All attempts were spoiled.
    Spoiled,
    /// The run is to end.
    Interrupted,
}

/// Makes the trials of these sides. What was made before is taken up.
///
/// # Errors
/// When a server does not start, or a document cannot be written.
pub(crate) fn make(sides: &mut [Run], decide: &mut Decide<'_>) -> Result<()> {
    let plans: Vec<Plan> = sides.iter().map(|side| side.plan.clone()).collect();
    let first = plans.first().context("one side at least")?;
    let rule = first.rounds.clone().context("the plan has rounds")?;
    let mut record = sides[0].record.rounds.clone().unwrap_or_else(|| begun(first, &rule));
    if record.ended.is_some() {
        note!("every comparison is already decided");
        return Ok(());
    }
    for side in sides.iter() {
        std::fs::create_dir_all(spoiled::folder(side.dir()))?;
    }
    let clock = Clock { began: Instant::now(), before: Duration::from_nanos(record.took_ns) };
    let mut cells = Cells::from_plans(&plans)?;
    let progress = Progress::new(first, rule.time);
    // Resumed, all rounds are gone through again, and trials that are there are read.
    record.looks.clear();
    let ended = loop {
        let made = cells.rounds();
        if made == first.trials {
            break Some(Ended::Rounds);
        }
        if cells.are_decided() {
            break Some(Ended::Decided);
        }
        if made > 0 && clock.is_over(&rule, cells.next_takes()) {
            break Some(Ended::Time);
        }
        if !round(sides, &mut cells, (&rule, &clock), &progress)? {
            break None;
        }
        let made = cells.finish_round();
        record.made = made;
        record.took_ns = ns(clock.elapsed());
        if made == FAULTY_AFTER && !rule.is_look(made, first.trials) {
            cells.retire(&decide(&cells.so_far()?, &[]));
        }
        if rule.is_look(made, first.trials) {
            look(&mut record, &rule, (made, made == first.trials), first.trials);
            cells.retire(&decide(&cells.so_far()?, &record.looks()));
            progress.looked(made, cells.decided());
        }
        for side in sides.iter_mut() {
            side.record.rounds = Some(record.clone());
        }
    };
    record.ended = ended;
    let seen = record.looks.last().map_or(0, |look| look.rounds);
    if ended.is_some() && record.made > 0 && (seen < record.made || record.looks.is_empty()) {
        let made = record.made;
        look(&mut record, &rule, (made, true), first.trials);
    }
    record.took_ns = ns(clock.elapsed());
    for side in sides.iter_mut() {
        side.record.rounds = Some(record.clone());
    }
    Ok(())
}

fn begun(plan: &Plan, rule: &RoundsPlan) -> RoundsRecord {
    RoundsRecord {
        planned: plan.trials,
        made: 0,
        error: rule.error,
        looks: Vec::new(),
        time_ns: ns(rule.time),
        took_ns: 0,
        spoiled: BTreeMap::new(),
        ended: None,
    }
}

/// How long a run takes, over all times that it was resumed.
struct Clock {
    began: Instant,
    before: Duration,
}

impl Clock {
    fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    /// Whether there is no time for something that takes so long.
    fn is_over(&self, rule: &RoundsPlan, takes: Duration) -> bool {
        self.elapsed() + takes > rule.time
    }
}

/// Writes down a look after so many rounds.
fn look(record: &mut RoundsRecord, rule: &RoundsPlan, (made, is_last): (u32, bool), planned: u32) {
    let gone = record.looks.iter().map(|look| look.error).sum();
    let error = rule.spend(made, planned, gone, is_last);
    record.looks.push(LookRecord { rounds: made, error });
}

/// One round over all undecided workloads; whether it was not interrupted.
fn round(
    sides: &mut [Run],
    cells: &mut Cells<'_>,
    (rule, clock): (&RoundsPlan, &Clock),
    progress: &Progress,
) -> Result<bool> {
    for (place, slot) in cells.next_round()? {
        // Where trials are spoiled again and again a round takes longer than any before it.
        if clock.elapsed() > rule.time && cells.rounds() > 0 {
            return Ok(true);
        }
        progress.at(cells.rounds(), &slot, rule.time.saturating_sub(clock.elapsed()));
        let began = Instant::now();
        let made = one(&mut sides[place.side()], &slot, rule)?;
        cells.took(began.elapsed());
        match made {
            Made::Counts(trial) => cells.enter(place, slot.file(), *trial),
            Made::Spoiled => {}
            Made::Interrupted => return Ok(false),
        }
    }
    Ok(true)
}

/// One slot: the trial that is there, or a new one, made again as often as the rule allows.
fn one(run: &mut Run, slot: &Slot<'_>, rule: &RoundsPlan) -> Result<Made> {
    let path = run.path(slot);
    if path.is_file() {
        return Ok(Made::Counts(Box::new(store::read_json(&path)?)));
    }
    let before = spoiled::attempts(run.dir(), slot);
    for attempt in before..=rule.again as usize {
        let mut trial = trial::make(run, slot, 1.0)
            .with_context(|| format!("{} under {}", slot.candidate, slot.workload.name))?;
        if trial.phases.interrupted || run.stop.load(Ordering::Relaxed) {
            return Ok(Made::Interrupted);
        }
        if let Some(check) = spoiled::by(&trial, &rule.spoils) {
            let file = run.dir().join(spoiled::file(slot, attempt, &check));
            trial.run.spoiled = Some(check);
            store::write_json(&file, &trial)?;
            continue;
        }
        store::write_json(&path, &trial)?;
        if let Some(note) = subject::unseen(slot.candidate.subject, &trial) {
            run.note(note);
        }
        return Ok(Made::Counts(Box::new(trial)));
    }
    Ok(Made::Spoiled)
}

#[cfg(test)]
#[path = "tests/rounds.rs"]
mod tests;
