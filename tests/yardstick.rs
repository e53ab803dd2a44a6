//! The instrument of the yardstick that counts instructions: the same work is the same count.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use c10k::machine;

#[path = "../benches/yardstick/stepper.rs"]
mod stepper;

use stepper::{Count, Scope, Stepper};

/// A shell that does the same for each line that it reads.
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

    /// What each of some lines takes, from the second one on. The first is before anything is counted.
    fn counts(mut self, lines: usize, scope: fn(i32) -> Scope) -> Option<Vec<Count>> {
        self.line();
        let pid = i32::try_from(self.0.id()).expect("a pid");
        let stepper = match Stepper::attach(scope(pid), machine::cpus()[0]) {
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
    let Ok(stepper) = Stepper::attach(Scope::Tree(pid), machine::cpus()[0]) else {
        eprintln!("skipped: nobody may be traced here");
        return;
    };
    drop(shell.0.stdin.take());
    // At rest it is for a moment before it reads that there is no more.
    let ended = (0..1_000_000).find_map(|_| stepper.settled().err()).expect("it ends");
    assert!(ended.to_string().contains("has ended"), "{ended:#}");
}

#[test]
fn the_turns_of_a_loop_that_never_sleeps_are_alike() {
    let mut sh = Command::new("sh");
    let mut busy = sh.args(["-c", "while :; do kill -0 $$; done"]).spawn().expect("sh runs");
    let pid = i32::try_from(busy.id()).expect("a pid");
    let Ok(stepper) = Stepper::attach(Scope::Tree(pid), machine::cpus()[0]) else {
        eprintln!("skipped: nobody may be traced here");
        busy.kill().and_then(|()| busy.wait()).expect("it runs");
        return;
    };
    let kill = u64::try_from(libc::SYS_kill).expect("a number");
    let turns = stepper.turns(kill, 5).expect("it makes turns");
    drop(stepper);
    // It is killed, and whoever counted may have seen its end already.
    let _ = busy.wait();
    assert_eq!(turns.len(), 5);
    assert!(turns[0].instructions > 100, "{turns:?}");
    assert!(turns.iter().all(|turn| *turn == turns[0]), "{turns:?}");
    assert_eq!(turns[0].syscalls, [(kill, 1)].into(), "{turns:?}");
}
