//! The commands, each with its own arguments.

pub mod plans;
pub mod report;
pub mod run;
pub mod schema;
