//! Other programs that competed for the processors.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many wanted the processors of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Contention {
    /// Processors that are online.
    pub processors: u64,
    /// Threads that ran or waited for a processor just before the load began (in a run, before its server
    /// started), without the one that looked: the least of some looks.
    pub runnable: u64,
    /// Share of the measurement in which some thread waited for a processor; absent
    /// where the kernel does not count it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_share: Option<f64>,
}
