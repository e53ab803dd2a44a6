//! Every command that `c10k --help` lists, in a pipe and on a terminal: its output, its exit code, its message about an
//! unknown option, and that Ctrl-C ends it. A new command fails here until it has a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{fails, run};
use crate::support::terminal::Terminal;
use crate::support::{C10K, c10k, server};
use c10k::check::server::RunningServer;

/// A committed run.
const RUN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/results/20261121-two-core-vm/quick-20261121T232743Z");

/// A quick use of a command.
struct Row {
    name: &'static str,
    /// The rest of its arguments, in which `{run}`, `{server}` and other names are replaced.
    arguments: &'static str,
    codes: &'static [i32],
    /// It prints this on standard output.
    says: &'static str,
}

const fn row(
    name: &'static str,
    arguments: &'static str,
    codes: &'static [i32],
    says: &'static str,
) -> Row {
    Row { name, arguments, codes, says }
}

const OK: &[i32] = &[0];
/// For commands that measure: a busy machine may spoil a figure, which the code 4 reports.
const MEASURED: &[i32] = &[0, 4];

/// Commands that end by themselves. `run`, `soak`, `advise` and `lab` have tests of their own that measure.
const ROWS: [Row; 18] = [
    row("run", "--dry-run", OK, "thread-per-client"),
    row("advise", "--clients 50 --dry-run", OK, "name = \"advise\""),
    row("load", "{server} -c 2 -d 100ms --warmup 1ms", MEASURED, "replies"),
    row("merge", "{part}", &[4], "only 1 of 2 parts were merged; missing: 1"),
    row("export", "{run} --to md", OK, "| epoll |"),
    row("doctor", "", &[0, 1, 4], "processor"),
    row("lab", "", OK, "stateful"),
    row("check", "--model epoll --only answers_every_verb", OK, "score 1 of 1"),
    row("soak", "epoll --connections 50 --out {folder}", MEASURED, "epoll"),
    row("models", "", OK, "tokio-sharded"),
    row("plans", "", OK, "quick"),
    row("report", "{run}", OK, "epoll"),
    row("pack", "{unpacked}", OK, ""),
    row("compare", "{run} {run}", OK, "of 410 figures 0 worse"),
    row("schema", "trial", OK, "\"title\": \"Trial\""),
    row("man", "run", OK, ".TH c10k-run"),
    row("completions", "bash", OK, "_c10k()"),
    row("version", "", OK, "c10k "),
];

/// Commands that run until they are ended: their arguments, what they show when they have begun, and their exit code
/// after Ctrl-C. `tests/soak.rs` has a soak.
const UNTIL_ENDED: [(&str, &str, &str, i32); 10] = [
    ("serve", "epoll --listen 127.0.0.1:0", "listens at", 0),
    ("calibrate", "--law none --listen 127.0.0.1:0", "ready", 0),
    ("client", "{server}", "ends the input", 130),
    ("load", "{server} -c 2 -d 60s --warmup 1ms", "measure ", 130),
    ("run", "epoll --out {folder}", "round 0 of", 130),
    ("advise", "--clients 4 --models epoll,poll --measure --out {folder}", "round 0 of", 130),
    ("compare", "--interleaved {c10k} {c10k} --out {folder}", "round 0 of", 130),
    ("check", "--model epoll", "0 of ", 130),
    ("doctor", "--aa epoll --pairs 99", "pair 1 of", 130),
    ("lab", "stateful --quick --models epoll --out {folder}", "0/", 130),
];

/// The files and the server that the arguments of rows name.
struct Stage {
    folder: tempfile::TempDir,
    server: RunningServer,
}

impl Stage {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), server: server("epoll") }
    }

    /// A command and its arguments, as words.
    fn words(&self, name: &str, arguments: &str) -> Vec<String> {
        let inside = |name: &str| self.folder.path().join(name).display().to_string();
        let meant = |word: &str| match word {
            "{run}" => RUN.to_string(),
            "{c10k}" => C10K.to_string(),
            "{server}" => self.server.address.to_string(),
            "{folder}" => inside("made"),
            "{part}" => self.part(&inside("part.json")),
            "{unpacked}" => unpacked(Path::new(&inside("run"))),
            word => word.to_string(),
        };
        std::iter::once(name).chain(arguments.split_whitespace()).map(meant).collect()
    }

    /// One of two parts of a load.
    fn part(&self, file: &str) -> String {
        let target = self.server.address.to_string();
        let (code, _, said) = run(&[
            "load", &target, "--shard", "0/2", "-c", "2", "-d", "100ms", "--warmup", "1ms", "-q",
            "--json", file,
        ]);
        assert!(MEASURED.contains(&code), "{said}");
        file.to_string()
    }
}

/// A run whose trials are one file each.
fn unpacked(folder: &Path) -> String {
    if !folder.exists() {
        fs::create_dir(folder).expect("a folder");
        for file in fs::read_dir(RUN).expect("it is kept") {
            let file = file.expect("a file").path();
            fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
    let folder = folder.display().to_string();
    assert_eq!(run(&["pack", "--undo", &folder]).0, 0);
    folder
}

fn str_of(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The names of all commands, those that the help hides included.
fn commands() -> BTreeSet<String> {
    let (_, help, _) = run(&["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let named = list.expect("a list of commands").lines().filter(|line| !line.starts_with("    "));
    named.filter_map(|line| line.split_whitespace().next().map(String::from)).collect()
}

#[test]
fn every_command_has_a_row() {
    let tried = ROWS.iter().map(|row| row.name).chain(UNTIL_ENDED.iter().map(|row| row.0));
    let tried: BTreeSet<String> = tried.map(String::from).collect();
    let without_help: BTreeSet<String> = commands().into_iter().filter(|it| it != "help").collect();
    let missing: Vec<&String> = without_help.difference(&tried).collect();
    assert!(missing.is_empty(), "no test tries {missing:?}");
    let gone: Vec<&String> =
        tried.difference(&without_help).filter(|it| *it != "version").collect();
    assert!(gone.is_empty(), "there is no {gone:?}");
}

#[test]
fn every_command_says_in_a_pipe_what_it_found_and_nothing_for_terminals() {
    let stage = Stage::new();
    for Row { name, arguments, codes, says } in ROWS {
        let (code, stdout, stderr) = run(&str_of(&stage.words(name, arguments)));
        assert!(codes.contains(&code), "{name}: {code}: {stderr}");
        assert!(stdout.contains(says) || stderr.contains(says), "{name}: {stdout}{stderr}");
        assert!(
            !stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'),
            "{name}: {stdout}{stderr}"
        );
    }
}

#[test]
fn every_command_says_the_same_on_a_terminal() {
    let stage = Stage::new();
    for Row { name, arguments, codes, says } in ROWS {
        let mut terminal = Terminal::new(&str_of(&stage.words(name, arguments)));
        let (code, screen) = terminal.all();
        assert!(code.is_some_and(|code| codes.contains(&code)), "{name}: {code:?}: {screen}");
        // The terminal may break lines anywhere.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&plain(&screen)).contains(&words(says)), "{name}: {screen}");
    }
}

/// The text on a screen, without escape sequences.
fn plain(screen: &str) -> String {
    let mut text = String::new();
    let mut rest = screen;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text += before;
        // A sequence ends with its first letter.
        rest = after.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    text + rest
}

#[test]
fn every_command_names_an_option_that_it_has_not() {
    for name in commands().iter().filter(|name| *name != "help") {
        fails(&[name, "--no-such-option"], 2, &["--no-such-option"]);
    }
}

#[test]
fn every_command_has_help_that_ends_with_0() {
    for name in commands().iter().filter(|name| *name != "help") {
        let (code, stdout, stderr) = run(&[name, "--help"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{name}");
        assert!(stdout.contains(&format!("Usage: c10k {name}")), "{name}: {stdout}");
    }
}

#[test]
fn control_c_ends_every_command_that_goes_on_with_the_code_that_is_promised() {
    let stage = Stage::new();
    // Most of them wait.
    std::thread::scope(|scope| {
        for (name, arguments, begun, code) in UNTIL_ENDED {
            let words = stage.words(name, arguments);
            scope.spawn(move || {
                let mut terminal = Terminal::new(&str_of(&words));
                terminal.shows(begun);
                terminal.types("\u{3}");
                let (ended, screen) = terminal.all();
                assert_eq!(ended, Some(code), "{name}: {screen}");
            });
        }
    });
}

/// The end of a pipe that nobody reads any more.
fn without_reader() -> std::io::PipeWriter {
    std::io::pipe().expect("a pipe").1
}

#[test]
fn nobody_at_the_other_end_of_a_pipe_is_no_error() {
    let stage = Stage::new();
    for Row { name, arguments, codes, .. } in ROWS {
        let mut command: Command = c10k();
        command.args(stage.words(name, arguments)).stdin(Stdio::null()).stdout(without_reader());
        let output = command.stderr(Stdio::piped()).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let code =
            output.status.code().unwrap_or_else(|| panic!("{name}: {}: {said}", output.status));
        assert!(code == 0 || codes.contains(&code), "{name}: {code}: {said}");
        assert!(!said.contains("panicked"), "{name}: {said}");
    }
}

#[test]
fn nobody_who_reads_notes_changes_nothing() {
    let stage = Stage::new();
    for Row { name, arguments, codes, .. } in ROWS {
        let mut command: Command = c10k();
        command.args(stage.words(name, arguments)).stdin(Stdio::null()).stdout(Stdio::null());
        // A panic has exit code 101, and nobody to tell.
        let status = command.stderr(without_reader()).status().expect("it runs");
        assert!(status.code().is_some_and(|code| codes.contains(&code)), "{name}: {status}");
    }
}
