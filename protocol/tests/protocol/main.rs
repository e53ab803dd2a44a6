//! Tests of the protocol crate through its public interface.
//!
//! Layout:
//! - [`support`]: a driver without sockets that checks the rules of the step machine at each step
//! - [`spec`]: the protocol said a second time, as plainly as possible, to compare with
//! - [`session`], [`closing`], [`memory`], [`apps`], [`exchange`]: one promise per test
//! - [`properties`]: the promises that hold for any input, against random input
//! - [`document`]: what `PROTOCOL.md` says is what the code does

mod apps;
mod closing;
mod document;
mod exchange;
mod memory;
mod properties;
mod session;
mod spec;
mod support;
