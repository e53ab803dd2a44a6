//! The bodies of the fuzz targets are the protocol crate's test drivers: one text, compiled for
//! both, so that `cargo test` plays what the fuzzer plays.

#[path = "../../protocol/tests/protocol/fuzzed/mod.rs"]
mod fuzzed;
#[expect(dead_code, reason = "the tests of the protocol crate use the rest")]
#[path = "../../protocol/tests/protocol/spec.rs"]
mod spec;
#[expect(dead_code, reason = "the tests of the protocol crate use the rest")]
#[path = "../../protocol/tests/protocol/support.rs"]
mod support;

/// Plays one input of the target with that name.
///
/// # Panics
/// When something is wrong with the protocol, or there is no such target.
pub fn play(name: &str, bytes: &[u8]) {
    let target = fuzzed::TARGETS.iter().find(|target| target.0 == name);
    target.expect("the name of a target").1(bytes);
}
