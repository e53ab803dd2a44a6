//! Tests of the protocol crate through its public interface.
//!
//! Layout:
//! - [`support`]: a driver without sockets that checks the rules of the step machine at each step
//! - [`spec`]: the protocol said a second time, as plainly as possible, to compare with
//! - [`session`], [`closing`], [`memory`], [`apps`], [`exchange`], [`greeting`]: one promise per test
//! - [`classroom`]: applications that do more than answer
//! - [`draw`], [`drawn`]: the laws of drawn numbers, and requests made of them
//! - [`http`], [`http_client`]: the same for HTTP, at either end
//! - [`witness`]: who watches a session sees each request with its reply
//! - [`properties`]: the promises that hold for any input, against random input
//! - [`fuzzed`], [`replay`]: what the fuzz targets do, played on their corpus and on random input
//! - [`document`]: what `docs/protocol.md` says is what the code does

mod apps;
mod classroom;
mod closing;
mod document;
mod draw;
mod drawn;
mod exchange;
mod fuzzed;
mod greeting;
mod http;
mod http_client;
mod memory;
mod properties;
mod replay;
mod session;
mod spec;
mod state;
mod support;
mod witness;
