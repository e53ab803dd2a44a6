//! Contenders while they are measured: one that fails ends its own row and nothing else.

use anyhow::Result;

use super::slots::Slot;
use crate::base::exit::words;
use crate::document::{ContenderState, RunRecord, Trial};

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
            eprintln!("{name} is no longer measured: {reason}");
            (contender.state, contender.reason) = (ContenderState::Died, Some(reason));
            Ok(None)
        }
    }
}
