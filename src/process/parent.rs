//! A child that ends with the process that started it, however that ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// Has the command start a process that gets this signal when the thread that starts it ends. Set
/// between fork and exec: a program that sets it itself is left behind where its parent is killed
/// sooner.
pub(crate) fn end_with_parent(command: &mut Command, signal: Signal) {
    let parent = getpid();
    #[expect(unsafe_code, reason = "what runs between fork and exec must be signal-safe")]
    // SAFETY: prctl(2) and getppid(2) alone, which allocate nothing and take no lock.
    unsafe {
        command.pre_exec(move || follow(parent, signal));
    }
}

/// Nothing is sent for a parent that has ended already, and then there is nobody to serve.
fn follow(parent: Pid, signal: Signal) -> io::Result<()> {
    set_parent_process_death_signal(Some(signal))?;
    if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::thread;

    use super::*;

    #[test]
    fn a_child_ends_with_what_has_started_it() {
        let start = || {
            let mut command = Command::new("sleep");
            end_with_parent(command.arg("600"), Signal::TERM);
            command.spawn().expect("sleep runs")
        };
        let mut child = thread::spawn(start).join().expect("it started a child");
        assert_eq!(child.wait().expect("it ends").signal(), Some(Signal::TERM.as_raw()));
    }

    #[test]
    fn a_child_whose_parent_has_ended_before_is_not_started() {
        let mut command = Command::new("true");
        #[expect(unsafe_code, reason = "it is tried where it is meant to run")]
        // SAFETY: as above.
        unsafe {
            command.pre_exec(|| follow(getpid(), Signal::TERM));
        }
        assert!(command.spawn().is_err());
    }
}
