//! Experiments from their plan to their page: runs, contenders, labs, comparisons and reports.

mod advise;
mod contenders;
mod externals;
mod interleaved;
mod lab;
mod lessons;
mod plans;
mod report;
mod run;
#[path = "../support/mod.rs"]
mod support;
