//! A control group for each server: one account of the kernel for all its processes, ended ones
//! included.
//!
//! Only version 2 of control groups is used, whose `cpu.stat` exists in every group, with or
//! without the controller. So a group takes no part in scheduling and limits nothing: it only
//! counts.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process::Process;

/// How [`Group`] reads CPU time, for the record.
pub(super) const METHOD: &str =
    "control group (cpu.stat): all processes of the server, ended ones included";

/// What the names of our groups begin with.
const PREFIX: &str = "c10k-";

/// A control group for one server, gone with everything in it when it is dropped.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
}

impl Group {
    /// Makes one below the group of this process.
    ///
    /// # Errors
    /// Where the kernel has no control groups of version 2 to show, or this process may make none.
    pub fn make() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = folder_of(&Process::myself()?)?;
        sweep(&parent);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{PREFIX}{}-{n}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Nobody asks how long the group waited (that is asked of the machine), and to know it the kernel keeps
        // books at every switch between processes. Kernels before 6.1 cannot leave it.
        let _ = fs::write(folder.join("cgroup.pressure"), "0");
        Ok(Self { folder })
    }

    /// One that the process which this command will start is admitted to; `None` where there can be none:
    /// then it is measured without.
    #[must_use]
    pub fn around(command: &mut Command) -> Option<Self> {
        Self::make().ok().filter(|group| group.admit(command).is_ok())
    }

    /// Whether any process lives in it.
    #[must_use]
    pub fn is_inhabited(&self) -> bool {
        !members(&self.folder).is_empty()
    }

    /// Its account.
    #[must_use]
    pub fn account(&self) -> GroupAccount {
        GroupAccount { file: self.folder.join("cpu.stat"), folder: self.folder.clone() }
    }

    /// Moves a living process into it, all its threads, and not the processes that it has started.
    ///
    /// # Errors
    /// When it has ended, or may not be moved.
    pub fn take(&self, pid: i32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }

    /// Moves a process back to the group of this process, where it would be without one of its own.
    ///
    /// # Errors
    /// When it has ended, or may not be moved.
    pub fn give_back(&self, pid: i32) -> io::Result<()> {
        let ours = self.folder.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::write(ours.join("cgroup.procs"), pid.to_string())
    }

    /// Has the process that this command will start join the group before its program begins, so
    /// that whatever it starts is in it too. If it cannot join, it starts all the same.
    ///
    /// # Errors
    /// When this process may not move others into the group.
    pub fn admit(&self, command: &mut Command) -> io::Result<()> {
        let procs: File = OpenOptions::new().write(true).open(self.folder.join("cgroup.procs"))?;
        #[expect(unsafe_code, reason = "a process has to join before it can start others")]
        // SAFETY: between fork and exec the closure makes one write(2) from a constant, which is
        // async-signal-safe, and neither allocates nor locks.
        unsafe {
            command.pre_exec(move || {
                // 0 is whoever writes. Without its account a server is measured all the same.
                let _ = rustix::io::write(&procs, b"0");
                Ok(())
            });
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The first process has ended by now, and what it left behind is nobody's any more.
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
        for _ in 0..REMOVAL_TRIES {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(Duration::from_millis(1));
                }
                // What cannot be removed now is swept by the next process that makes a group.
                _ => return,
            }
        }
    }
}

/// How often removal is tried while what was killed is still leaving.
const REMOVAL_TRIES: u32 = 100;

/// CPU time of a group so far. User and system mode are the kernel's division of the whole, as
/// it found the processors at its clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCpu {
    /// All of it.
    pub total: Duration,
    /// Of that, in user mode.
    pub user: Duration,
    /// Of that, in the kernel.
    pub system: Duration,
}

impl GroupCpu {
    /// Since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// The account of a server's group, to be read again and again.
#[derive(Clone, Debug)]
pub struct GroupAccount {
    folder: PathBuf,
    file: PathBuf,
}

impl GroupAccount {
    /// Of the group that this process has made for the server with this process id; `None` if it
    /// is in no such group.
    #[must_use]
    pub fn read_from(pid: i32) -> Option<Self> {
        let folder = folder_of(&Process::new(pid).ok()?).ok()?;
        let ours = format!("{PREFIX}{}-", std::process::id());
        let name = folder.file_name()?.to_str()?;
        name.starts_with(&ours).then(|| Self { file: folder.join("cpu.stat"), folder })
    }

    /// Who lives in it: descendants of its first process, and those too that have become somebody
    /// else's children.
    #[must_use]
    pub fn members(&self) -> Vec<i32> {
        members(&self.folder)
    }

    /// What it has used so far.
    #[must_use]
    pub fn cpu(&self) -> Option<GroupCpu> {
        parse(&fs::read_to_string(&self.file).ok()?)
    }
}

fn members(folder: &Path) -> Vec<i32> {
    let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    listed.lines().filter_map(|pid| pid.parse().ok()).collect()
}

/// `cpu.stat`: a name and a number a line, in microseconds where the name says so.
fn parse(text: &str) -> Option<GroupCpu> {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok().map(Duration::from_micros)
    };
    Some(GroupCpu { total: of("usage_usec")?, user: of("user_usec")?, system: of("system_usec")? })
}

/// The folder of a process's group.
fn folder_of(process: &Process) -> Result<PathBuf> {
    let groups = process.cgroups()?;
    let unified = groups.0.into_iter().find(|group| group.hierarchy == 0);
    let path = unified.context("the kernel has no control groups of version 2")?.pathname;
    let mounts = Process::myself()?.mountinfo()?;
    let mount = mounts.0.into_iter().find(|mount| mount.fs_type == "cgroup2");
    let mount = mount.context("control groups of version 2 are not mounted")?;
    let below = Path::new(&path)
        .strip_prefix(&mount.root)
        .context("its control group is not visible here")?;
    Ok(mount.mount_point.join(below))
}

/// Removes groups whose maker was killed before it could.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(maker_of);
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Refused as long as anything lives in it.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The process id in the name of one of our groups.
fn maker_of(name: &str) -> Option<&str> {
    let (pid, n) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(pid) && digits(n)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_account_is_read_by_name() {
        let text = "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnice_usec 7\n";
        let us = Duration::from_micros;
        assert_eq!(parse(text), Some(GroupCpu { total: us(30), user: us(10), system: us(20) }));
        assert_eq!(parse("usage_usec 30\nuser_usec 10\n"), None, "half an account is none");
    }

    #[test]
    fn only_our_own_groups_are_swept() {
        assert_eq!(maker_of("c10k-12-0"), Some("12"));
        for other in
            ["c10k", "c10k-", "c10k-12", "c10k-12-", "c10k-x-1", "c10k-../..-1", "user.slice"]
        {
            assert_eq!(maker_of(other), None, "{other}");
        }
    }

    #[test]
    fn whoever_is_admitted_is_in_the_account_with_those_that_it_started_and_that_ended() {
        // Where no group can be made there is nothing to test, and results say so.
        let Ok(group) = Group::make() else { return };
        let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let mut command = Command::new("sh");
        command.args(["-c", &format!("({burn}) & wait; {burn}")]);
        group.admit(&mut command).expect("we have made it");
        let mut shell = command.spawn().expect("sh runs");
        let pid = i32::try_from(shell.id()).expect("a pid");
        let account = GroupAccount::read_from(pid).expect("it has joined");
        shell.wait().expect("it ends");
        let used = account.cpu().expect("an account");
        assert!(used.total > Duration::from_millis(1), "{used:?}");
        // The kernel divides what there is, and cuts each of the three to whole microseconds.
        let apart = used.total.abs_diff(used.user + used.system);
        assert!(apart <= Duration::from_micros(2), "{used:?}");
        assert!(!group.is_inhabited(), "and have left it by ending");
        let books = fs::read_to_string(group.folder.join("cgroup.pressure"));
        assert!(books.is_err() || books.is_ok_and(|kept| kept.trim() == "0"), "none are kept");
        let folder = group.folder.clone();
        drop(group);
        assert!(!folder.exists(), "nothing is left");
    }

    #[test]
    fn a_process_is_taken_in_and_given_back() {
        let Ok(group) = Group::make() else { return };
        let mut sleep = Command::new("sleep").arg("60").spawn().expect("sleep runs");
        let pid = i32::try_from(sleep.id()).expect("a pid");
        group.take(pid).expect("it lives");
        let account = GroupAccount::read_from(pid).expect("it is in it");
        assert_eq!(account.members(), [pid]);
        group.give_back(pid).expect("it lives");
        assert!(!group.is_inhabited() && GroupAccount::read_from(pid).is_none());
        sleep.kill().expect("it is ours");
        sleep.wait().expect("it was killed");
    }

    proptest! {
        #[test]
        fn garbage_is_no_account(text in "(usage_usec|user_usec|system_usec|[ -~\n])*") {
            let _ = parse(&text);
            let _ = maker_of(&text);
        }
    }
}
