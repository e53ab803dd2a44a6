//! System calls for each request.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// System calls of a server for each correct reply, counted in a load of its own that was not timed. Connecting and
/// closing are in it, shared out among the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Syscalls {
    /// All of them together.
    pub per_request: f64,
    /// Each of them, the most frequent first.
    pub by_name: Vec<Syscall>,
    /// Right replies over which they were counted.
    pub requests: u64,
    /// Connections of that load.
    pub connections: usize,
    /// What counted them.
    pub tool: String,
}

/// One system call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Syscall {
    /// Its name.
    pub name: String,
    /// How often it was made for each correct reply.
    pub per_request: f64,
}
