//! The program as its users run it: every subcommand's output, exit codes and files, and signals.

mod broken;
mod check;
mod cli;
mod client;
mod compare;
mod doctor;
mod export;
mod interrupts;
mod kit;
mod outputs;
#[path = "../support/mod.rs"]
mod support;
