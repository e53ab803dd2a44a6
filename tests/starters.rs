//! The starter servers of `labs/starters/`: the good ones get every point, and the broken ones lose points for the
//! mistakes in the answer key. Servers whose language is not installed are named and ignored.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

const STARTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/labs/starters");

/// A language, and how its servers are built and started.
struct Language {
    name: &'static str,
    /// Programs that are needed to build and run its servers.
    tools: &'static [&'static str],
    good: &'static str,
    broken: &'static str,
    /// Builds the source into the folder, and returns the command that runs it.
    make: fn(source: &Path, folder: &Path) -> Result<String, Failed>,
    /// What the broken one always does wrong.
    wrong: &'static [&'static str],
    /// What the broken one does right.
    right: &'static [&'static str],
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "python",
        tools: &["python3"],
        good: "server.py",
        broken: "broken.py",
        make: |source, _| Ok(format!("python3 '{}' {{port}}", source.display())),
        wrong: &[
            "a_request_split_at_every_byte_is_one_request",
            "a_pipelined_burst_is_answered_in_order",
            "garbage_gets_an_error_and_the_connection_goes_on",
            "a_reset_in_mid_request_harms_nobody",
            "a_client_that_says_nothing_holds_up_nobody",
            "fifty_clients_are_served_side_by_side",
            "half_a_request_is_not_answered_by_the_drain",
            "the_port_is_free_afterwards",
        ],
        right: &["every_request_gets_its_reply", "half_close_is_answered"],
    },
    Language {
        name: "c",
        tools: &["cc"],
        good: "server.c",
        broken: "broken.c",
        make: |source, folder| {
            let program = folder.join("server");
            run(Command::new("cc").args(["-O2", "-pthread"]).arg(source).arg("-o").arg(&program))?;
            Ok(format!("'{}' {{port}}", program.display()))
        },
        wrong: &[
            "a_request_split_at_every_byte_is_one_request",
            "a_pipelined_burst_is_answered_in_order",
            "a_long_request_is_one_request",
            "garbage_gets_an_error_and_the_connection_goes_on",
            "running_out_of_descriptors_is_survived",
            "the_port_is_free_afterwards",
        ],
        right: &["every_request_gets_its_reply", "half_close_is_answered"],
    },
    Language {
        name: "java",
        tools: &["javac", "java"],
        good: "Server.java",
        broken: "Broken.java",
        make: |source, folder| {
            run(Command::new("javac").arg("-d").arg(folder).arg(source))?;
            let class = source.file_stem().unwrap_or_default().to_string_lossy();
            Ok(format!("java -cp '{}' {class} {{port}}", folder.display()))
        },
        wrong: &[
            "a_long_request_is_one_request",
            "garbage_gets_an_error_and_the_connection_goes_on",
            "a_reset_after_the_reply_harms_nobody",
            "fifty_clients_are_served_side_by_side",
            "running_out_of_descriptors_is_survived",
        ],
        right: &[
            "every_request_gets_its_reply",
            "a_request_split_at_every_byte_is_one_request",
            "a_pipelined_burst_is_answered_in_order",
            "half_close_is_answered",
        ],
    },
    Language {
        name: "go",
        tools: &["go"],
        good: "server.go",
        broken: "broken.go",
        make: |source, folder| {
            let program = folder.join("server");
            let mut build = Command::new("go");
            build.args(["build", "-o"]).arg(&program).arg(source).env("GO111MODULE", "off");
            // Its standard library is compiled once for both servers.
            run(build.env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go")))?;
            Ok(format!("'{}' {{port}}", program.display()))
        },
        wrong: &[
            "a_long_request_is_one_request",
            "garbage_gets_an_error_and_the_connection_goes_on",
            "a_reset_in_mid_request_harms_nobody",
            "a_reset_after_the_reply_harms_nobody",
            "running_out_of_descriptors_is_survived",
        ],
        right: &[
            "every_request_gets_its_reply",
            "a_request_split_at_every_byte_is_one_request",
            "fifty_clients_are_served_side_by_side",
            "half_close_is_answered",
        ],
    },
];

fn main() {
    let mut arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("rust::the_model_to_fill_in", rust)];
    for language in &LANGUAGES {
        let missing: Vec<_> =
            language.tools.iter().copied().filter(|tool| !is_installed(tool)).collect();
        let named = |what: &str| match missing.is_empty() {
            true => format!("{}::{what}", language.name),
            false => format!("{}::{what} (not installed: {})", language.name, missing.join(", ")),
        };
        let trial = |what: &str, run: fn(&Language) -> Result<(), Failed>| {
            Trial::test(named(what), move || run(language)).with_ignored_flag(!missing.is_empty())
        };
        trials.push(trial("the_good_server_gets_every_point", good));
        trials.push(trial("the_broken_server_fails_as_its_answer_key_says", broken));
    }
    // All at once, since most of what the broken servers do wrong is found by waiting.
    arguments.test_threads.get_or_insert(trials.len());
    libtest_mimic::run(&arguments, trials).exit();
}

fn is_installed(tool: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

fn run(command: &mut Command) -> Result<(), Failed> {
    let output = command.stdin(Stdio::null()).output()?;
    let told = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(told().into()) }
}

/// Makes a server and checks it.
fn check(language: &Language, file: &str, more: &[&str]) -> Result<Value, Failed> {
    let folder = tempfile::tempdir()?;
    let source: PathBuf = [STARTERS, language.name, file].iter().collect();
    let command = (language.make)(&source, folder.path())?;
    report(&[&["--command", &command, "--app", "multiply"], more].concat())
}

fn report(arguments: &[&str]) -> Result<Value, Failed> {
    let mut c10k = Command::new(env!("CARGO_BIN_EXE_c10k"));
    let output = c10k.arg("check").args(arguments).args(["--json", "-"]).output()?;
    let told = || String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {}", told()).into())
}

fn good(language: &Language) -> Result<(), Failed> {
    let report = check(language, language.good, &["--patience", "30s", "--tries", "1"])?;
    for test in report["tests"].as_array().ok_or("no tests")? {
        if test["result"] == "fail" {
            return Err(test.to_string().into());
        }
    }
    let enough = report["score"] == report["max"] && report["score"].as_u64() >= Some(50);
    if enough { Ok(()) } else { Err(format!("{} of {}", report["score"], report["max"]).into()) }
}

fn broken(language: &Language) -> Result<(), Failed> {
    // A slow machine must not fail what the server does right; a failure may be found after a short wait.
    for (names, result, patience) in
        [(language.right, "pass", "30s"), (language.wrong, "fail", "2s")]
    {
        let only = names.join(",");
        let more = ["--only", &only, "--patience", patience, "--tries", "1"];
        let report = check(language, language.broken, &more)?;
        for test in report["tests"].as_array().ok_or("no tests")? {
            if test["result"] != result {
                return Err(format!("expected {result}: {test}").into());
            }
        }
    }
    Ok(())
}

/// The exercise fails everything until it is filled in, and then nothing.
fn rust() -> Result<(), Failed> {
    let model = servers::models::find("yours").ok_or("there is no model yours")?;
    let filled_in = !model.summary.contains("an exercise");
    let only = "every_request_gets_its_reply,half_close_is_answered,a_long_request_is_one_request,\
                a_reset_in_mid_request_harms_nobody,drain_answers_what_was_received";
    let patience = if filled_in { "30s" } else { "5s" };
    let more = ["--model", "yours", "--only", only, "--tries", "1", "--patience", patience];
    let report = report(&more)?;
    let expected = if filled_in { &report["max"] } else { &Value::from(0) };
    if report["score"] == *expected { Ok(()) } else { Err(report.to_string().into()) }
}
