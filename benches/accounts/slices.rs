//! One server under one load, whose accounts are switched on and off in short slices, so that slow changes of the
//! machine affect both alike.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use c10k::accounts::{self, Group, cpu_now};
use c10k::machine;
use loadgen::{Arrivals, Conduct, Moment, Outcome, Phase};
use procfs::process::Process;
use protocol::Request;
use serde::Serialize;
use servers::Model;

use crate::reading::{self, Part};
use crate::support::conditions::Conditions;
use crate::support::load::Loop;
use crate::support::process::ServerProcess;

/// Connections of the load.
pub(crate) const CONNECTIONS: usize = 50;
/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(500);
/// Pieces of a slice in which replies are counted.
const PIECES: u32 = 5;
/// Pieces between moving a server and the next slice, at least. Meanwhile the server settles, and its processes
/// for clients that have left end.
const SETTLE: u32 = 2;
/// Requests of a client, for models whose processes end with their clients.
const REQUESTS: NonZeroU64 = NonZeroU64::new(10).unwrap();
/// Addresses that such clients connect from; one does not have enough ports.
const ADDRESSES: u8 = 8;
/// Pieces that a move is assumed to take. If it takes longer, a load has fewer slices.
const MOVES: u32 = 1;
/// Limits of the pieces of one load: room for a pair even if moves are slow, and no more than the generator has.
const PIECES_LEAST: u32 = 100;
const PIECES_MOST: u32 = 980;

/// No load is stopped early: an interrupt ends this program and its children.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Two slices, one soon after the other.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Pair {
    /// Whether the first slice was the one with the accounts.
    pub(crate) on_first: bool,
    /// Server CPU per correct reply, in nanoseconds.
    pub(crate) on_cpu_per_request_ns: f64,
    pub(crate) off_cpu_per_request_ns: f64,
}

/// The measurements of a model.
pub(crate) struct Measured {
    pub(crate) pairs: Vec<Pair>,
    /// In the slices without the accounts.
    pub(crate) requests_per_s: f64,
    /// How long one look at the clocks takes, with the accounts and without, and how long it takes to move the
    /// server before a slice.
    pub(crate) looks: [Part; 3],
    /// How long each part takes that is read before and after a measurement.
    pub(crate) parts: Vec<Part>,
}

/// One slice: the time between the looks at its edges, and the server's CPU time between them.
struct Slice {
    on: bool,
    first_piece: usize,
    elapsed: Duration,
    cpu: Duration,
}

/// What is switched on and off.
pub(crate) enum Books {
    /// A look at the clocks in the middle of a slice. A trial, which is longer, has one at each edge.
    Clocks,
    /// A control group that the server is moved into and out of, and whose CPU time is read too.
    Group(Group),
}

/// The server and its accounts.
pub(crate) struct Switch<'a> {
    pub(crate) server: &'a ServerProcess,
    pub(crate) model: &'static Model,
    pub(crate) books: &'a Books,
    pub(crate) conditions: &'a Conditions,
}

impl Switch<'_> {
    /// Measures this many pairs of slices of this length.
    pub(crate) fn measure(&self, pairs: u32, slice: Duration, seed: u64) -> Result<Measured> {
        let mut order = fastrand::Rng::with_seed(seed);
        let mut all = Measured {
            pairs: Vec::new(),
            requests_per_s: 0.0,
            looks: ["look with the accounts", "look without them", "move between groups"]
                .map(Part::named),
            parts: Vec::new(),
        };
        let wanted = usize::try_from(pairs)?;
        let (mut replies, mut seconds) = (0.0, 0.0);
        while all.pairs.len() < wanted {
            let mut firsts = Vec::new();
            firsts.resize_with(wanted - all.pairs.len(), || order.bool());
            let (slices, outcome, parts) = self.load(&firsts, slice, &mut all.looks)?;
            ensure!(slices.len() > 1, "moving the server takes longer than a load");
            all.parts = parts;
            let mut costs = Vec::new();
            for made in &slices {
                let found = count(&outcome, made.first_piece);
                if !made.on {
                    (replies, seconds) = (replies + found, seconds + slice.as_secs_f64());
                }
                costs.push(cost(made, found / slice.as_secs_f64())?);
            }
            for (pair, on_first) in costs.chunks_exact(2).zip(firsts) {
                let (on, off) = if on_first { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                let (on_cpu_per_request_ns, off_cpu_per_request_ns) = (on, off);
                all.pairs.push(Pair { on_first, on_cpu_per_request_ns, off_cpu_per_request_ns });
            }
        }
        all.requests_per_s = replies / f64::max(seconds, f64::MIN_POSITIVE);
        Ok(all)
    }

    fn conduct(&self) -> Conduct {
        if !self.model.process_per_client {
            return Conduct::default();
        }
        let sources = (1..=ADDRESSES).map(|last| IpAddr::from([127, 0, 0, last])).collect();
        Conduct { requests_per_connection: Some(REQUESTS), sources, ..Conduct::default() }
    }

    /// Runs one load with as many of these pairs as fit; `firsts` says whether each pair starts with the accounts.
    fn load(
        &self,
        firsts: &[bool],
        slice: Duration,
        looks: &mut [Part; 3],
    ) -> Result<(Vec<Slice>, Outcome, Vec<Part>)> {
        let piece = slice / PIECES;
        let turns: Vec<bool> = firsts.iter().flat_map(|on| [*on, !on]).collect();
        let pieces = u32::try_from(turns.len())?.saturating_mul(MOVES + SETTLE + PIECES) + SETTLE;
        let pieces = pieces.clamp(PIECES_LEAST, PIECES_MOST);
        let load = Loop {
            arrivals: Arrivals::Closed,
            target: self.server.address,
            pid: self.server.process.pid(),
            connections: CONNECTIONS,
            request: Request::Echo { bytes: 64 },
            conduct: self.conduct(),
            warmup: WARMUP,
            measure: piece * pieces,
            client_cpu: self.conditions.client_cpu,
            stop: &NEVER,
        };
        let (begins, begun): (Sender<Instant>, Receiver<Instant>) = channel();
        let mut parts = Vec::new();
        thread::scope(|scope| {
            let slicer = scope.spawn(move || {
                // If the load fails before its measurement, there are no slices.
                let begin = begun.recv().context("the load ended before its measurement")?;
                // As in a trial, the looks are not taken on the server's processor.
                machine::pin(&[self.conditions.client_cpu])?;
                self.slices((begin, piece, pieces), &turns, looks)
            });
            let ran = load.run_in_pieces(piece, &mut |moment| match moment {
                Moment::Begins(Phase::Measure) => _ = begins.send(Instant::now()),
                Moment::Begins(Phase::Drain) => {
                    parts = reading::timed_parts(self.server.process.pid(), self.server.address);
                }
                _ => {}
            });
            drop(begins);
            let slices = slicer.join().map_err(|_| anyhow!("the slicer has panicked"))?;
            Ok((slices?, ran?.0, parts))
        })
    }

    /// For each slice: moves the server, lets it settle, and looks at the clocks at both edges. Ends when the
    /// pieces are used up.
    fn slices(
        &self,
        (begin, piece, pieces): (Instant, Duration, u32),
        turns: &[bool],
        looks: &mut [Part; 3],
    ) -> Result<Vec<Slice>> {
        let first = self.server.process.pid();
        // A process that ends with its client is not moved, because its id may belong to another process by
        // then. A process that is made after the move is in the group of its parent.
        let pids: Vec<i32> = match self.model.process_per_client {
            true => vec![first],
            false => accounts::tree(first).iter().map(Process::pid).collect(),
        };
        let mut made = Vec::new();
        for on in turns {
            self.switch(&pids, *on, &mut looks[2])?;
            // The next whole piece, after those in which the server settles.
            let over = begin.elapsed().as_nanos() / piece.as_nanos();
            let first = u32::try_from(over)? + 1 + SETTLE;
            if first + PIECES > pieces {
                break;
            }
            sleep_until(begin + piece * first);
            let before = self.look(*on, looks)?;
            if *on && matches!(self.books, Books::Clocks) {
                sleep_until(begin + piece * (first + PIECES / 2));
                self.look(true, looks)?;
            }
            sleep_until(begin + piece * (first + PIECES));
            let after = self.look(*on, looks)?;
            made.push(Slice {
                on: *on,
                first_piece: usize::try_from(first)?,
                elapsed: after.0 - before.0,
                cpu: after.1.saturating_sub(before.1),
            });
        }
        self.switch(&pids, false, &mut looks[2])?;
        Ok(made)
    }

    /// Reads the clocks and, with the accounts on, the CPU time of the control group if there is one.
    fn look(&self, on: bool, looks: &mut [Part; 3]) -> Result<(Instant, Duration)> {
        let begin = Instant::now();
        let cpu = cpu_now(self.server.process.pid());
        if let (Books::Group(group), true) = (self.books, on) {
            std::hint::black_box(group.account().cpu())
                .context("the control group has no CPU time")?;
        }
        looks[usize::from(!on)].add(begin.elapsed());
        Ok((begin, cpu))
    }

    /// Moves the server into the control group or out of it, if there is one.
    fn switch(&self, pids: &[i32], on: bool, moves: &mut Part) -> Result<()> {
        let Books::Group(group) = self.books else { return Ok(()) };
        let begin = Instant::now();
        for pid in pids {
            let moved = if on { group.take(*pid) } else { group.give_back(*pid) };
            moved.context("cannot move the server between two control groups")?;
        }
        moves.add(begin.elapsed());
        Ok(())
    }
}

fn sleep_until(instant: Instant) {
    thread::sleep(instant.saturating_duration_since(Instant::now()));
}

/// Correct replies in the pieces of a slice.
fn count(outcome: &Outcome, first_piece: usize) -> f64 {
    let pieces = outcome.intervals.iter().skip(first_piece).take(PIECES as usize);
    pieces.map(|piece| c10k::units::as_f64(piece.ok)).sum()
}

/// CPU time per request. CPU time and requests are each divided by their own duration, because the looks are a
/// little late.
fn cost(slice: &Slice, rate: f64) -> Result<f64> {
    ensure!(rate > 0.0, "a slice had no reply: make slices longer with --slice-ms");
    let share = slice.cpu.as_secs_f64() / slice.elapsed.as_secs_f64();
    ensure!(
        share > 0.0,
        "the server's CPU clock did not move in a slice: make slices longer with --slice-ms"
    );
    Ok(share / rate * 1e9)
}
