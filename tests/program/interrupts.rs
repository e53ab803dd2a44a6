//! A load that is ended early, or whose result cannot be written: everything measured is kept.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{c10k, server};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A load that measures for a minute and has begun to measure.
fn measuring(mut command: Command, target: &str, json: &Path) -> Child {
    let mut load = command
        .args(["load", "--target", target, "-c", "2", "--warmup", "1ms", "-d", "60s", "--json"])
        .arg(json)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(load.stderr.take().expect("piped")).lines();
    let line = lines.next().expect("it says how it goes").expect("text");
    assert!(line.contains("measure"), "{line}");
    thread::spawn(move || lines.for_each(drop));
    load
}

/// Asserts that it ends as interrupted, and that everything it measured is written.
fn is_saved(mut load: Child, json: &Path) {
    let mut text = String::new();
    load.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    assert_eq!(load.wait().expect("it ends").code(), Some(130), "{text}");
    assert!(text.contains("interrupted after"), "{text}");
    let document: Value = serde_json::from_slice(&fs::read(json).expect("written")).expect("JSON");
    assert_eq!(document["phases"]["interrupted"], true);
    assert!(document["census"]["ok"].as_u64() > Some(0), "{}", document["census"]);
}

#[test]
fn signals_that_come_close_together_are_one_and_nothing_is_lost() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let (json, target) = (folder.path().join("a.json"), server.address.to_string());
    for signals in [
        &[Signal::TERM][..],
        &[Signal::TERM, Signal::TERM],
        &[Signal::TERM, Signal::TERM, Signal::TERM, Signal::INT],
        &[Signal::INT, Signal::INT],
        &[Signal::HUP],
        &[Signal::HUP, Signal::TERM],
    ] {
        let _ = fs::remove_file(&json);
        let load = measuring(c10k(), &target, &json);
        for signal in signals {
            // This fails if the load has already ended.
            let _ = kill_process(Pid::from_child(&load), *signal);
            thread::sleep(Duration::from_millis(10));
        }
        is_saved(load, &json);
    }
}

#[test]
fn timeout_which_signals_twice_costs_nothing() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let (json, target) = (folder.path().join("a.json"), server.address.to_string());
    for _ in 0..3 {
        let _ = fs::remove_file(&json);
        let output = Command::new("timeout")
            .arg("2")
            .arg(env!("CARGO_BIN_EXE_c10k"))
            .args([
                "load", "--target", &target, "-c", "2", "--warmup", "1ms", "-d", "60s", "--json",
            ])
            .arg(&json)
            .output()
            .expect("timeout(1) is there");
        let text = String::from_utf8(output.stdout).expect("text");
        // If the machine was too slow to begin by then, there is nothing else to keep.
        assert!(text.contains("interrupted"), "{text}");
        assert!(json.exists(), "{text}");
    }
}

#[test]
fn a_load_that_is_to_outlive_its_terminal_does() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let (json, target) = (folder.path().join("a.json"), server.address.to_string());
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_c10k")]);
    let mut load = measuring(command, &target, &json);
    kill_process(Pid::from_child(&load), Signal::HUP).expect("it lives");
    thread::sleep(Duration::from_millis(700));
    assert!(load.try_wait().expect("it is ours").is_none(), "it takes no notice");
    kill_process(Pid::from_child(&load), Signal::TERM).expect("it lives");
    is_saved(load, &json);
}

#[test]
fn a_full_disk_costs_the_file_and_not_the_table() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let (json, hlog) = (folder.path().join("a.json"), folder.path().join("a.hlog"));
    let load = |stdout: Stdio, outputs: &[&Path]| {
        let mut command = c10k();
        command.args(["load", "--target", &server.address.to_string(), "-d", "100ms", "-c", "2"]);
        command.args(["--warmup", "1ms", "-q", "--json"]).arg(outputs[0]);
        command.arg("--hlog").arg(outputs[1]).stdout(stdout).stderr(Stdio::piped());
        command.spawn().expect("it starts")
    };
    // If one of the files cannot be written, the other one is.
    for outputs in [[Path::new("/dev/full"), &hlog], [&json, Path::new("/dev/full")]] {
        for file in [&json, &hlog] {
            let _ = fs::remove_file(file);
        }
        let output = load(Stdio::piped(), &outputs).wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stdout.contains("correct replies per second"), "{stdout}");
        assert!(stderr.contains("cannot write /dev/full: check the free space"), "{stderr}");
        assert!(!stderr.contains("--out") && !stderr.contains("--resume"), "{stderr}");
        assert!(json.exists() || hlog.exists());
    }
    // If standard output is full or is not read, the files are still written.
    let full = fs::File::options().write(true).open("/dev/full").expect("a device");
    let _ = fs::remove_file(&json);
    let ended = load(full.into(), &[&json, &hlog]).wait().expect("it ends");
    assert!(json.exists() && ended.code() == Some(1), "{ended}");
    let _ = fs::remove_file(&json);
    let mut unread = load(Stdio::piped(), &[&json, &hlog]);
    drop(unread.stdout.take());
    let ended = unread.wait().expect("it ends");
    assert!(json.exists() && matches!(ended.code(), Some(0 | 4)), "{ended}");
}
