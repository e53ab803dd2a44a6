//! The progress display of a run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::slots::{Slot, time_needed};
use crate::base::note;
use crate::base::units::counted;
use crate::plan::{ArrivalsPlan, Plan};

/// A bar on a terminal, a line a block elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
    blocks: RefCell<BTreeSet<(bool, u32)>>,
}

impl Progress {
    pub(super) fn new(plan: &Plan, todo: &[Slot<'_>]) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(todo.len() as u64), target);
        let template = "{bar:30} {pos}/{len} trials, {eta} left  {wide_msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is in order"));
        let time = humantime::format_duration(time_needed(plan, todo));
        note!("{}: {}, about {time}", plan.name, counted(todo.len(), "trial"));
        Self { bar, blocks: RefCell::default() }
    }

    pub(super) fn at(&self, slot: &Slot<'_>) {
        self.bar.set_message(format!("{} {}", slot.workload.name, slot.candidate));
        let open = slot.workload.arrivals != ArrivalsPlan::Closed;
        // Workloads of a matrix take turns, so a block is told of when it begins.
        if self.bar.is_hidden() && self.blocks.borrow_mut().insert((open, slot.block)) {
            let arrivals = if open { "open" } else { "closed" };
            let (made, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            note!("{made} of {all} trials done; {arrivals} loop, block {}", slot.block + 1);
        }
    }

    pub(super) fn made_one(&self) {
        self.bar.inc(1);
    }
}

/// A run by rounds: a bar of rounds on a terminal, a line for each look elsewhere.
pub(super) struct Rounds {
    bar: ProgressBar,
}

impl Rounds {
    pub(super) fn new(plan: &Plan, time: Duration) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(u64::from(plan.trials)), target);
        let template = "{bar:30} round {pos} of {len} at most  {wide_msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is in order"));
        let time = humantime::format_duration(Duration::from_secs(time.as_secs()));
        note!("{}: until every comparison is decided, at most {time}", plan.name);
        Self { bar }
    }

    pub(super) fn at(&self, rounds: u32, slot: &Slot<'_>, left: Duration) {
        self.bar.set_position(u64::from(rounds));
        let what = format!("{} {}", slot.workload.name, slot.candidate);
        self.bar.set_message(format!("{what}; at most {} s left", left.as_secs()));
    }

    pub(super) fn looked(&self, rounds: u32, (decided, all): (usize, usize)) {
        if self.bar.is_hidden() {
            note!("after round {rounds}: {decided} of {all} cells are decided");
        }
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
