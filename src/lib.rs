//! c10k: one small protocol, served in every way a server can be built, and measured so that
//! the numbers can be believed.
//!
//! This crate is the program. The protocol, the servers and the load generator are crates of
//! their own, which know nothing of it.
//!
//! - [`cli`]: what is typed, and the exit code
//! - [`serve`], [`load`], [`run`], [`check`]: the commands that do something
//! - [`child`]: a server of ours as a child process
//! - [`plan`]: experiments as TOML
//! - [`accounts`]: what a process used
//! - [`checks`]: when a figure is not what it seems
//! - [`document`]: what is written down, [`record`]: from what, and [`store`]: how
//! - [`standings`]: what follows from a summary's figures: intervals, verdicts
//! - [`table`] and [`report`]: what people read
//! - [`machine`]: what this machine is, and pinning to its processors
//! - [`units`]: durations, sizes and rates as people write them

pub mod accounts;
pub mod check;
pub mod checks;
pub mod child;
pub mod cli;
pub mod compare;
pub mod document;
pub mod load;
pub mod machine;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod serve;
pub mod standings;
pub mod statistics;
pub mod store;
#[cfg(test)]
mod synthetic;
pub mod table;
pub mod units;
