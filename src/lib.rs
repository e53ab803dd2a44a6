//! c10k: one small protocol, served in every way a server can be built, and measured so that
//! the numbers can be believed.
//!
//! This crate is the program. The protocol, the servers and the load generator are crates of
//! their own, which know nothing of it.
//!
//! - [`cli`]: what is typed, and the exit code
//! - [`serve`], [`load`], [`run`], [`check`], [`calibrate`]: the commands that do something
//! - [`child`]: a server of ours as a child process; [`redis`]: a store for its sessions
//! - [`arrivals`], [`replay`]: when requests are sent, as typed and as read from a file
//! - [`requests`]: what they ask for, as typed and as written down
//! - [`pacing`]: how the generator waits until a request is due
//! - [`plan`]: experiments as TOML
//! - [`accounts`]: what a process used; [`contention`]: whether others want the processors
//! - [`steadiness`]: how latencies hang together in time, with [`statistics`]
//! - [`checks`] and [`fates`]: when a figure is not what it seems, and what went wrong in words
//! - [`document`]: what is written down, [`record`]: from what, and [`store`]: how
//! - [`export`]: results in the formats of other tools; [`merge`]: documents of several generators
//!   added up; [`histogram`]: histograms as text
//! - [`live`]: what is seen of a load while it runs
//! - [`doctor`]: what on this machine will spoil a measurement
//! - [`standings`]: what follows from a summary's figures: intervals, verdicts; [`metric`]: what is
//!   compared
//! - [`pooled`]: quantiles of cells over all their trials together
//! - [`sweeps`]: a model over the values of a setting: where two change places, how one scales
//! - [`table`] and [`report`]: what people read
//! - [`sockets`]: what the kernel has of a port
//! - [`machine`]: what this machine is, and pinning to its processors
//! - [`units`]: durations, sizes and rates as people write them

pub mod accounts;
pub mod analysis;
pub mod arrivals;
pub mod base;
pub mod calibrate;
pub mod capacity;
pub mod check;
pub mod checks;
pub mod child;
pub mod cli;
pub mod command;
pub mod compare;
pub mod conduct;
pub mod contention;
pub mod doctor;
pub mod document;
pub mod export;
pub mod fates;
pub mod histogram;
pub mod lab;
pub mod live;
pub mod load;
pub mod machine;
pub mod merge;
pub mod metric;
pub mod pacing;
pub mod plan;
pub mod pooled;
pub mod process;
pub mod record;
pub mod redis;
pub mod replay;
pub mod report;
pub mod requests;
pub mod run;
pub mod serve;
pub mod sockets;
pub mod standings;
pub mod state;
pub mod statistics;
pub mod steadiness;

pub mod store;
pub mod sweeps;
#[cfg(test)]
mod synthetic;
pub mod syscalls;
pub mod table;
pub mod trial;
pub mod units;
pub mod workload;
