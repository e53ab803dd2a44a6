//! `c10k check` as its users run it: on a server that is wrong in the usual ways, on one that is
//! not, and with mistakes on the command line.

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::{c10k, server};

const STUDENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/students");

/// Runs `c10k check` and returns its exit code, standard output and standard error.
fn check(arguments: &[&str]) -> (i32, String, String) {
    let output = c10k().arg("check").args(arguments).output().expect("it runs");
    let Output { status, stdout, stderr } = output;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// As [`check`], with a document that is valid by the committed schema.
fn report(arguments: &[&str]) -> (i32, Value) {
    let (exit, stdout, stderr) = check(&[arguments, &["--json", "-"]].concat());
    let document = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/check.v1.json");
    let schema = std::fs::read_to_string(schema).expect("committed");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    (exit, document)
}

fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let (exit, stdout, stderr) = check(arguments);
    assert_eq!(exit, code, "{arguments:?}: {stdout}{stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
    }
}

/// What is wrong with the poor server, and what a student is told about it.
const MISTAKES: [(&str, &str); 8] = [
    ("a_request_split_at_every_byte_is_one_request", "not enough values to unpack"),
    ("a_pipelined_burst_is_answered_in_order", "too many values to unpack"),
    ("garbage_gets_an_error_and_the_connection_goes_on", "ValueError"),
    ("a_reset_in_mid_request_harms_nobody", "Connection reset by peer"),
    ("a_client_that_says_nothing_holds_up_nobody", "a new client is not served"),
    ("fifty_clients_are_served_side_by_side", "beside 1 others"),
    ("half_a_request_is_not_answered_by_the_drain", "half a request was answered with 198"),
    ("the_port_is_free_afterwards", "Address already in use"),
];
/// What it does right all the same.
const RIGHT: [&str; 4] = [
    "every_request_gets_its_reply",
    "half_close_is_answered",
    "a_carriage_return_before_the_line_feed_is_no_data",
    "nothing_is_left_of_a_stopped_server",
];

#[test]
fn a_poor_server_loses_points_for_what_is_wrong_with_it_and_for_nothing_else() {
    let command = format!("python3 '{STUDENTS}/poor.py' {{port}}");
    let only = MISTAKES.iter().map(|(name, _)| *name).chain(RIGHT).collect::<Vec<_>>().join(",");
    let arguments = ["--command", &command, "--app", "multiply", "--only", &only];
    let (exit, report) = report(&arguments);
    assert_eq!(exit, 1);
    assert_eq!(report["subject"]["one_at_a_time"], true);
    let tests = report["tests"].as_array().expect("tests");
    let of = |name: &str| tests.iter().find(|test| test["name"] == name).expect("it was tried");
    for (name, reason) in MISTAKES {
        let test = of(name);
        assert_eq!((&test["result"], test["points"].as_u64()), (&"fail".into(), Some(0)), "{test}");
        let told = test["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{name}: no '{reason}' in: {told}");
    }
    for name in RIGHT {
        assert_eq!(of(name)["result"], "pass", "{}", of(name));
    }
    let sum = |field: &str| -> u64 { tests.iter().filter_map(|test| test[field].as_u64()).sum() };
    assert_eq!(report["score"], sum("points"));
    assert_eq!(report["max"], sum("max"));
}

/// The README shows what comes, line by line.
#[test]
fn the_output_in_the_readme_is_that_of_the_program() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("committed");
    let block = readme.split("```").find(|block| block.contains("command python3 tests/"));
    let lines: Vec<_> = block.expect("an output").lines().skip(1).collect();
    let row = |line: &&str| line.strip_prefix(' ')?.split_whitespace().next().map(String::from);
    let names: Vec<_> = lines.iter().filter_map(row).filter(|name| name.contains('_')).collect();
    assert!(names.len() >= 4, "{names:?}");
    let command = ["--command", "python3 tests/students/poor.py {port}", "--app", "multiply"];
    let (_, stdout, _) = check(&[&command[..], &["--only", &names.join(",")]].concat());
    let came: Vec<_> = stdout.lines().map(str::trim_end).collect();
    for line in lines {
        // How far the pieces of a request come before the server is gone is not always the same.
        let varies = line.contains("it ended with") || line.contains("it said");
        assert!(varies || came.contains(&line), "not in the output: {line}\n{stdout}");
    }
}

#[test]
fn a_good_server_gets_every_point_and_what_cannot_be_asked_of_it_says_why() {
    let command = format!("python3 '{STUDENTS}/good.py'");
    // Enough for an interpreter on a busy machine; nothing here waits for it to run out.
    let arguments = ["--command", &command, "--app", "multiply", "--patience", "30s"];
    let (exit, report) = report(&arguments);
    for test in report["tests"].as_array().expect("tests") {
        assert_ne!(test["result"], "fail", "{test}");
        assert_eq!(test["result"] == "skipped", test["reason"].is_string(), "{test}");
    }
    assert_eq!((exit, &report["score"]), (0, &report["max"]));
    assert!(report["score"].as_u64() >= Some(50), "{}", report["score"]);
}

#[test]
fn a_running_server_is_checked_as_far_as_its_address_goes_and_goes_on() {
    let mut server = server("epoll");
    let address = server.address.to_string();
    let (exit, stdout, stderr) = check(&["--target", &address, "--patience", "30s"]);
    assert_eq!(exit, 0, "{stdout}{stderr}");
    for part in ["it needs the server's process", "it needs a model's options", "\nscore "] {
        assert!(stdout.contains(part), "no '{part}' in {stdout}");
    }
    assert!(!stdout.contains("FAIL"), "{stdout}");
    server.stop().expect("it still runs, and stops as it should");
}

#[test]
fn a_model_is_checked_and_what_is_its_nature_is_no_failure() {
    let silent = "a_client_that_says_nothing_holds_up_nobody";
    let only = format!("{silent},a_second_signal_cuts");
    let arguments = ["--model", "sequential", "--only", &only, "--patience", "30s"];
    let (exit, stdout, _) = check(&arguments);
    assert_eq!(exit, 0);
    assert!(stdout.contains("one at a time, by nature") && stdout.contains("score 1 of 1"));
    let (_, report) = report(&arguments);
    assert_eq!(report["tests"][0]["result"], "by_nature");
}

#[test]
fn what_cannot_be_checked_is_said_with_what_to_do() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gone.local_addr().expect("bound").to_string();
    drop(gone);
    fails(&["--target", &address], 1, &[&address, "is the server running?"]);
    fails(&["--command", "no-such-server {port}"], 1, &["no-such-server", "is it installed"]);
    let ends = "python3 -c 'raise SystemExit(\"no configuration\")'";
    fails(&["--command", ends], 1, &["no configuration", "exit status: 1", "{port}"]);
    fails(&["--command", "python3 'server.py"], 2, &["quotation mark"]);
    fails(&["--command", " "], 2, &["empty"]);
}

#[test]
fn a_check_of_nothing_of_two_or_of_something_unknown_is_a_usage_error() {
    fails(&[], 2, &["--model", "--target", "--command"]);
    fails(&["--model", "epoll", "--command", "x"], 2, &["cannot be used with"]);
    fails(&["--model", "epol"], 2, &["epoll"]);
    let typo = ["--model", "epoll", "--only", "a_second_signal_cut"];
    fails(&typo, 2, &["'a_second_signal_cut'", "a_second_signal_cuts"]);
}
