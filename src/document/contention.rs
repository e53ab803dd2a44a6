//! Who else wanted the processors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many wanted the processors of the machine, this program and its servers with the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contention {
    /// Processors that are online.
    pub processors: u64,
    /// Threads that ran or waited for a processor just before the load began, this program's own
    /// with them: the least of some looks.
    pub runnable: u64,
    /// Share of the warm-up and the measurement in which some thread waited for a processor; absent
    /// where the kernel does not count it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_share: Option<f64>,
}
