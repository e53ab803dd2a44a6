//! Looking at a server from outside: its processes, threads, descriptors and sockets, as /proc
//! shows them. All of it covers the server's children.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

use anyhow::{Context, Result, anyhow};
use procfs::process::{LimitValue, Process};
use rustix::process::{Gid, Pid, Resource, Rlimit, Uid, geteuid, prlimit};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use super::until;
use crate::host::accounts;
use crate::host::sockets::{self, Socket, TcpState};

/// Looks in a row at which a server must be found asleep to be at rest.
const LOOKS: usize = 5;

/// What a server has, all its processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Processes, those included that have ended and were not waited for.
    pub processes: usize,
    /// Threads.
    pub threads: usize,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Footprint {
    /// Of the tree below this process.
    #[must_use]
    pub fn read_from(root: i32) -> Self {
        let mut footprint = Self::default();
        for pid in pids(root) {
            footprint.processes += 1;
            footprint.threads += entries(pid, "task").len();
            footprint.descriptors += entries(pid, "fd").len();
        }
        footprint
    }

    /// With so many more of each.
    #[must_use]
    pub fn and(self, more: usize) -> Self {
        Self {
            processes: self.processes + more,
            threads: self.threads + more,
            descriptors: self.descriptors + more,
        }
    }

    /// Whether nothing of it is more than that.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.processes <= other.processes
            && self.threads <= other.threads
            && self.descriptors <= other.descriptors
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processes, threads, descriptors } = self;
        write!(f, "{processes} processes, {threads} threads, {descriptors} descriptors")
    }
}

/// The processes of the tree, the root first.
#[must_use]
pub fn pids(root: i32) -> Vec<i32> {
    accounts::tree(root).iter().map(Process::pid).collect()
}

/// Processes below the root that live.
#[must_use]
pub fn children(root: i32) -> Vec<i32> {
    let living = |pid: &i32| *pid != root && state(&format!("/proc/{pid}/stat")) != Some('Z');
    pids(root).into_iter().filter(living).collect()
}

/// Processes below the root that have ended and that nobody has waited for.
#[must_use]
pub fn zombies(root: i32) -> usize {
    let dead = |pid: &i32| state(&format!("/proc/{pid}/stat")) == Some('Z');
    pids(root).iter().filter(|pid| dead(pid)).count()
}

/// Whether children of the root that were killed are gone and waited for, and at least so many live
/// in their place. A child that was just sent SIGKILL may look alive for a moment.
#[must_use]
pub fn are_replaced(root: i32, killed: &[i32], at_least: usize) -> bool {
    let living = children(root);
    zombies(root) == 0 && living.len() >= at_least && !living.iter().any(|pid| killed.contains(pid))
}

/// Waits until no thread of the tree runs or wants to, at several looks in a row. A server that
/// waits for its clients is found asleep; one that spins never is, however slow the machine.
///
/// # Errors
/// When it does not come to rest.
pub fn rest(root: i32, patience: Duration) -> Result<()> {
    until("the server sleeps instead of using the processor", patience, || {
        (0..LOOKS).all(|look| {
            if look > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            is_asleep(root)
        })
    })
}

/// Waits until everything that was sent to a port is accepted and read, or stays where it is for `pause`:
/// for a server that never sleeps.
///
/// # Errors
/// When the kernel does not say, or it goes on for longer than `patience`.
pub fn takes_all(root: i32, port: u16, pause: Duration, patience: Duration) -> Result<()> {
    let states = [&sockets::CONNECTED[..], &[TcpState::Listen]].concat();
    let (mut waiting, mut since) = (0, Instant::now());
    until("the server reads what was sent to it", patience, || {
        let Ok((found, _)) = sockets::at_port(root, port, &states) else { return false };
        let now = found.iter().map(|socket| u64::from(socket.receive_queue)).sum();
        if now != waiting {
            (waiting, since) = (now, Instant::now());
        }
        now == 0 || since.elapsed() > pause
    })
}

/// Whether SIGSTOP has reached each thread of the tree: it reaches one that is in a system call a
/// moment after it was sent.
#[must_use]
pub fn is_paused(root: i32) -> bool {
    states(root).into_iter().all(|state| matches!(state, 'T' | 't' | 'Z' | 'X'))
}

fn is_asleep(root: i32) -> bool {
    !states(root).into_iter().any(|state| matches!(state, 'R' | 'D'))
}

/// The state of each thread of the tree.
fn states(root: i32) -> Vec<char> {
    let threads = |pid| {
        let tasks = entries(pid, "task").into_iter();
        tasks.filter_map(move |task| state(&format!("/proc/{pid}/task/{task}/stat")))
    };
    pids(root).into_iter().flat_map(threads).collect()
}

/// The letter after the name, which may itself have brackets in it.
fn state(path: &str) -> Option<char> {
    let stat = fs::read_to_string(path).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

fn entries(pid: i32, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/{folder}")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Whether a process listens at the port. Asked of the kernel, so that the server does not get
/// a client who only wanted to know.
#[must_use]
pub fn is_listening(port: u16) -> bool {
    let us = rustix::process::getpid().as_raw_pid();
    sockets::at_port(us, port, &[TcpState::Listen]).is_ok_and(|(found, _)| !found.is_empty())
}

/// Where processes of the tree listen.
#[must_use]
pub fn listening(root: i32) -> Vec<SocketAddr> {
    let found = sockets::listeners(root).unwrap_or_default();
    let theirs = found.into_iter().filter(|socket| opener(root, socket).is_some());
    theirs.map(|socket| socket.local).collect()
}

/// The process of the tree that has the server's end of a connection with this client.
#[must_use]
pub fn holder(root: i32, server: SocketAddr, client: SocketAddr) -> Option<i32> {
    let (found, _) = sockets::at_port(root, server.port(), &sockets::CONNECTED).ok()?;
    let socket = found.iter().find(|socket| socket.remote.port() == client.port())?;
    opener(root, socket)
}

/// Whether a process of the tree listens at the port; `None` where that cannot be seen.
#[must_use]
pub fn is_listener(root: i32, port: u16) -> Option<bool> {
    let (found, _) = sockets::at_port(root, port, &[TcpState::Listen]).ok()?;
    if found.iter().any(|socket| opener(root, socket).is_some()) {
        return Some(true);
    }
    let seen = |pid: i32| fs::read_dir(format!("/proc/{pid}/fd")).is_ok();
    (!found.is_empty() && pids(root).into_iter().all(seen)).then_some(false)
}

/// The last process of the tree that has this socket open: a parent may have it too for a moment, and
/// the worker is below it.
fn opener(root: i32, socket: &Socket) -> Option<i32> {
    let link = format!("socket:[{}]", socket.inode);
    pids(root).into_iter().rev().find(|pid| {
        let targets = entries(*pid, "fd");
        let targets = targets.iter().map(|fd| fs::read_link(format!("/proc/{pid}/fd/{fd}")));
        targets.flatten().any(|target| target.to_string_lossy() == link)
    })
}

/// Sends a signal to each of these processes.
pub fn signal_all(pids: &[i32], signal: i32) {
    for pid in pids.iter().copied() {
        #[expect(unsafe_code, reason = "rustix names no signal that a library may use")]
        // SAFETY: kill(2) touches no memory of ours. One that has just ended is not signalled.
        unsafe {
            libc::kill(pid, signal);
        }
    }
}

/// Whether this signal was sent to the process and not taken yet. A second one of the same
/// kind would be lost until then.
#[must_use]
pub fn is_pending(pid: i32, signal: i32) -> bool {
    let status = Process::new(pid).and_then(|process| process.status());
    status.is_ok_and(|status| (status.shdpnd | status.sigpnd) & (1 << (signal - 1)) != 0)
}

/// A limit of a process that can be lowered while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    /// Descriptors that one process may have open.
    Descriptors,
    /// Threads and processes that one user may have.
    Threads,
    /// Bytes of data that one process may have beyond what it has now. Unlike address space, none of it is
    /// reserved already.
    Memory,
}

impl From<Scarce> for Resource {
    fn from(scarce: Scarce) -> Self {
        match scarce {
            Scarce::Descriptors => Self::Nofile,
            Scarce::Threads => Self::Nproc,
            Scarce::Memory => Self::Data,
        }
    }
}

/// A limit lowered in every process of a tree; set back when this is dropped.
#[derive(Debug)]
pub struct Lowered {
    resource: Resource,
    before: Vec<(i32, Rlimit)>,
}

impl Lowered {
    /// Lowers the soft limit to `to`.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub fn new(root: i32, scarce: Scarce, to: u64) -> Result<Self> {
        let resource = Resource::from(scarce);
        let mut lowered = Self { resource, before: Vec::new() };
        for process in accounts::tree(root) {
            let limits = process.limits()?;
            let (limit, to) = match scarce {
                Scarce::Descriptors => (limits.max_open_files, to),
                Scarce::Threads => (limits.max_processes, to),
                Scarce::Memory => (limits.max_data_size, data_bytes(&process)? + to),
            };
            let number = |value| match value {
                LimitValue::Value(n) => Some(n),
                LimitValue::Unlimited => None,
            };
            let before =
                Rlimit { current: number(limit.soft_limit), maximum: number(limit.hard_limit) };
            let after = Rlimit { current: Some(to), maximum: before.maximum };
            set_limit(process.pid(), resource, after).context("cannot lower its limit")?;
            lowered.before.push((process.pid(), before));
        }
        Ok(lowered)
    }
}

/// What the kernel counts as a process's data: memory of its own that it may write to.
fn data_bytes(process: &Process) -> Result<u64> {
    let kib = process.status()?.vmdata.context("the kernel does not report its data size")?;
    Ok(kib * 1024)
}

impl Drop for Lowered {
    fn drop(&mut self) {
        for (pid, before) in self.before.drain(..) {
            // It may have ended meanwhile.
            let _ = set_limit(pid, self.resource, before);
        }
    }
}

/// prlimit(2), in the name of the process's own user. Root is often not allowed to do it to
/// others, in a container say, but may become anybody. On Linux that can be one thread alone.
fn set_limit(pid: i32, resource: Resource, limit: Rlimit) -> Result<()> {
    let status = Process::new(pid)?.status()?;
    let set = move || {
        if geteuid().is_root() && status.ruid != 0 {
            let (uid, gid) = (Uid::from_raw(status.ruid), Gid::from_raw(status.rgid));
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
        }
        prlimit(Pid::from_raw(pid), resource, limit)
    };
    thread::spawn(set).join().map_err(|_| anyhow!("the thread has panicked"))??;
    Ok(())
}
