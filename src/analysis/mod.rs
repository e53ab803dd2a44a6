//! Analysis of measurements: checks, standings, sweeps and capacity.

pub mod capacity;
pub mod checks;
pub mod doubt;
pub mod flags;
pub mod metric;
pub mod pooled;
pub(crate) mod renewed;
pub mod soak;
pub mod standings;
pub mod steadiness;
pub mod sweeps;
#[cfg(test)]
pub(crate) mod synthetic;
pub mod timers;
