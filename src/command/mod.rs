//! The commands, each with its own arguments.

pub mod advise;
pub mod calibrate;
pub mod capacity;
pub mod check;
pub mod client;
pub mod compare;
pub mod doctor;
pub mod export;
pub mod lab;
pub mod load;
pub mod merge;
pub mod pack;
pub mod plans;
pub mod report;
pub mod run;
pub mod schema;
pub mod serve;
pub mod soak;
