//! c10k: one small protocol, served in every way a server can be built, and measured with
//! trustworthy numbers.
//!
//! This crate is the program. The protocol, the servers and the load generator are separate crates
//! that do not depend on it. Its floors, from the ground up (a module uses the floors below its own
//! and none above):
//!
//! 1. `base`: units, parsed values, printing, exit codes
//! 2. `statistics`: intervals, ratios, tests, laws; numbers in, numbers out
//! 3. `document`: the documents and their storage
//! 4. `host`: the machine, and the resources that processes use
//! 5. `workload`: requests, arrivals and the conduct of clients
//! 6. `analysis`: conclusions from measurements
//! 7. `plan`: experiments as TOML
//! 8. `process`: starting, watching and stopping servers
//! 9. `trial`: one trial: its load, its record, its live display
//! 10. `view`: output for people and other tools: terminal, page, exports
//! 11. `run`: many trials: their order, resuming, the summary
//! 12. `command`: one file or folder for each command, with its arguments; `cli`: the dispatch
//!
//! Public items are those that tests and benchmarks use.

// Where standard error has no reader any more, `eprintln!` panics: `base::note!` does not.
#![warn(clippy::print_stderr)]
#![allow(
    unreachable_pub,
    unnameable_types,
    reason = "a floor is open to the whole program, and only a few of its parts to others"
)]

mod analysis;
mod base;
mod cli;
mod command;
pub mod document;
mod host;
mod plan;
mod process;
mod run;
pub mod statistics;
mod trial;
mod view;
mod workload;

pub use analysis::standings;
pub use base::{print, units};
pub use cli::main;
pub use command::{check, lab};
pub use document::store;
pub use host::{accounts, machine, sockets};
pub use process::{ServeArgs, child, interrupts, redis};
pub use view::{page, table};
