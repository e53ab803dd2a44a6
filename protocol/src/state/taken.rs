//! Taking a step: at once, or where jobs run.

use alloc::boxed::Box;

use super::{Add, AddJob, Added, Held, Refusal, Store};
use crate::app::Pending;
use crate::job::{Done, Job, Outcome};

/// A step of a session that was taken, or how to take it.
pub(crate) enum Taken {
    /// What it came to.
    Now(Added),
    /// It needs work first.
    Later(Pending),
}

/// Takes a step of a session, or returns it as a job.
pub(crate) fn add(
    add: &Add<'_>,
    store: &'static dyn Store,
    held: &mut Option<Box<Held>>,
) -> Result<Taken, Refusal> {
    if store.is_slow() {
        return Ok(Taken::Later(Pending::step(AddJob::new(store, add))));
    }
    let held = held.get_or_insert_default();
    let added = store.add(add, &mut held.kept);
    held.tally.count((add.is_first(), add.is_last()), came_to(&added));
    added.map(Taken::Now)
}

impl Pending {
    /// Counts a step, now that it is done.
    pub(crate) fn count(&self, done: &Done, held: &mut Option<Box<Held>>) {
        if let (Job::Add(add), Outcome::Added(added)) = (&self.job, &done.0) {
            held.get_or_insert_default().tally.count(add.edges(), came_to(added));
        }
    }

    /// Why it was refused, now that the work is done.
    pub(crate) fn refusal(&self, done: &Done) -> Option<Refusal> {
        if let Outcome::Added(added) = &done.0 { came_to(added).err() } else { None }
    }
}

fn came_to(added: &Result<Added, Refusal>) -> Result<(), Refusal> {
    added.as_ref().map(|_| ()).map_err(|refusal| *refusal)
}
