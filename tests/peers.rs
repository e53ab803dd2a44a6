//! The table of load generators that ours is compared with, and their benchmark, too short to measure speed: every
//! installed generator loads a server, and its output is read.

#[path = "../benches/generators/claims.rs"]
mod claims;
#[path = "../benches/generators/peers.rs"]
mod peers;
#[path = "../benches/generators/reading.rs"]
mod reading;
#[path = "../benches/generators/runs.rs"]
mod runs;
#[path = "../benches/generators/server.rs"]
mod server;
#[path = "../benches/support/mod.rs"]
mod support;
#[path = "../benches/generators/work.rs"]
mod work;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use c10k::machine;
use c10k::statistics::claim::Answer;
use claims::{LEAST, OURS, SPINNING, WRK};
use peers::{Peer, Presence};
use runs::{Bench, Run};
use support::process::build_c;
use work::{Told, Work};

fn peer(name: &str) -> Peer {
    let all = peers::all().unwrap_or_else(|error| panic!("{error:#}"));
    all.into_iter().find(|peer| peer.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// A recorded output of a generator, from `benches/generators/printed/`.
fn printed(name: &str) -> String {
    let file = format!("benches/generators/printed/{name}.txt");
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).expect(&file)
}

fn read(name: &str, printed: &str) -> Told {
    peer(name).read(printed).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn what_each_prints_is_read_as_it_means_it() {
    let told = |requests, requests_per_s, mean_ns, p50_ns, p99_ns| Told {
        requests,
        failed: 0,
        requests_per_s,
        mean_ns,
        p50_ns,
        p99_ns,
        lag_p999_ns: None,
    };
    let some = Some;
    for (name, expected) in [
        ("wrk", told(121_662, 121_166.07, some(205_590.0), some(23_000.0), some(4_340_000.0))),
        ("ab", told(130_769, 130_768.74, some(31_000.0), some(0.0), some(0.0))),
        ("h2load", told(16_718, 16_718.0, some(239_000.0), None, None)),
        ("hey", told(7_887, 7_170.745_5, some(500_000.0), some(100_000.0), some(6_600_000.0))),
        ("autocannon", told(24_243, 24_248.0, some(100_000.0), some(0.0), some(2e6))),
    ] {
        let found = read(name, &printed(name));
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= b.abs() * 1e-9,
            (a, b) => a == b,
        };
        assert_eq!((found.requests, found.failed), (expected.requests, 0), "{name}");
        for (found, expected) in [
            (some(found.requests_per_s), some(expected.requests_per_s)),
            (found.mean_ns, expected.mean_ns),
            (found.p50_ns, expected.p50_ns),
            (found.p99_ns, expected.p99_ns),
        ] {
            assert!(close(found, expected), "{name}: {found:?}, not {expected:?}");
        }
    }
}

#[test]
fn what_failed_is_counted() {
    let with = |name: &str, before: &str, after: &str| {
        let text = printed(name);
        assert!(text.contains(before), "{name} prints {before}");
        read(name, &text.replace(before, after)).failed
    };
    let errors = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n";
    assert_eq!(with("wrk", "Requests/sec:", &format!("{errors}Requests/sec:")), 54_321);
    assert_eq!(with("ab", "Failed requests:        0", "Failed requests:        7"), 7);
    assert_eq!(
        with("h2load", "0 failed, 0 errored, 0 timeout", "9 failed, 2 errored, 7 timeout"),
        9
    );
    let errors =
        "responses\n  [3]\t502 responses\n\nError distribution:\n  [12]\tGet \"http://x\": EOF";
    assert_eq!(with("hey", "responses", &errors.replace("[3]\t502", "[502]\t3")), 15);
    assert_eq!(with("autocannon", "\"errors\":0,\"timeouts\":0", "\"errors\":3,\"timeouts\":2"), 3);
    let oha = r#"{"summary": {"total": 2.0}, "statusCodeDistribution": {"200": 70, "204": 8, "404": 5, "503": 1},
        "errorDistribution": {"aborted due to deadline": 4, "connection refused": 3}}"#;
    let Told { requests, failed, requests_per_s, .. } = read("oha", oha);
    assert_eq!((requests, failed, requests_per_s), (78, 9, 39.0));
    let c = |offered| {
        format!(
            "{{\"offered\":{offered},\"replies\":90,\"elapsed_ns\":1000000,\"p50_ns\":7,\"p99_ns\":9}}"
        )
    };
    assert_eq!(read(SPINNING, &c(97)).failed, 7);
    assert_eq!(read(SPINNING, &c(97)).p50_ns, Some(7.0));
}

#[test]
fn a_row_that_could_not_be_run_or_read_is_refused() {
    let row = "[[peer]]\nname = 'x'\nget = 'somewhere'\n";
    let reads = "replies = '(\\d+) replies'\nrate = '(\\d+)/s'\n";
    for (rows, why) in [
        (format!("{row}closed = 'x {{url}}'\n{reads}"), None),
        (row.to_string(), None),
        (format!("{row}closed = 'x {{uri}}'\n{reads}"), Some("{uri}")),
        (format!("{row}closed = 'x {{url}}'\n"), Some("does not say where the replies")),
        (format!("{row}closed = \"x 'y\"\n{reads}"), Some("unbalanced quotes")),
        (format!("{row}replies = 'no group'\n"), Some("has no group")),
        (format!("{row}replys = '(x)'\n"), Some("replys")),
        (format!("{row}{row}"), Some("x twice")),
    ] {
        let found = peers::read(&rows).map_err(|error| format!("{error:#}"));
        match (why, &found) {
            (None, Ok(_)) => {}
            (Some(why), Err(error)) if error.contains(why) => {}
            _ => panic!("{rows}: {:?}", found.map(|peers| peers.len())),
        }
    }
}

/// One round of this work: every installed generator that can do it gets replies, and all are correct.
fn quick(work: Work, expected: &[&str]) {
    let cpus = machine::cpus();
    let folder = tempfile::tempdir().expect("a folder");
    build_c("generators/c/closed_client.c", folder.path());
    build_c("generators/c/spinning_client.c", folder.path());
    let has_compiler = Command::new("cc").arg("--version").output().is_ok();
    let bench = Bench {
        server: "epoll",
        time: Duration::from_secs(1),
        server_cpu: cpus[0],
        client_cpu: cpus[cpus.len() - 1],
        folder: folder.path(),
    };
    let all = peers::all().expect("a table");
    let mut present = Vec::new();
    for peer in &all {
        match peer.presence(folder.path()).expect("a command") {
            Presence::Here(version) => {
                assert!(!version.is_empty() && !peer.unchecked.is_empty(), "{}", peer.name);
                present.push(peer);
            }
            Presence::Absent(why) => {
                assert!(why.contains(&peer.get), "{why}");
                let is_known = !peer.get.contains("this build") && !peer.name.starts_with("C,");
                assert!(is_known || !has_compiler && peer.name.starts_with("C,"), "{}", peer.name);
            }
        }
    }
    let mut failed = Vec::new();
    let runs = bench.round(0, &[work], &present, &mut failed).expect("a round");
    assert!(failed.is_empty(), "{failed:?}");
    let is_missing = |name: &str| !runs.iter().any(|run| run.client == name);
    let missing = expected.iter().filter(|name| is_missing(name) && has_compiler);
    assert_eq!(missing.collect::<Vec<_>>(), [&""; 0]);
    for Run { client, told, .. } in &runs {
        assert!(told.requests > 0 && told.requests_per_s > 0.0, "{client}: {told:?}");
        assert_eq!(told.failed, 0, "{client}: {told:?}");
    }
}

#[test]
fn every_generator_that_is_here_runs_in_a_closed_loop() {
    quick(Work::Closed { connections: 4 }, &[OURS, "c10k io-uring", LEAST]);
}

#[test]
fn every_generator_with_a_schedule_runs_in_an_open_loop() {
    let work = Work::Open { connections: 4, rate_per_s: 100 };
    quick(work, &[OURS, "c10k io-uring", "c10k sleeping", SPINNING]);
}

#[test]
fn every_generator_that_can_opens_a_connection_for_each_request() {
    quick(Work::ConnectionPerRequest { connections: 4 }, &[OURS, "c10k io-uring", LEAST]);
}

/// Runs at 50 connections with these costs, one per round.
fn costs(client: &str, costs_ns: &[u64]) -> Vec<Run> {
    let told = Told { requests: 1_000, ..Told::default() };
    let run = |(round, cost): (usize, &u64)| Run {
        client: client.into(),
        work: Work::Closed { connections: 50 },
        round: u32::try_from(round).expect("few"),
        told,
        elapsed_ns: 2_000_000_000,
        client_cpu_ns: cost * 1_000,
        server_cpu_ns: 1,
        steal_share: Some(0.0),
    };
    costs_ns.iter().enumerate().map(run).collect()
}

#[test]
fn a_pair_in_which_a_claim_does_not_hold_is_told_with_its_reason() {
    let ours = costs(OURS, &[4_000; 15]);
    let mut theirs = costs(WRK, &[5_600; 15]);
    theirs[6].client_cpu_ns = 4_800_000;
    theirs[6].steal_share = Some(0.05);
    let verdicts = claims::judge(&[ours.clone(), theirs].concat());
    let [of_wrk, of_c] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert_eq!((of_wrk.answer, of_wrk.pairs, of_wrk.median), (Some(Answer::Holds), 15, Some(1.4)));
    let [miss] = &of_wrk.misses[..] else { panic!("{of_wrk:?}") };
    assert_eq!((miss.round, miss.ratio), (7, 1.2));
    assert_eq!(
        miss.why,
        "c10k epoll 4.00 us (+0 % of its median); wrk 4.80 us (-14 % of its median); the hypervisor took 5 % during \
         wrk; the unusual run is that of wrk"
    );
    assert_eq!((of_c.answer, of_c.pairs), (None, 0), "there was no C client to compare with");

    let verdicts = claims::judge(&[ours, costs(WRK, &[4_800; 15])].concat());
    assert_eq!(verdicts[0].answer, Some(Answer::DoesNotHold));
    assert_eq!(verdicts[0].misses.len(), 15);
    assert!(verdicts[0].misses[0].why.ends_with("close to the limit"), "{verdicts:?}");
}

#[test]
fn a_reply_that_is_not_right_is_counted_against_ours() {
    let mut runs = costs(OURS, &[4_000; 2]);
    runs[1].told.failed = 3;
    let replies = claims::replies(&runs);
    assert_eq!((replies.runs, replies.right, replies.not_right), (2, 2_000, 3));
}
