//! The teacher's kit: the autograder on good and bad submissions, and the report template.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");
const C10K: &str = env!("CARGO_BIN_EXE_c10k");

/// An assignment that can be checked in seconds.
const ASSIGNMENT: &str = "\
APP=multiply
FRAMING=line
POINTS=20
BUILD_SECONDS=60
CHECK_SECONDS=300
CHECK_OPTIONS='--tries 1 --patience 30s --only every_request_gets_its_reply,half_close_is_answered,\
a_request_split_at_every_byte_is_one_request'
";

#[test]
fn each_handout_has_a_goal_predictions_what_to_do_what_to_look_for_and_questions_with_answers_apart()
 {
    let labs = Path::new(PROJECT).join("labs");
    let list = fs::read_to_string(labs.join("README.md")).unwrap();
    let list = list.split("## Handouts").nth(1).unwrap().split("## ").next().unwrap();
    let handouts: Vec<&str> = list
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| [")?.split_once("](")?.1.split_once(')')?.0))
        .collect();
    assert!(handouts.len() > 5, "{handouts:?}");
    for handout in &handouts {
        let text = fs::read_to_string(labs.join(handout)).unwrap();
        for heading in ["Goal", "Predict", "What to look for", "Questions"] {
            assert!(text.contains(&format!("\n## {heading}\n")), "{handout}: {heading}");
        }
        assert!(
            text.contains("```console\n$ ") || text.contains("```sh\nc10k "),
            "{handout}: commands"
        );
        let asked = |from: &str, text: &str| {
            let questions = text.split(from).last().unwrap();
            let number =
                |line: &&str| line.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok());
            questions.lines().filter(number).count()
        };
        let answers = fs::read_to_string(labs.join("answers").join(handout)).unwrap();
        let (questions, answered) = (asked("\n## Questions\n", &text), asked("# ", &answers));
        assert!(questions > 0 && questions == answered, "{handout}: {questions} and {answered}");
    }
    let keys = fs::read_dir(labs.join("answers")).unwrap().map(|key| key.unwrap().file_name());
    for key in keys.filter(|key| key != "starters.md") {
        assert!(handouts.iter().any(|handout| key == *handout), "{key:?} answers no handout");
    }
}

/// The folder that Gradescope calls /autograder, with the program in it.
fn autograder(assignment: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // Root grades as another user, who must be able to start the program.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    for file in fs::read_dir(Path::new(PROJECT).join("labs/autograder")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), source.join(file.file_name())).unwrap();
    }
    if fs::hard_link(C10K, source.join("c10k")).is_err() {
        fs::copy(C10K, source.join("c10k")).unwrap();
    }
    fs::write(source.join("assignment.sh"), assignment).unwrap();
    fs::create_dir(folder.path().join("submission")).unwrap();
    folder
}

fn starter(name: &str) -> PathBuf {
    Path::new(PROJECT).join("labs/starters").join(name)
}

/// Grades the submission in its folder.
fn graded(folder: &TempDir) -> Value {
    let mut grader = Command::new(folder.path().join("source/run_autograder"));
    let output = grader.env("AUTOGRADER", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let results = fs::read(folder.path().join("results/results.json")).unwrap();
    serde_json::from_slice(&results).unwrap_or_else(|error| panic!("{error}: {results:?}"))
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok()
}

#[test]
fn a_good_submission_has_every_point_and_a_broken_one_some() {
    if !has_python() {
        return eprintln!("not tested: there is no python3");
    }
    let folder = autograder(ASSIGNMENT);
    let server = folder.path().join("submission/server.py");
    fs::copy(starter("python/server.py"), &server).unwrap();
    let results = graded(&folder);
    assert_eq!(results["score"], 20.0, "{results}");
    assert_eq!(results["tests"].as_array().map(Vec::len), Some(3), "{results}");
    // It serves one client at a time, and the checks need their whole timeout to find that out.
    let folder = autograder(&ASSIGNMENT.replace("30s", "10s"));
    let server = folder.path().join("submission/server.py");
    fs::copy(starter("python/broken.py"), &server).unwrap();
    let results = graded(&folder);
    assert_eq!(results["score"], 12.5, "5 of 8 points: {results}");
}

#[test]
fn a_submission_that_cannot_be_graded_has_none_and_is_told_why() {
    let folder = autograder(ASSIGNMENT);
    let submission = folder.path().join("submission");
    let problem = |results: &Value| {
        assert_eq!(results["score"], 0, "{results}");
        results["output"].as_str().expect("words").to_string()
    };
    let said = problem(&graded(&folder));
    assert!(said.contains("There is no server.py"), "{said}");
    fs::write(submission.join("Makefile"), "server:\n\techo 'a\"b\\c' \u{fc} >&2; false\n")
        .unwrap();
    let said = problem(&graded(&folder));
    assert!(said.contains("The build failed (make)") && said.contains("a\"b\\c"), "{said}");
    // It builds, but there is no server, so every test has failed.
    fs::write(submission.join("Makefile"), "server:\n\ttouch server\n").unwrap();
    let results = graded(&folder);
    assert_eq!(results["score"], 0.0, "{results}");
    let tests = results["tests"].as_array().expect("tests");
    assert!(tests.iter().all(|test| test["status"] == "failed"), "{results}");
}

#[test]
fn a_submission_that_takes_too_long_ends() {
    let folder = autograder(&ASSIGNMENT.replace("BUILD_SECONDS=60", "BUILD_SECONDS=1"));
    fs::write(folder.path().join("submission/Makefile"), "server:\n\tsleep 1000\n").unwrap();
    let results = graded(&folder);
    assert!(results["output"].as_str().is_some_and(|said| said.contains("build failed")));
    let folder = autograder(&ASSIGNMENT.replace("CHECK_SECONDS=300", "CHECK_SECONDS=1"));
    fs::write(folder.path().join("submission/Makefile"), "server:\n\tcp /bin/sleep server\n")
        .unwrap();
    let results = graded(&folder);
    let said = results["output"].as_str().unwrap_or_default();
    assert!(said.contains("longer than 1 seconds"), "{results}");
    assert_eq!(results["score"], 0, "{results}");
}

#[test]
fn what_a_submission_links_to_is_not_written_to() {
    let folder = autograder(ASSIGNMENT);
    let submission = folder.path().join("submission");
    let other = folder.path().join("other");
    fs::write(&other, "untouched").unwrap();
    for name in ["build.log", "server.new", "results.json", "server"] {
        std::os::unix::fs::symlink(&other, submission.join(name)).unwrap();
    }
    fs::write(submission.join("Makefile"), "all:\n\techo words\n").unwrap();
    graded(&folder);
    assert_eq!(fs::read_to_string(&other).unwrap(), "untouched");
    assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_folder_of_submissions_becomes_a_table() {
    if !has_python() {
        return eprintln!("not tested: there is no python3");
    }
    let folder = autograder(ASSIGNMENT);
    let (of, to) = (folder.path().join("submissions"), folder.path().join("grades"));
    let grade = || {
        let mut grade = Command::new(folder.path().join("source/grade.sh"));
        grade.args([&of, &to]).output().unwrap()
    };
    fs::create_dir(&of).unwrap();
    assert_eq!(grade().status.code(), Some(2), "there is nothing to grade");
    for name in ["ada", "b \"c\" | d"] {
        fs::create_dir(of.join(name)).unwrap();
        fs::copy(starter("python/server.py"), of.join(name).join("server.py")).unwrap();
    }
    let output = grade();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    fs::create_dir(of.join("eve")).unwrap();
    let output = grade();
    assert_eq!(output.status.code(), Some(1), "one could not be graded: {}", said(&output));
    let table = fs::read_to_string(to.join("grades.md")).unwrap();
    assert!(table.contains("| ada | 20.00 | 3 | 0 | 0 |"), "{table}");
    assert!(table.contains("| b \"c\" \\| d | 20.00 | 3 | 0 | 0 |"), "{table}");
    let mut csv = csv::Reader::from_path(to.join("grades.csv")).unwrap();
    let rows: Vec<_> = csv.records().map(Result::unwrap).collect();
    let points: Vec<_> = rows.iter().map(|row| (&row[0], &row[1])).collect();
    assert_eq!(points, [("ada", "20.00"), ("b \"c\" | d", "20.00"), ("eve", "0")]);
    assert!(rows[2][8].contains("There is no server.py"), "{rows:?}");
}

#[test]
fn a_report_begins_with_the_tables_of_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let begin = |run: &str, to: &str| {
        let mut begin = Command::new(Path::new(PROJECT).join("labs/report/begin.sh"));
        begin.arg(Path::new(PROJECT).join("results/20261121-two-core-vm").join(run));
        begin.arg(folder.path().join(to)).env("C10K", C10K);
        // Without figures: the plotting script has its own tests.
        begin.env("PATH", "/usr/bin:/bin").env("PYTHON", "false").output().unwrap()
    };
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    for (run, title, mark) in [
        ("pool-20261121T205308Z", "### wait", "thread-pool"),
        ("stateful-20261121T201646Z", "# Is a stateless server", "connecting"),
    ] {
        let output = begin(run, run);
        assert!(output.status.success(), "{}", said(&output));
        let report = read(&format!("{run}/report.md"));
        assert!(report.contains(title) && report.contains(run), "{report}");
        assert!(!report.contains('@'), "a mark was left: {report}");
        assert!(read(&format!("{run}/tables.tex")).contains(mark));
        assert!(read(&format!("{run}/report.tex")).contains("\\input{tables}"));
        assert!(read(&format!("{run}/run.csv")).lines().count() > 100);
        let again = begin(run, run);
        assert_eq!(again.status.code(), Some(2), "it never writes over a report");
    }
    assert_eq!(begin("no-such-run", "other").status.code(), Some(2));
}

#[test]
fn a_report_on_a_small_lab_has_the_figures_that_the_lab_has_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, bin) = (folder.path().join("lab"), folder.path().join("bin"));
    fs::create_dir(&lab).unwrap();
    fs::create_dir(&bin).unwrap();
    for (file, text) in [
        ("lab.json", "{}"),
        ("lab.md", "# A lab"),
        ("lab.tex", "% A lab"),
        ("figure-a.svg", "<svg/>"),
    ] {
        fs::write(lab.join(file), text).unwrap();
    }
    let begin = |to: &str, path: &str| {
        let mut begin = Command::new(Path::new(PROJECT).join("labs/report/begin.sh"));
        begin.arg(&lab).arg(folder.path().join(to)).env("C10K", C10K).env("PYTHON", "false");
        begin.env("PATH", path).output().unwrap()
    };
    // A stand-in that makes an empty PDF, found before an installed program.
    let convert = bin.join("rsvg-convert");
    fs::write(&convert, "#!/bin/sh\necho pdf >\"$4\"\n").unwrap();
    fs::set_permissions(&convert, fs::Permissions::from_mode(0o755)).unwrap();
    let output = begin("with", &format!("{}:/usr/bin:/bin", bin.display()));
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    assert!(folder.path().join("with/figure-a.svg").is_file());
    assert!(folder.path().join("with/figure-a.pdf").is_file());
    fs::write(&convert, "#!/bin/sh\nexit 1\n").unwrap();
    let output = begin("without", &format!("{}:/usr/bin:/bin", bin.display()));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("no figure-a.pdf for LaTeX"), "{}", said(&output));
    assert!(folder.path().join("without/figure-a.svg").is_file());
}
