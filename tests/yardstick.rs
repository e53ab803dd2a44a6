//! The instruction counter of the yardstick: the same work always has the same count.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use c10k::machine;

#[path = "../benches/yardstick/stepper/mod.rs"]
mod stepper;

use stepper::{Clock, Count, Scope, Stepper};

/// A shell that does the same work for each line that it reads.
struct Shell(Child);

impl Shell {
    fn doing(what: &str) -> Self {
        let script = format!("while read line; do {what}; done");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::piped());
        Self(shell.spawn().expect("sh runs"))
    }

    fn line(&mut self) {
        let stdin = self.0.stdin.as_mut().expect("it was asked for");
        stdin.write_all(b"x\n").expect("it reads");
    }

    /// The counts of several lines, from the second one on. The first line is read before counting starts.
    fn counts(mut self, lines: usize, scope: fn(i32) -> Scope) -> Option<Vec<Count>> {
        self.line();
        let pid = i32::try_from(self.0.id()).expect("a pid");
        let stepper = match Stepper::attach(scope(pid), machine::cpus()[0], Clock::Real) {
            Ok(stepper) => stepper,
            Err(why) => {
                eprintln!("skipped: {why:#}");
                let _ = self.0.kill();
                return None;
            }
        };
        self.line();
        let mut before = stepper.settled().expect("it comes to rest");
        let mut counts = Vec::new();
        for _ in 0..lines {
            self.line();
            let now = stepper.settled().expect("it comes to rest");
            counts.push(now.since(&before));
            before = now;
        }
        Some(counts)
    }
}

#[test]
fn the_same_work_is_the_same_number_of_instructions_each_time() {
    let Some(counts) = Shell::doing(":").counts(5, Scope::Tree) else { return };
    assert!(counts[0].instructions > 100, "{counts:?}");
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    // It reads "x", the end of the line, and then waits in the read of the next one.
    let reads = u64::try_from(libc::SYS_read).expect("a number");
    assert_eq!(counts[0].syscalls, [(reads, 2)].into(), "{counts:?}");
}

#[test]
fn what_a_child_does_is_counted_with_the_tree_and_not_with_the_thread() {
    const IN_A_CHILD: &str = "(n=0; while [ $n -lt 9 ]; do n=$((n+1)); done)";
    let thread = |pid| Scope::Thread { process: pid, thread: pid };
    let Some(tree) = Shell::doing(IN_A_CHILD).counts(1, Scope::Tree) else { return };
    let Some(alone) = Shell::doing(IN_A_CHILD).counts(1, thread) else { return };
    let (tree, alone) = (tree[0].instructions, alone[0].instructions);
    assert!(tree > 2 * alone, "{tree} with the child, {alone} without");
}

#[test]
fn whoever_has_ended_is_not_counted_to_be_at_rest() {
    let mut shell = Shell::doing(":");
    let pid = i32::try_from(shell.0.id()).expect("a pid");
    let Ok(stepper) = Stepper::attach(Scope::Tree(pid), machine::cpus()[0], Clock::Real) else {
        eprintln!("skipped: nobody may be traced here");
        return;
    };
    drop(shell.0.stdin.take());
    // It is at rest for a moment before it reads the end of its input.
    let ended = (0..1_000_000).find_map(|_| stepper.settled().err()).expect("it ends");
    assert!(ended.to_string().contains("has ended"), "{ended:#}");
}

#[test]
fn the_turns_of_a_loop_that_never_sleeps_are_alike() {
    let mut sh = Command::new("sh");
    let mut busy = sh.args(["-c", "while :; do kill -0 $$; done"]).spawn().expect("sh runs");
    let pid = i32::try_from(busy.id()).expect("a pid");
    let Ok(stepper) = Stepper::attach(Scope::Tree(pid), machine::cpus()[0], Clock::Real) else {
        eprintln!("skipped: nobody may be traced here");
        busy.kill().and_then(|()| busy.wait()).expect("it runs");
        return;
    };
    let kill = u64::try_from(libc::SYS_kill).expect("a number");
    let turns = stepper.turns(kill, 5).expect("it makes turns");
    drop(stepper);
    // It was killed, and the stepper may have reaped it already.
    let _ = busy.wait();
    assert_eq!(turns.len(), 5);
    assert!(turns[0].instructions > 100, "{turns:?}");
    assert!(turns.iter().all(|turn| *turn == turns[0]), "{turns:?}");
    assert_eq!(turns[0].syscalls, [(kill, 1)].into(), "{turns:?}");
}

#[test]
fn a_slow_clock_advances_by_its_readings_and_not_by_time() {
    const SCRIPT: &str = "import sys, time\nfor _ in iter(sys.stdin.readline, ''): \
                          print(time.monotonic_ns(), flush=True)";
    let mut python = Command::new("python3");
    let python = python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut python) = python.spawn() else { return eprintln!("skipped: there is no python3") };
    let mut stdin = python.stdin.take().expect("piped");
    let mut lines = BufReader::new(python.stdout.take().expect("piped")).lines();
    let mut read = || -> u64 {
        stdin.write_all(b"x\n").expect("it reads");
        lines.next().expect("it answers").expect("text").parse().expect("a number")
    };
    let real = read();
    let pid = i32::try_from(python.id()).expect("a pid");
    let stepper = match Stepper::attach(Scope::Tree(pid), machine::cpus()[0], Clock::Slow) {
        Ok(stepper) => stepper,
        Err(why) => {
            eprintln!("skipped: {why:#}");
            return python.kill().and_then(|()| python.wait()).map(drop).expect("it runs");
        }
    };
    let first = read();
    assert!(first > real, "it begins at the real time: {real}, {first}");
    let before = stepper.settled().expect("it comes to rest");
    std::thread::sleep(Duration::from_millis(50));
    let second = read();
    let count = stepper.settled().expect("it comes to rest").since(&before);
    assert!(count.clock_reads > 0, "{count:?}");
    assert_eq!(second - first, 1_000 * count.clock_reads, "{count:?}");
    drop(stepper);
    let _ = python.wait();
}

#[test]
fn each_program_in_c_compiles() {
    if Command::new("cc").arg("--version").output().is_err() {
        return eprintln!("not tested: there is no cc");
    }
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let mut programs = Vec::new();
    for folder in ["yardstick/c", "classroom/c", "generators/c"] {
        let files = std::fs::read_dir(benches.join(folder)).expect("programs").flatten();
        programs.extend(
            files.map(|file| file.path()).filter(|path| path.extension() == Some("c".as_ref())),
        );
    }
    assert!(programs.len() > 20, "{programs:?}");
    for program in programs {
        let mut cc = Command::new("cc");
        let cc = cc.args(["-O2", "-fsyntax-only"]).arg(&program);
        let output = cc.output().expect("cc runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", program.display());
    }
}
