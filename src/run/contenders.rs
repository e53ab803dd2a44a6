//! Contenders during a run: each is warmed up until its speed is steady, and a contender that fails
//! ends only its own row.

use std::time::Duration;

use anyhow::Result;

use super::slots::Slot;
use super::{Run, trial};
use crate::analysis::steadiness::longer_warmup;
use crate::base::exit::words;
use crate::base::note;
use crate::base::units::ns;
use crate::document::{ContenderState, ContenderWarmup, RunRecord, Trial};

/// The result of a contender's warm-up.
pub(super) enum Warmed {
    /// It can be measured; other servers always can.
    Ready,
    /// It ended during the warm-up, which the record says.
    Died,
    /// The run was interrupted meanwhile.
    Interrupted,
}

/// Finds the warm-up of a slot's contender under its workload, if that is yet to be found: load is put on fresh servers,
/// each time with a longer warm-up, until the measurement begins warm. Every trial after that has the warm-up that was
/// found.
///
/// # Errors
/// When what is not the contender's fails.
pub(super) fn warm_up(run: &mut Run, slot: &Slot<'_>, base: f64) -> Result<Warmed> {
    let name = slot.candidate.subject.name();
    let own = run.record.contenders.iter().enumerate().find(|(_, one)| one.name == name);
    let longest = own.and_then(|(at, one)| Some((at, Duration::from_nanos(one.warmup_max_ns?))));
    let Some((at, longest)) =
        longest.filter(|_| run.record.warmup_of(name, &slot.workload.name).is_none())
    else {
        return Ok(Warmed::Ready);
    };
    let mut warmup = run.plan.warmup.min(longest);
    for trials in 1.. {
        let workload = slot.workload.name.clone();
        let tried = ContenderWarmup { workload, warmup_ns: ns(warmup), trials, warm: true };
        run.record.contenders[at].warmups.push(tried);
        let made = trial::make(run, slot, base);
        let Some(trial) = survived(&mut run.record, slot, made)? else { return Ok(Warmed::Died) };
        let warmups = &mut run.record.contenders[at].warmups;
        if trial.phases.interrupted {
            warmups.pop();
            return Ok(Warmed::Interrupted);
        }
        let Some(longer) = longer_warmup(&trial, warmup, longest) else {
            let is_warm = longer_warmup(&trial, Duration::ZERO, longest).is_none();
            warmups.iter_mut().rev().take(1).for_each(|last| last.warm = is_warm);
            return Ok(Warmed::Ready);
        };
        warmups.pop();
        warmup = longer;
    }
    Ok(Warmed::Ready)
}

/// Whether the slot is of a contender that has died before.
pub(super) fn has_died(record: &RunRecord, slot: &Slot<'_>) -> bool {
    let name = slot.candidate.subject.name();
    record.contenders.iter().any(|one| one.name == name && one.state == ContenderState::Died)
}

/// The trial, or nothing where it is a contender's that could not be measured, of which the record then
/// says why.
///
/// # Errors
/// When it is anybody else's that could not be.
pub(super) fn survived(
    record: &mut RunRecord,
    slot: &Slot<'_>,
    trial: Result<Trial>,
) -> Result<Option<Trial>> {
    let name = slot.candidate.subject.name();
    let contender = record.contenders.iter_mut().find(|one| one.name == name);
    match (trial, contender) {
        (Ok(trial), _) => Ok(Some(trial)),
        (Err(error), None) => Err(error),
        (Err(error), Some(contender)) => {
            let reason = words(&error);
            note!("{name} is no longer measured: {reason}");
            (contender.state, contender.reason) = (ContenderState::Died, Some(reason));
            Ok(None)
        }
    }
}
