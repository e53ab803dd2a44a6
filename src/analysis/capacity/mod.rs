//! The highest rate under a target: which rate is next, and whether a trial met it.

pub mod goals;
pub(crate) mod search;

pub use goals::Goals;
