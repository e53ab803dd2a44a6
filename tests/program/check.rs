//! `c10k check` as its users run it: on a server with the usual mistakes, on a correct one, and with
//! mistakes on the command line.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::support::{c10k, server, server_that_speaks};
use c10k::check::Speech;
use protocol::{App, Framing};
use serde_json::Value;

const STUDENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/students");

/// Runs `c10k check` and returns its exit code, standard output and standard error.
fn check(arguments: &[&str]) -> (i32, String, String) {
    let output = c10k().arg("check").args(arguments).output().expect("it runs");
    let Output { status, stdout, stderr } = output;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// Like [`check`], with a document that is valid by the committed schema.
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

/// The mistakes of the poor server, and what a student is told about each.
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
/// What it does right.
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
    let arguments = [&arguments[..], &["--tries", "1"]].concat();
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

/// A runtime that warms up grows less and less (`tests/starters.rs` has Java's); this one grows every time.
#[test]
fn a_server_that_keeps_something_of_everybody_who_has_left_is_told_so() {
    let command = format!("python3 '{STUDENTS}/hoarding.py' {{port}}");
    let only = "clients_that_come_and_go_leave_no_memory_behind";
    let arguments = ["--command", &command, "--app", "multiply", "--only", only, "--tries", "1"];
    let (exit, report) = report(&arguments);
    let test = &report["tests"][0];
    assert_eq!((exit, &test["result"]), (1, &"fail".into()), "{test}");
    assert!(test["reason"].as_str().is_some_and(|told| told.contains("the server grew")), "{test}");
}

/// The document shows the program's output, line by line.
#[test]
fn the_output_in_the_readme_is_that_of_the_program() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.md");
    let readme = std::fs::read_to_string(readme).expect("committed");
    let block = readme.split("```").find(|block| block.contains("command python3 tests/"));
    let lines: Vec<_> = block.expect("an output").lines().skip(1).collect();
    let row = |line: &&str| line.strip_prefix(' ')?.split_whitespace().last().map(String::from);
    let names: Vec<_> = lines.iter().filter_map(row).filter(|name| name.contains('_')).collect();
    assert!(names.len() >= 4, "{names:?}");
    let command = ["--command", "python3 tests/students/poor.py {port}", "--app", "multiply"];
    let only = ["--only", &names.join(","), "--tries", "1"];
    let (_, stdout, _) = check(&[&command[..], &only].concat());
    let came: Vec<_> = stdout.lines().map(str::trim_end).collect();
    for line in lines {
        // How many pieces of a request are sent before the server is gone varies.
        let varies = line.contains("it ended");
        // The document ends a long line with an ellipsis.
        let is_there = match line.strip_suffix(" …") {
            Some(beginning) => came.iter().any(|full| full.starts_with(beginning)),
            None => came.contains(&line),
        };
        assert!(varies || is_there, "not in the output: {line}\n{stdout}");
    }
}

#[test]
fn a_good_server_gets_every_point_and_what_cannot_be_asked_of_it_says_why() {
    let command = format!("python3 '{STUDENTS}/good.py'");
    // Enough for an interpreter on a busy machine; no behaviour here waits for all of it.
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
    for part in ["needs the server's process", "needs a model's options", "\nscore ", "--all"] {
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
    assert!(
        stdout.contains("one client at a time by design") && stdout.contains("score 1 of 1"),
        "{stdout}"
    );
    let (_, report) = report(&arguments);
    assert_eq!(report["tests"][0]["result"], "by_nature");
}

/// A server of the odd kind, asked whether it echoes.
fn odd(how: &str, patience: &str, more: &[&str]) -> (i32, String, String) {
    let command = format!("python3 '{STUDENTS}/odd.py' {{port}} {how}");
    let only = ["--app", "echo", "--only", "every_request_gets_its_reply", "--patience", patience];
    check(&[&["--command", &command], &only[..], more].concat())
}

#[test]
fn a_server_that_prints_megabytes_is_checked_like_any_other() {
    let (exit, stdout, stderr) = odd("noisy", "60s", &[]);
    assert_eq!(exit, 0, "{stdout}{stderr}");
}

#[test]
fn a_server_that_listens_late_or_elsewhere_first_is_waited_for() {
    for how in ["late", "elsewhere-too"] {
        let (exit, stdout, stderr) = odd(how, "60s", &[]);
        assert_eq!(exit, 0, "{how}: {stdout}{stderr}");
    }
}

#[test]
fn a_server_that_listens_elsewhere_is_told_where_and_what_to_do() {
    let (exit, stdout, stderr) = odd("elsewhere", "1s", &[]);
    assert_eq!((exit, stdout.as_str()), (1, ""));
    for part in ["listens at 127.0.0.1:", "not on port", "{port}"] {
        assert!(stderr.contains(part), "no '{part}' in {stderr}");
    }
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("not tested: this machine has no version 6");
        return;
    }
    let (exit, _, stderr) = odd("version-6", "10s", &[]);
    assert_eq!(exit, 1);
    assert!(stderr.contains("listens at [::1]:") && stderr.contains("all addresses"), "{stderr}");
}

#[test]
fn what_differs_from_try_to_try_is_unstable_and_neither_passed_nor_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = folder.path().join("starts");
    let command = format!("python3 '{STUDENTS}/moody.py' {{port}} '{}'", count.display());
    let arguments = ["--command", &command, "--app", "echo", "--patience", "30s"];
    let arguments = [&arguments[..], &["--only", "every_request_gets_its_reply"]].concat();
    // The first start only finds out whether it can be checked, so the next one answers wrongly.
    let (exit, report) = report(&arguments);
    let test = &report["tests"][0];
    assert_eq!((exit, &test["result"]), (1, &"unstable".into()), "{test}");
    assert_eq!((&test["tries"], &test["failures"]), (&2.into(), &1.into()), "{test}");
    assert_eq!((&report["score"], &report["max"]), (&0.into(), &3.into()));
    std::fs::write(&count, "0").expect("a file");
    let (exit, stdout, _) = check(&arguments);
    assert_eq!(exit, 1);
    for part in ["UNSTABLE", "failed 1 of 2 times", "0 passed, 0 failed, 1 unstable"] {
        assert!(stdout.contains(part), "no '{part}' in {stdout}");
    }
    std::fs::write(&count, "0").expect("a file");
    let (_, once, _) = check(&[&arguments[..], &["--tries", "1"]].concat());
    assert!(once.contains("0 passed, 1 failed"), "{once}");
    // A behaviour that passes at first is tried again only on request.
    std::fs::write(&count, "1").expect("a file");
    assert_eq!(check(&arguments).0, 0);
    std::fs::write(&count, "1").expect("a file");
    let (_, confirmed, _) = check(&[&arguments[..], &["--confirm"]].concat());
    assert!(confirmed.contains("1 unstable"), "{confirmed}");
}

#[test]
fn graders_get_their_reports_also_of_a_server_that_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (results, junit, md) = (path("results.json"), path("junit.xml"), path("summary.md"));
    let reports = ["--gradescope", &results, "--points", "20", "--junit", &junit, "--md", &md];
    let read = |name: &str| std::fs::read_to_string(name).expect("it was written");
    let (exit, stdout, stderr) = odd("late", "10s", &reports);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stdout.contains("score 3 of 3"), "the table is printed too: {stdout}");
    let gradescope: Value = serde_json::from_str(&read(&results)).expect("JSON");
    assert_eq!(gradescope["score"], 20.0);
    assert!(read(&md).starts_with("## 3 of 3 points\n"));
    let ends = "python3 -c 'raise SystemExit(\"<no> & configuration\")'";
    let (exit, _, stderr) = check(&[&["--command", ends, "--app", "echo"], &reports[..]].concat());
    assert_eq!(exit, 1);
    assert!(stderr.contains("<no> & configuration"), "{stderr}");
    let gradescope: Value = serde_json::from_str(&read(&results)).expect("JSON");
    assert_eq!(gradescope["score"], 0.0);
    let output = gradescope["tests"][0]["output"].as_str().expect("text");
    assert!(output.contains("<no> & configuration"), "{output}");
    assert!(read(&md).starts_with("## 0 of "), "{}", read(&md));
    // Another parser finds it well-formed.
    let parse = "import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); \
                 print(len(d.getElementsByTagName('failure')), \
                 d.getElementsByTagName('testsuite')[0].getAttribute('failures'))";
    let parsed = std::process::Command::new("python3").args(["-c", parse, &junit]).output();
    let parsed = String::from_utf8(parsed.expect("python3 runs").stdout).expect("text");
    let counts: Vec<_> = parsed.split_whitespace().collect();
    assert!(counts.len() == 2 && counts[0] == counts[1] && counts[0] != "0", "{parsed}");
}

#[test]
fn one_report_only_goes_to_standard_output_and_files_must_be_writable() {
    let both = ["--model", "epoll", "--json", "-", "--md", "-"];
    fails(&both, 2, &["only one report"]);
    fails(&["--model", "epoll", "--points", "5"], 2, &["--gradescope"]);
    fails(&["--model", "epoll", "--junit", "/no/such/folder/x.xml"], 2, &["/no/such/folder"]);
}

#[test]
fn what_was_not_tried_is_no_pass() {
    let command = format!("python3 '{STUDENTS}/poor.py' {{port}}");
    let arguments = ["--command", &command, "--app", "multiply", "--only", "a_second_signal_cuts"];
    let (exit, stdout, stderr) = check(&arguments);
    assert_eq!(exit, 4, "{stdout}");
    assert!(stderr.contains("no behaviour was tried"), "{stderr}");
}

#[test]
fn an_http_server_of_another_make_is_asked_for_its_own_pages() {
    // One of our servers, known only by its address.
    let speech = Speech::for_app(App::Bench, Framing::Http);
    let mut server = server_that_speaks("epoll", speech);
    let address = server.address.to_string();
    let arguments = ["--target", &address, "--framing", "http", "--patience", "30s"];
    let (exit, report) = report(&arguments);
    let tests = report["tests"].as_array().expect("tests");
    let http: Vec<_> =
        tests.iter().filter(|t| t["name"].as_str().expect("a name").contains("http")).collect();
    assert_eq!(http.iter().filter(|test| test["result"] == "pass").count(), 5, "{http:?}");
    assert_eq!((exit, &report["score"]), (0, &report["max"]), "{report}");
    assert_eq!(report["subject"]["path"], "/");
    let (exit, stdout, stderr) = check(&[&arguments[..], &["--path", "/nowhere"]].concat());
    assert_eq!((exit, stdout.as_str()), (1, ""));
    for part in ["give --path", "status 404"] {
        assert!(stderr.contains(part), "no '{part}' in {stderr}");
    }
    server.stop().expect("it still runs, and stops as it should");
}

#[test]
fn an_http_server_that_closes_after_each_reply_loses_points_for_that_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("index.html"), "hello").expect("a file");
    let at = folder.path().display();
    let command = format!("python3 -m http.server --bind 127.0.0.1 --directory '{at}' {{port}}");
    let names = [
        "every_request_gets_its_reply",
        "http_requests_are_answered_on_a_connection_that_stays_open",
        "an_http_request_split_at_every_byte_is_one_request",
        "a_pipelined_http_burst_is_answered_in_order",
        "connection_close_is_answered_and_obeyed",
        "a_reset_in_mid_request_harms_nobody",
        "fifty_clients_are_served_side_by_side",
    ];
    let only = names.join(",");
    let arguments = ["--command", &command, "--framing", "http", "--only", &only];
    let (exit, report) = report(&[&arguments[..], &["--patience", "30s"]].concat());
    let of = |at: usize| report["tests"][at]["result"].as_str().expect("a result");
    assert_eq!(exit, 1, "{report}");
    assert_eq!(
        (0..names.len()).map(of).collect::<Vec<_>>(),
        ["pass", "fail", "pass", "skipped", "pass", "pass", "pass"],
        "{report}"
    );
}

#[test]
fn what_cannot_be_checked_is_said_with_what_to_do() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gone.local_addr().expect("bound").to_string();
    drop(gone);
    fails(&["--target", &address], 1, &[&address, "is the server running?"]);
    fails(
        &["--command", "no-such-server {port}"],
        1,
        &["no-such-server", "check that it is installed"],
    );
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
