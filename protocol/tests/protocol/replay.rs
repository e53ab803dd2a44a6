//! The fuzz targets without a fuzzer: their seeds, and random inputs of the same make.

use crate::fuzzed::{TARGETS, Target};
use crate::properties::{cases, stream};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// SHA-1 in hexadecimal.
const HASH_LEN: usize = 40;

fn target(name: &str) -> Target {
    TARGETS.iter().find(|target| target.0 == name).expect("a target").1
}

#[test]
fn the_seeds_of_every_target_pass() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in TARGETS {
        let seeds = fs::read_dir(corpus.join(name)).expect("a corpus for every target");
        let mut played = 0;
        for seed in seeds.map(|seed| seed.expect("an entry").path()) {
            // What a fuzzer adds here, by the thousand, is named by its hash.
            if seed.file_name().is_some_and(|name| name.len() < HASH_LEN) {
                target(&fs::read(seed).expect("a readable seed"));
                played += 1;
            }
        }
        assert!(played >= 5, "{name}: {played} seeds");
    }
}

#[test]
fn every_target_takes_an_input_that_ends_anywhere() {
    let input =
        b"\x01\x0b\x05\x03\x11\xff\x0fMUL 22 9\nWORK 1 0 9 t\nECHO \xff\x02\nQUIT\n\xfe\xfd\x07";
    for (_, target) in TARGETS {
        for end in 0..input.len() {
            target(&input[..end]);
        }
    }
}

/// Settings and moves as the targets take them: the number of moves, and so many of them.
fn preamble(settings: usize) -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), settings), vec(any::<u8>(), 0..12)).prop_map(|(mut bytes, moves)| {
        bytes.push(u8::try_from(moves.len()).expect("a few"));
        bytes.extend(moves);
        bytes
    })
}

/// What requests and replies are made of.
fn http_part() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&str; 26] = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /echo/abc HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        "GET /work?rounds=1&bytes=200 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /mul/99999999999999999999/2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /echo/%20 HTTP/1.1\r\nHost: x\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\n",
        "Expect: 100-continue\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "5\r\nabcde\r\n",
        "0\r\n\r\n",
        "0\r\nT: t\r\n\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "x",
        " ",
        "X: y\r\n",
    ];
    prop_oneof![
        9 => (0..PARTS.len()).prop_map(|at| PARTS[at].into()),
        1 => vec(any::<u8>(), 0..9),
    ]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_session_is_what_the_specification_says(
        preamble in preamble(2), input in stream(),
    ) {
        target("session")(&[preamble, input].concat());
    }

    #[test]
    fn no_hostile_server_is_believed(
        preamble in preamble(3), stream in vec(prop_oneof![
            3 => Just(vec![0xfe]),
            1 => any::<u8>().prop_map(|at| vec![0xfd, at]),
            1 => Just(b"ERR busy\n".to_vec()),
            1 => vec(any::<u8>(), 0..9),
        ], 0..9),
    ) {
        target("exchange")(&[preamble, stream.concat()].concat());
    }

    #[test]
    fn http_means_the_same_in_any_pieces(
        preamble in preamble(1), stream in vec(http_part(), 0..30),
    ) {
        target("http")(&[preamble, stream.concat()].concat());
    }

    #[test]
    fn both_ends_joined_agree(preamble in preamble(6)) {
        target("end_to_end")(&preamble);
    }
}
