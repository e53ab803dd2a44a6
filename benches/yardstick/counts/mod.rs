//! Instructions and system calls per request, which a busy machine does not change.
//!
//! One request is under way at a time, on connections that stay open and take turns. So the counts leave out
//! start-up, connecting and ending, and each run counts the same work. Under load, a loop that finds many
//! clients ready at once shares one wait among them and needs less for each.

mod clients;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use c10k::statistics::median;
use c10k::units::as_f64;
use loadgen::Engine;
use procfs::process::Process as Kernel;
use serde::Serialize;
use servers::models;

use crate::conformance;
use crate::references::{CONNECTIONS, Reference};
use crate::stepper::{Clock, Count, Scope, Stepper};
use crate::support::process::Process;
use crate::tools::{Side, Subject, Tools};
use clients::{Clients, Echoes};

/// The duration given to a generator, longer than any count: it is killed before.
const LOAD_MS: u128 = 3_600_000;
/// The thread of our generator that loads.
const LOAD_THREAD: &str = "load-0";

/// The counts of a subject and, if there is one, of its opponent.
#[derive(Debug, Serialize)]
pub(crate) struct Counted {
    pub(crate) subject: String,
    /// Absent, as are its figures, without an opponent.
    pub(crate) against: Option<String>,
    pub(crate) connections: usize,
    /// The unit of the figures.
    pub(crate) per: Per,
    pub(crate) ours: Cost,
    pub(crate) theirs: Option<Cost>,
    /// Ours over theirs.
    pub(crate) instruction_ratio: Option<f64>,
    /// The same.
    pub(crate) syscall_ratio: Option<f64>,
}

/// The unit that the figures are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Per {
    Request,
    /// One turn of a loop that never sleeps, over clients that have sent nothing. The number of turns per
    /// request depends on time and not on the program.
    IdleTurn,
}

/// What one request, or one turn, costs.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    /// In user mode; the median of the samples.
    pub(crate) instructions: f64,
    /// Each over the same number of requests.
    instructions_samples: Vec<f64>,
    /// Requests or turns of one sample.
    requests_of_a_sample: usize,
    /// Clock readings without a system call; `instructions` excludes their instructions.
    pub(crate) clock_reads: f64,
    /// All system calls together.
    pub(crate) syscalls: f64,
    /// By name.
    syscalls_by_name: BTreeMap<String, f64>,
}

/// How many samples are counted, and of how many requests each.
struct Plan {
    samples: usize,
    requests_of_a_sample: usize,
}

/// A server works only when requests arrive, so a sample can have many requests.
const OF_SERVER: Plan = Plan { samples: 3, requests_of_a_sample: 100 };
/// A generator looks for timeouts ten times a second, and counting takes seconds. Most samples of one request
/// do not contain such a look.
const OF_GENERATOR: Plan = Plan { samples: 101, requests_of_a_sample: 1 };

/// Turns that are counted of a loop that never sleeps; few, because they are all alike.
const IDLE_TURNS: usize = 21;

/// Counts both sides, or only ours without an opponent.
pub(crate) fn count(tools: &Tools, subject: Subject) -> Result<Counted> {
    let of = |side| match subject {
        Subject::Server(reference) => server(tools, &reference, side),
        Subject::Generator(engine, program) => generator(tools, (engine, program), side),
    };
    let against = tools.opponent(subject);
    let ours = of(Side::Ours).context("ours")?;
    let theirs = against.as_ref().map(|name| of(Side::Theirs).with_context(|| name.clone()));
    let theirs = theirs.transpose()?;
    let ratio = |of: fn(&Cost) -> f64| theirs.as_ref().map(|theirs| of(&ours) / of(theirs));
    Ok(Counted {
        subject: subject.name(),
        against,
        connections: connections(subject),
        per: per(subject),
        instruction_ratio: ratio(|cost| cost.instructions),
        syscall_ratio: ratio(|cost| cost.syscalls),
        ours,
        theirs,
    })
}

fn per(subject: Subject) -> Per {
    match subject {
        Subject::Server(reference)
            if models::find(reference.model).is_some_and(|model| model.never_sleeps) =>
        {
            Per::IdleTurn
        }
        _ => Per::Request,
    }
}

fn connections(subject: Subject) -> usize {
    match subject {
        Subject::Server(reference) => reference.connections,
        Subject::Generator(..) => CONNECTIONS,
    }
}

fn server(tools: &Tools, reference: &Reference, side: Side) -> Result<Cost> {
    let server = tools.server(reference, side)?;
    let exchange = conformance::exchange_of_64_bytes(reference.request);
    let mut clients = Clients::open(server.address, reference.connections, exchange)?;
    let scope = Scope::Tree(server.process.pid());
    let stepper = Stepper::attach(scope, tools.server_cpu, Clock::Real)?;
    if per(Subject::Server(*reference)) == Per::IdleTurn {
        return cost_of_turns(stepper, server.process);
    }
    cost(&OF_SERVER, stepper, server.process, &mut |requests| clients.ask(requests))
}

fn generator(tools: &Tools, (engine, program): (Engine, &str), side: Side) -> Result<Cost> {
    let mut echoes = Echoes::listen()?;
    let port = echoes.address.port();
    let mut command = tools.generator((engine, program), side, port, (0, LOAD_MS))?;
    let client = Process::start(&mut command, tools.server_cpu)?;
    echoes.await_clients(CONNECTIONS)?;
    let process = client.pid();
    let thread = thread_of(process)?;
    // By the real clock, a generator that is stepped would only look for timeouts and print its progress, which
    // it does ten times a second.
    let scope = Scope::Thread { process, thread };
    let stepper = Stepper::attach(scope, tools.server_cpu, Clock::Slow)?;
    cost(&OF_GENERATOR, stepper, client, &mut |requests| echoes.answer(requests))
}

/// The thread that loads; a C client has no other.
fn thread_of(process: i32) -> Result<i32> {
    let mut tasks = Kernel::new(process)?.tasks()?.collect::<Result<Vec<_>, _>>()?;
    if tasks.len() > 1 {
        tasks.retain(|task| task.stat().is_ok_and(|stat| stat.comm == LOAD_THREAD));
    }
    match &tasks[..] {
        [task] => Ok(task.tid),
        _ => bail!("the generator has {} threads named {LOAD_THREAD}", tasks.len()),
    }
}

/// Makes requests and counts, and kills the counted process at the end.
fn cost(
    plan: &Plan,
    stepper: Stepper,
    process: Process,
    requests: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Cost> {
    // The first request after attaching may cost more, so it is in no sample.
    requests(1)?;
    let mut before = stepper.settled()?;
    let mut counts = Vec::with_capacity(plan.samples);
    for _ in 0..plan.samples {
        requests(plan.requests_of_a_sample)?;
        let now = stepper.settled()?;
        counts.push(now.since(&before));
        before = now;
    }
    drop(stepper);
    process.has_been_killed();
    cost_of(&counts, plan.requests_of_a_sample)
}

/// Counts a loop that never sleeps, which tries to accept once a turn. Kills the process at the end.
fn cost_of_turns(stepper: Stepper, process: Process) -> Result<Cost> {
    let accept = u64::try_from(libc::SYS_accept4).context("the number of accept4 is negative")?;
    let counts = stepper.turns(accept, IDLE_TURNS)?;
    drop(stepper);
    process.has_been_killed();
    cost_of(&counts, 1)
}

/// The median of samples that have this many requests each.
fn cost_of(counts: &[Count], requests: usize) -> Result<Cost> {
    let each = |of: &dyn Fn(&Count) -> u64| -> Vec<f64> {
        counts.iter().map(|count| as_f64(of(count)) / as_f64(requests as u64)).collect()
    };
    let typical = |of: &dyn Fn(&Count) -> u64| median(&each(of)).context("nothing was counted");
    let calls: BTreeSet<u64> =
        counts.iter().flat_map(|count| count.syscalls.keys()).copied().collect();
    let by_name = calls.into_iter().map(|call| {
        let times = typical(&|count| count.syscalls.get(&call).copied().unwrap_or_default())?;
        Ok((names::syscall_name(call), times))
    });
    Ok(Cost {
        instructions: typical(&|count| count.instructions)?,
        instructions_samples: each(&|count| count.instructions),
        requests_of_a_sample: requests,
        clock_reads: typical(&|count| count.clock_reads)?,
        syscalls: typical(&|count| count.syscalls.values().sum())?,
        syscalls_by_name: by_name.collect::<Result<_>>()?,
    })
}
