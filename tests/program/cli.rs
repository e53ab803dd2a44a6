//! The program as its users run it, mostly with mistakes: a clear message that says what to do, the right
//! exit code, and no lost data.

mod apps;
mod every;
mod guesses;
mod http;
mod models;
mod shell;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::support::{c10k, server, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Runs the program and returns its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// Asserts that it ends with this code, and that its message has all of these parts.
fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let (exit, stdout, stderr) = run(arguments);
    assert_eq!(exit, code, "{arguments:?}: {stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
    }
}

/// A server that answers each line by a rule of the test.
fn odd_server(answer: impl Fn(&str) -> String + Send + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
                let mut stream = stream;
                while let Some(Ok(line)) = lines.next() {
                    if stream.write_all(answer(&line).as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

const SHORT: [&str; 8] =
    ["-d", "200ms", "--warmup", "50ms", "--drain", "200ms", "--connections", "4"];

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    fails(
        &["serve", "--model", "epoll", "--listen", &address],
        1,
        &[&address, "another process listens there", "port 0"],
    );
}

#[test]
fn an_unknown_model_is_a_usage_error_with_the_nearest() {
    fails(&["serve", "--model", "epol"], 2, &["'epol'", "epoll"]);
    fails(&["run", "--models", "epoll,tokyo-multi"], 2, &["'tokyo-multi'", "tokio-multi"]);
}

#[test]
fn workers_for_a_model_without_them_are_refused_by_name() {
    fails(&["serve", "--model", "epoll", "--workers", "4"], 2, &["epoll has no workers"]);
}

#[test]
fn more_connections_than_descriptors_are_refused_with_the_number_to_set() {
    let arguments = ["serve", "--model", "epoll", "--max-connections", "900k"];
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    if limit.is_none_or(|limit| limit > 900_000) {
        // This machine has that many descriptors, so it can serve that many connections.
        return;
    }
    fails(&arguments, 2, &["900032", "ulimit -n", "--max-connections"]);
}

#[test]
fn a_plan_with_a_typo_says_where_and_what_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.toml");
    let text = include_str!("../../plans/quick.toml").replace("connections =", "conections =");
    std::fs::write(&plan, text).expect("written");
    let plan = plan.to_str().expect("text");
    fails(&["run", plan], 2, &[plan, "line ", "conections", "did you mean `connections`"]);
    fails(&["run", "no-such-plan.toml"], 2, &["no-such-plan.toml", "cannot read"]);
}

#[test]
fn a_target_that_does_not_listen_is_named_with_what_to_do() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gone.local_addr().expect("bound").to_string();
    drop(gone);
    fails(&["load", "--target", &address, "-d", "1s"], 1, &[&address, "is the server running"]);
    fails(&["load", "--target", "localhost"], 2, &["127.0.0.1:9000"]);
}

/// An address at which no server listens.
fn nobody() -> String {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    gone.local_addr().expect("bound").to_string()
}

#[test]
fn whoever_loads_a_server_that_does_not_listen_hears_of_it_at_once() {
    for more in [&[][..], &["--idle-connections", "3"]] {
        let mut load = c10k()
            .args(["load", "--target", &nobody(), "-d", "1s"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(load.stderr.take().expect("piped")).lines();
        let first = lines.next().expect("it says so").expect("text");
        assert!(first.contains("refused (no server listened there), trying again"), "{first}");
        assert!(load.try_wait().expect("it is ours").is_none(), "it may start to listen yet");
        let last = lines.last().expect("an error").expect("text");
        assert!(last.contains("is the server running"), "{last}");
        assert_eq!(load.wait().expect("it ends").code(), Some(1));
    }
}

#[test]
fn a_server_that_starts_to_listen_late_is_measured_like_any_other() {
    let address = nobody();
    let mut load = c10k()
        .args(["load", "--target", &address, "--app", "echo", "-c", "3", "--json", "-"])
        .args(["-d", "200ms", "--warmup", "20ms", "--idle-connections", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // By now it was refused.
    let mut lines = BufReader::new(load.stderr.take().expect("piped")).lines();
    lines.next().expect("it says so").expect("text");
    let listener = TcpListener::bind(&address).expect("still free");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines();
                while let Some(Ok(line)) = lines.next() {
                    let _ = writeln!(&stream, "{line}");
                }
            });
        }
    });
    let output = load.wait_with_output().expect("it ends");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let connections = &document["connections"];
    assert_eq!(connections["opened"], 3, "{connections}");
    assert!(connections["connect_errors_before_load"]["refused"].as_u64() > Some(0));
    assert_eq!(connections["connect_errors"], connections["connect_errors_before_load"]);
    let checks = document["checks"].as_array().expect("checks");
    let connects = checks.iter().find(|check| check["name"] == "connects").expect("checked");
    assert_eq!(connects["status"], "pass", "{connects}");
}

#[test]
fn a_target_that_answers_wrongly_makes_the_result_untrusted() {
    let address = odd_server(|_| "OK something else\n".into());
    let mut arguments = vec!["load", "--target", &address, "--json", "-"];
    arguments.extend(SHORT);
    let (exit, stdout, _) = run(&arguments);
    assert_eq!(exit, 4);
    let result: Value = serde_json::from_str(&stdout).expect("only JSON on standard output");
    assert_eq!(result["validity"], "invalid");
    assert!(result["census"]["errors"]["wrong_reply"].as_u64() > Some(0), "{}", result["census"]);
    assert_eq!(result["census"]["wrong_example"], "OK something else");
    assert_eq!(result["census"]["reconciles"], true);
}

#[test]
fn a_server_of_http_that_is_asked_in_lines_is_told_by_its_first_one() {
    let address = odd_server(|_| "HTTP/1.1 400 Bad Request\n".into());
    let mut arguments = vec!["load", "--target", &address];
    arguments.extend(SHORT);
    let (exit, stdout, stderr) = run(&arguments);
    assert_eq!(exit, 4);
    assert!([stdout, stderr].concat().contains("use --framing http"));
}

#[test]
fn any_echo_server_can_be_loaded() {
    let address = odd_server(|line| format!("{line}\n"));
    let mut arguments = vec!["load", "--target", &address, "--app", "echo", "--echo", "20"];
    arguments.extend(SHORT);
    let (exit, stdout, stderr) = run(&arguments);
    assert_eq!(exit, 0, "{stdout}{stderr}");
    assert!(stdout.contains("correct replies per second") && stdout.contains("errors none"));
}

#[test]
fn a_load_can_be_open_and_its_result_is_one_json_document() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("result.json");
    let (address, file) = (server.address.to_string(), file.to_str().expect("text").to_string());
    let mut arguments = vec!["load", "--target", &address, "--rate", "500", "--json", &file];
    arguments.extend(["--poisson", "--work", "10", "--wait", "1ms"]);
    arguments.extend(SHORT);
    let (exit, stdout, stderr) = run(&arguments);
    assert!(matches!(exit, 0 | 4), "{stdout}{stderr}");
    let text = std::fs::read_to_string(file).expect("written");
    let result: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(result["load"]["arrivals"]["kind"], "poisson");
    assert_eq!(result["load"]["request"]["wait_ns"], 1_000_000);
    let offered = result["census"]["offered"].as_u64().expect("a number");
    assert!((40..200).contains(&offered), "500/s for 200 ms, give or take: {offered}");
    let count = |name: &str| result["latency"][name]["count"].as_u64().expect("a number");
    assert_eq!(count("response"), offered, "every offered request has a response time or an age");
    assert_eq!(count("conn_wait"), count("sched_lag"));
}

#[test]
fn a_load_that_contradicts_itself_is_a_usage_error() {
    let target = ["load", "--target", "127.0.0.1:1"];
    let with = |more: &[&'static str]| [&target[..], more].concat();
    fails(&with(&["--threads", "9", "--connections", "3"]), 2, &["thread"]);
    fails(&with(&["--rate", "fast"]), 2, &["20k"]);
    fails(&with(&["--rate", "5", "--closed"]), 2, &["--closed"]);
    fails(&with(&["--app", "echo", "--work", "5"]), 2, &["echo", "work"]);
    fails(&with(&["--work", "99M"]), 2, &["10000000"]);
    fails(&with(&["--echo", "1MiB"]), 2, &["65536"]);
    fails(&with(&["--path", "/", "--framing", "raw"]), 2, &["leave --framing out"]);
    let http = |more: &[&'static str]| with(&[&["--framing", "http"], more].concat());
    fails(&http(&["--greeting"]), 2, &["greeting", "line"]);
    for lone in
        [&["--status", "200"][..], &["--header", "a: b"], &["--body", "x"], &["--any-length"]]
    {
        fails(&http(lone), 2, &["--path"]);
    }
    let path = |more: &[&'static str]| http(&[&["--path", "/x"], more].concat());
    fails(&path(&["--echo", "5"]), 2, &["--path", "--echo"]);
    fails(&path(&["--app", "echo"]), 2, &["--path", "--app"]);
    fails(&path(&["--method", "CONNECT"]), 2, &["--method", "another method"]);
    fails(&path(&["--header", "Content-Length: 5"]), 2, &["--header", "they follow from the body"]);
    fails(&path(&["--header", "no colon"]), 2, &["--header", "Accept: text/html"]);
    fails(&path(&["--status", "99"]), 2, &["--status", "200 to 599"]);
    fails(&path(&["--any-length", "--expect-bytes", "5"]), 2, &["--any-length"]);
    fails(&http(&["--path", "/a b"]), 2, &["--path", "%20"]);
    fails(&path(&["--body", "@/no/such/file"]), 2, &["--body", "/no/such/file"]);
}

#[test]
fn an_unwritable_results_folder_is_named_before_anything_runs() {
    fails(&["run", "--out", "/proc/none"], 1, &["/proc/none", "--out"]);
}

#[test]
fn a_folder_that_is_no_run_cannot_be_resumed_or_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text");
    fails(&["run", "--resume", path], 2, &["plan.toml"]);
    fails(&["report", path], 2, &["summary.json"]);
}

#[test]
fn a_dry_run_lists_the_trials_and_their_time() {
    let (exit, stdout, _) = run(&["run", "--dry-run", "--models", "epoll,mio", "--repeat", "2"]);
    assert_eq!(exit, 0);
    // Two models and a twin, three workloads and a reference, two rounds.
    assert!(stdout.contains("at most 20 trials"), "{stdout}");
    assert_eq!(stdout.lines().count(), 21);
}

#[test]
fn output_that_nobody_reads_is_no_error() {
    let mut child = c10k().arg("models").stdout(Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_server_ends_with_the_process_that_asked_for_that() {
    // A shell starts the server and ends without stopping it.
    let program = env!("CARGO_BIN_EXE_c10k");
    let script = format!(
        "{program} serve --model epoll --listen 127.0.0.1:0 --stop-with-parent & sleep 0.5"
    );
    let mut shell = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn();
    let shell = shell.as_mut().expect("a shell");
    let mut output = String::new();
    // The pipe ends when the last process that holds it does.
    shell.stdout.take().expect("piped").read_to_string(&mut output).expect("text");
    shell.wait().expect("it ended");
    assert!(output.contains("\"stopped\""), "{output}");
}

/// One model twice and the null baseline, under two workloads, three times.
const SMALL: &str = concat!(
    r#"
name = "small"
question = "What does it cost?"
models = ["epoll"]
trials = 3
connections = 10
warmup = "50ms"
measure = "150ms"
drain = "2s"

"#,
    include_str!("../support/workloads.toml"),
);

#[test]
fn ctrl_c_keeps_what_was_measured_and_a_resumed_run_finishes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("text");
    let plans = tempfile::tempdir().expect("a folder");
    let plan = plans.path().join("small.toml");
    std::fs::write(&plan, SMALL).expect("written");
    let mut child = c10k()
        .args(["run", plan.to_str().expect("text"), "--out", out])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let run = || std::fs::read_dir(folder.path()).ok()?.next()?.ok().map(|entry| entry.path());
    let trials = |run: &Path| std::fs::read_dir(run.join("trials")).map_or(0, Iterator::count);
    until("two trials are written", || run().is_some_and(|run| trials(&run) >= 2));
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("it lives");
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{stderr}");
    assert!(stderr.contains("--resume"), "{stderr}");

    let run = run().expect("a run's folder");
    let summary = |run: &Path| -> Value {
        let text = std::fs::read_to_string(run.join("summary.json")).expect("written");
        serde_json::from_str(&text).expect("JSON")
    };
    let made = trials(&run);
    let before = summary(&run);
    assert_eq!(before["run"]["interrupted"], true);
    assert_eq!(before["run"]["trials_done"], made);
    let first = std::fs::read(run.join("trials/echo.epoll.0.json"));

    let path = run.to_str().expect("text");
    let (exit, _, stderr) = self::run(&["run", "--resume", path]);
    assert!(matches!(exit, 0 | 4), "{stderr}");
    let after = summary(&run);
    assert_eq!(after["run"]["interrupted"], false);
    assert_eq!((trials(&run), after["run"]["trials_done"].as_u64()), (15, Some(15)));
    if let Ok(first) = first {
        let again = std::fs::read(run.join("trials/echo.epoll.0.json")).expect("still there");
        assert_eq!(first, again, "a finished trial is not made again");
    }
}

#[test]
fn an_engine_is_recorded_or_refused_with_the_reason() {
    let server = server("epoll");
    let address = server.address.to_string();
    for engine in ["auto", "epoll", "io-uring"] {
        let mut arguments = vec!["load", "--target", &address, "--engine", engine, "--json", "-"];
        arguments.extend(SHORT);
        let (exit, stdout, stderr) = run(&arguments);
        if exit == 2 && engine == "io-uring" {
            // This kernel, or a container around it, does not offer io_uring.
            assert!(stderr.contains("--engine auto or epoll"), "{stderr}");
            continue;
        }
        let trial: Value = serde_json::from_str(&stdout).expect(&stderr);
        let recorded = trial["client"]["engine"].as_str().expect("an engine");
        assert!(recorded == engine || engine == "auto" && recorded != "auto", "{recorded}");
        assert_eq!(trial["census"]["errors"], serde_json::json!({}));
    }
    fails(&["load", "--target", &address, "--engine", "kqueue"], 2, &["auto, epoll, io-uring"]);
}
