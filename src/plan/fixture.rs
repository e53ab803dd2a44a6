//! A plan for tests: a closed workload, and one that takes its rate from it.

use super::Plan;

/// As it is written.
pub(crate) const TWO_PARTS: &str = concat!(
    r#"
name = "two-parts"
question = "What comes after what?"
models = ["poll", "epoll", "mio"]
trials = 3
connections = 50
warmup = "100ms"
measure = "184ms"
drain = "150ms"

"#,
    include_str!("../../tests/support/workloads.toml"),
    r#"
[[workload]]
name = "echo-open"
request = { kind = "echo", bytes = 64 }
arrivals = { kind = "poisson", share = 0.3, of = "echo" }
"#,
);

impl Plan {
    /// Three workloads, the last of which waits for the first.
    pub(crate) fn of_two_parts() -> Self {
        Self::parse(TWO_PARTS).expect("it is in order")
    }
}
