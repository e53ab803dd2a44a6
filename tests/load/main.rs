//! `c10k load` against running servers: what it sends, what it measures, and what goes wrong.

mod calibrate;
mod capacity;
mod conduct;
mod fates;
mod greeting;
mod io_uring;
mod kubernetes;
mod parts;
mod rooms;
mod schedules;
mod standstill;
mod steadiness;
#[path = "../support/mod.rs"]
mod support;
mod targets;
