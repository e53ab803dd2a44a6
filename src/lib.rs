//! c10k: one small protocol, served in every way a server can be built, and measured so that
//! the numbers can be believed.
//!
//! This crate is the program. The protocol, the servers and the load generator are crates of
//! their own, which know nothing of it. Its floors, from the ground up; a module uses those below
//! its own floor and none above:
//!
//! 1. `base`: units, what is typed, what is printed, how the program ends
//! 2. `statistics`: intervals, ratios, tests, laws; numbers in, numbers out
//! 3. `document`: what is written down, and how
//! 4. `host`: what this machine is and does, and what a process on it uses
//! 5. `workload`: what is asked of a server, and how its clients behave
//! 6. `analysis`: what follows from what was measured
//! 7. `plan`: experiments as TOML
//! 8. `process`: servers are started, watched and stopped
//! 9. `trial`: one trial: its load, its record, the view of it while it runs
//! 10. `view`: what people and other tools read: terminal, page, exports
//! 11. `run`: many trials: their order, resuming, the summary
//! 12. `command`: one file or folder a command, with its arguments; `cli`: which one is meant
//!
//! What is public is what the tests and the benchmarks use.

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
