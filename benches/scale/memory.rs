//! How many connections a model holds, and how much of its own memory and of the kernel's they take.

use anyhow::{Result, bail, ensure};
use c10k::accounts;
use c10k::units::as_f64;
use procfs::process::Process;
use serde::Serialize;

use crate::bare::Bare;
use crate::holder::{Held, Refusals};
use crate::kernel::{self, Counters, Objects};
use crate::subject::{ACTIVE, Subject};
use crate::support::process::ServerProcess;

/// How many numbers of connections are tried, each half of the one before, if a server cannot start
/// with enough workers.
const TRIES: u32 = 5;
/// The memory of fewer connections cannot be told from other changes in the system's memory.
const CONNECTIONS_MIN: usize = 100;

/// The connections of one server, and the memory that they take.
#[derive(Debug, Serialize)]
pub(crate) struct Capacity {
    asked: usize,
    /// Workers of a pool that has a worker for each connection.
    workers: Option<usize>,
    /// Connections held at once, idle.
    pub(crate) idle: usize,
    /// Connections held at once, after each got a reply.
    pub(crate) served: usize,
    /// The outcomes of the others.
    pub(crate) refusals: Refusals,
    /// Why not all connections were held, in a sentence.
    pub(crate) limit: Option<String>,
    before: Point,
    after_idle: Point,
    after_served: Point,
    /// Absent if there are too few connections to tell their memory from noise.
    pub(crate) per_idle: Option<PerConnection>,
    pub(crate) per_served: Option<PerConnection>,
    /// The kernel's objects of both ends, by cache, if the system shows them: the parts of the figures
    /// above and of `looking_bytes`.
    objects_per_served: Option<Vec<Objects>>,
}

/// Memory at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
struct Point {
    pss_bytes: u64,
    anonymous_bytes: u64,
    /// Only of the process tree.
    page_tables_bytes: u64,
    /// Before this program looked at the processes.
    kernel: Counters,
    /// What looking at the processes has added to Slab: entries of /proc for every thread. Later points
    /// include it.
    looking_bytes: u64,
}

/// Memory of one connection.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PerConnection {
    /// Proportional set size and page tables of the server's processes.
    pub(crate) user_bytes: f64,
    /// The server's end in the kernel.
    pub(crate) kernel_bytes: f64,
    /// Both ends in the kernel, by its counters.
    kernel_both_ends_bytes: f64,
    /// The decrease of available memory, as a cross-check of all of the above.
    available_bytes: f64,
}

/// Opens as many connections as asked for, or as many as the model holds.
pub(crate) fn measure(subject: &Subject<'_>, asked: usize, bare: &Bare) -> Result<Capacity> {
    let mut most = asked;
    let mut refused = None;
    for _ in 0..TRIES {
        match try_one(subject, most, bare) {
            Ok(mut held) => {
                held.asked = asked;
                let limit = refused.or_else(|| reason(subject, &held));
                held.limit = limit.filter(|_| held.served < asked);
                return Ok(held);
            }
            // Fewer connections only help a pool, which makes its workers in advance.
            Err(error) if !subject.is_pool() || subject.is_stopped() => return Err(error),
            Err(error) => {
                refused = Some(format!("with {most} workers: {error:#}; {}", system_limits()));
                most /= 2;
            }
        }
    }
    bail!("{}", refused.unwrap_or_default())
}

fn try_one(subject: &Subject<'_>, n: usize, bare: &Bare) -> Result<Capacity> {
    let mut server = subject.start(n)?;
    let pid = server.process.pid();
    let mut held = Held::new(server.address, n, subject.stop);
    let (before, caches) = (Point::read_from(pid)?, kernel::caches());
    held.grow(n).map_err(|error| subject.explain(error, &mut server))?;
    let (idle, after_idle) = (held.len(), Point::read_from(pid)?);
    held.serve().map_err(|error| subject.explain(error, &mut server))?;
    let (served, after_served) = (held.len(), Point::read_from(pid)?);
    let objects = caches.zip(kernel::caches());
    subject.check_alive(&mut server)?;
    ensure!(idle > 0 && served > 0, "the server held no connection: {:?}", held.refusals);
    Ok(Capacity {
        asked: n,
        workers: subject.is_pool().then_some(n + ACTIVE),
        idle,
        served,
        refusals: std::mem::take(&mut held.refusals),
        limit: None,
        before,
        after_idle,
        after_served,
        per_idle: PerConnection::from_points(&[before, after_idle], idle, bare.end_idle_bytes),
        per_served: PerConnection::from_points(
            &[before, after_idle, after_served],
            served,
            bare.end_served_bytes,
        ),
        objects_per_served: objects.map(|(from, to)| kernel::grown(&from, &to, served)),
    })
}

impl Point {
    fn read_from(pid: i32) -> Result<Self> {
        let kernel = Counters::settled()?;
        let memory = accounts::memory(pid);
        let pids = accounts::Sample::take(pid)?.pids;
        let tables =
            pids.into_iter().filter_map(|pid| Process::new(pid).ok()?.status().ok()?.vmpte);
        let page_tables_bytes = tables.sum::<u64>() * 1024;
        let slab = Counters::now()?.slab_bytes;
        Ok(Self {
            pss_bytes: memory.pss_bytes,
            anonymous_bytes: memory.anonymous_bytes,
            page_tables_bytes,
            kernel,
            looking_bytes: slab.saturating_sub(kernel.slab_bytes),
        })
    }
}

impl PerConnection {
    /// The growth from the first of these points to the last, per connection.
    fn from_points(points: &[Point], connections: usize, client_end: f64) -> Option<Self> {
        let [before, between @ .., after] = points else { return None };
        let each = |bytes: f64| bytes / as_f64(connections as u64);
        let grown = |of: fn(&Point) -> u64| as_f64(of(after)) - as_f64(of(before));
        let user = grown(|p| p.pss_bytes) + grown(|p| p.page_tables_bytes);
        let looking: u64 = between.iter().chain([before]).map(|point| point.looking_bytes).sum();
        let both = grown(|p| p.kernel.slab_bytes) + grown(|p| p.kernel.kernel_stack_bytes)
            - as_f64(looking);
        (connections >= CONNECTIONS_MIN).then(|| Self {
            user_bytes: each(user),
            kernel_bytes: each(both) - client_end,
            kernel_both_ends_bytes: each(both),
            available_bytes: each(-grown(|p| p.kernel.available_bytes)),
        })
    }
}

/// Why a model holds fewer connections than asked for.
fn reason(subject: &Subject<'_>, held: &Capacity) -> Option<String> {
    let seen: Vec<_> = held.refusals.iter().map(|(why, n)| format!("{n} {why}")).collect();
    let seen = seen.join(", ");
    if seen.is_empty() {
        return None;
    }
    let lesson = match subject.model.family {
        servers::Family::Sequential => "it serves one client until that client leaves".to_string(),
        _ if subject.model.holds_at_most.is_some() => {
            "a descriptor set of select(2) ends at 1,023; opening stopped when a batch of 100 \
             was refused"
                .to_string()
        }
        servers::Family::Process | servers::Family::Thread => system_limits(),
        _ => "no limit of its own is known".to_string(),
    };
    Some(format!("{seen}: {lesson}"))
}

/// The system's limits on processes and threads.
pub(crate) fn system_limits() -> String {
    let files = [
        ("threads-max", "/proc/sys/kernel/threads-max"),
        ("pid_max", "/proc/sys/kernel/pid_max"),
        ("max_map_count", "/proc/sys/vm/max_map_count"),
        ("pids.max", "/sys/fs/cgroup/pids.max"),
        ("pids.max", "/sys/fs/cgroup/pids/pids.max"),
    ];
    let limits = files.into_iter().filter_map(|(name, path)| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(format!("{name} {}", text.trim()))
    });
    format!("the system's limits are {}", limits.collect::<Vec<_>>().join(", "))
}

impl Subject<'_> {
    /// The cause of an error: the end of the server, if it has ended.
    fn explain(&self, error: anyhow::Error, server: &mut ServerProcess) -> anyhow::Error {
        self.check_alive(server).err().unwrap_or(error)
    }

    fn check_alive(&self, server: &mut ServerProcess) -> Result<()> {
        match server.process.ended() {
            None => Ok(()),
            Some(status) => bail!("the server ended: {status}"),
        }
    }
}
