//! `dispatch`: clients run what the server sends.

use std::fs;

use protocol::App;
use servers::Model;
use tempfile::TempDir;

use crate::clock::is_date;
use crate::served::{Served, serve, until};
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Dispatch, "hands_out_its_list_and_logs_each_result", hands_out),
    row(App::Dispatch, "keeps_the_beginning_of_a_result_and_who_leaves_is_logged", leaves),
];

fn start(model: &Model, flags: &[&str]) -> (Served, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let log = dir.path().join("log");
    let log = log.to_str().expect("text");
    let dispatch =
        ["--app", "dispatch", "--command", "date -u", "--command", "uptime", "--log", log];
    (serve(model, &[&dispatch[..], flags].concat()), dir)
}

/// The lines of the log without their dates, once there are this many.
fn logged(dir: &TempDir, lines: usize) -> Vec<String> {
    let read = || fs::read_to_string(dir.path().join("log")).expect("a log");
    until("all is logged", || read().matches('\n').count() >= lines);
    let rest = |line: &str| {
        let (date, rest) = line.split_once("  ").expect("a date");
        assert!(is_date(date), "{line}");
        rest.to_string()
    };
    read().lines().map(rest).collect()
}

fn hands_out(model: &'static Model) {
    let (server, dir) = start(model, &[]);
    let mut client = server.client();
    assert_eq!(client.line(), "date -u\n", "the server speaks first");
    client.send("Sun\r\n..stuffed\n");
    assert_eq!(client.ask(". exit 0"), "uptime\n");
    client.send(". not-allowed\n");
    assert_eq!(client.rest(), b"");
    let who = client.address();
    drop(client);
    let expected = [
        format!("{who}  connected"),
        format!("{who}  result of \"date -u\", exit 0: \"Sun\\n.stuffed\\n\""),
        format!("{who}  result of \"uptime\", not-allowed: \"\""),
        format!("{who}  disconnected"),
    ];
    assert_eq!(logged(&dir, 4), expected);
    let ended = server.stop().well();
    assert_eq!((ended.count("requests"), ended.count("finished")), (2, 1));
}

fn leaves(model: &'static Model) {
    let (server, dir) = start(model, &["--command-output", "4"]);
    let mut client = server.client();
    assert_eq!(client.line(), "date -u\n");
    client.send(b"a\n\x1b\xffc\n");
    assert_eq!(client.ask("."), "uptime\n");
    client.send("half a result\n");
    let who = client.address();
    drop(client);
    let expected = [
        format!("{who}  connected"),
        format!("{who}  result of \"date -u\": \"a\\n\\u{{1b}}\\xff\" and 2 bytes more"),
        format!("{who}  disconnected, 1 command left"),
    ];
    assert_eq!(logged(&dir, 3), expected);
    server.stop().well();
}
