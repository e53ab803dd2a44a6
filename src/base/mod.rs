//! The ground floor: exit codes, parsed values, printing. It uses no other floor.

pub mod exit;
mod invocation;
mod listed;
mod meant;
pub mod patient;
mod print;
pub mod target;
pub mod units;
pub mod values;

pub(crate) use exit::interrupted;
pub use exit::{Exit, untrusted, usage};
pub(crate) use invocation::invocation;
pub(crate) use listed::listed;
pub(crate) use meant::{did_you_mean, did_you_mean_or, nearest};
pub use print::print;
pub(crate) use print::{eprint_line, eprint_words, print_error, print_line, print_words};
