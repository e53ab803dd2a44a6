//! The ground floor: exit codes, parsed values, printing. It uses no other floor.

#[cfg(test)]
mod committed;
pub mod exit;
mod invocation;
mod listed;
mod meant;
pub mod patient;
mod print;
pub mod target;
pub mod units;
pub mod values;

#[cfg(test)]
pub(crate) use committed::assert_committed;
pub(crate) use exit::interrupted;
pub use exit::{Exit, untrusted, usage};
pub(crate) use invocation::invocation;
pub(crate) use listed::listed;
pub(crate) use meant::{did_you_mean, did_you_mean_or, nearest};
pub use print::print;
pub(crate) use print::{
    eprint_line, eprint_words, note, print_error, print_line, print_note, print_words,
};
