//! Every test of a run once more, with the other engine.
#![allow(clippy::duplicate_mod, reason = "each of the files brings what it shares")]

// By their paths, so that each finds `support` where it does when it stands alone.
#[path = "closed_loop.rs"]
mod closed_loop;
#[path = "greeting.rs"]
mod greeting;
#[path = "misbehaving.rs"]
mod misbehaving;
#[path = "open_loop.rs"]
mod open_loop;
#[path = "phases.rs"]
mod phases;
