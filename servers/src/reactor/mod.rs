//! What an event loop keeps about its clients: who they are, whose turn it is, and when
//! something is due. A loop waits, wakes those the kernel named, and gives
//! turns until nobody wants one; the waiting is the model's own.

mod joining;
pub(crate) mod mailbox;
pub(crate) mod timers;
mod token;
mod turn;

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use protocol::Done;
use slab::Slab;

use crate::connection::drive::{self, Blocked};
use crate::connection::{Conn, Ending, Phase};
use crate::net::{Server, number};
use crate::stopping::{self, Stage};
use joining::Accepting;
use timers::{Due, Timers};
pub(crate) use token::Token;
pub(crate) use turn::{Ready, Turn, Want};

#[derive(Debug)]
struct Entry {
    /// `None` while another thread gives it its turn: boxed, so that only a pointer goes there
    /// and back.
    conn: Option<Box<Conn>>,
    generation: u32,
    want: Want,
    /// What the kernel was last told to watch it for, where it keeps the list.
    told: Want,
    /// Whether it is on the run list.
    queued: bool,
    /// Its next turn is its end, for this reason.
    doomed: Option<Ending>,
    progressed_at: Instant,
}

/// Places for clients that a loop always keeps. More are given back when the last client has left.
pub(crate) const PLACES_KEPT: usize = 1024;

/// The clients of one event loop.
#[derive(Debug)]
pub(crate) struct Clients {
    server: &'static Server,
    /// Which of the server's loops this is.
    worker: usize,
    jobs_elsewhere: bool,
    table: Slab<Entry>,
    generation: u32,
    run_list: VecDeque<Token>,
    timers: Timers,
    accepting: Accepting,
    /// The kernel has said that clients are waiting to be accepted.
    acceptable: bool,
}

impl Clients {
    /// No clients yet, of one of a server's loops, which accepts from a listener that does not
    /// block or is given its clients.
    pub(crate) fn new(server: &'static Server, worker: usize) -> Self {
        Self {
            server,
            worker,
            jobs_elsewhere: false,
            table: Slab::new(),
            generation: 0,
            run_list: VecDeque::new(),
            timers: Timers::default(),
            accepting: Accepting::Open,
            acceptable: false,
        }
    }

    /// From now on jobs are not computed in their client's turn but handed out with it; tell of
    /// each answer with [`Clients::job_done`].
    pub(crate) fn run_jobs_elsewhere(&mut self) {
        self.jobs_elsewhere = true;
    }

    /// Whether the loop has come to its end: stopped, and everybody gone.
    pub(crate) fn is_over(&self) -> bool {
        self.accepting == Accepting::Stopped && self.table.is_empty()
    }

    /// Whether the kernel is to be asked about the listener.
    pub(crate) fn wants_listener(&self) -> bool {
        self.accepting == Accepting::Open
    }

    /// How long the loop may wait for the kernel; `None` is for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        if !self.run_list.is_empty() || self.acceptable && self.wants_listener() {
            return Some(Duration::ZERO);
        }
        timers::wait_until(self.next_due())
    }

    /// When something is due: a job's wait, an idle client, accepting again.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let paused = match self.accepting {
            Accepting::PausedUntil(at) => Some(at),
            Accepting::Open | Accepting::Stopped => None,
        };
        self.timers.first().into_iter().chain(paused).min()
    }

    /// The kernel says that clients are waiting at the listener.
    pub(crate) fn wake_listener(&mut self) {
        self.acceptable = true;
    }

    /// The kernel says this about a client. Returns whether that was wanted: a
    /// level-triggered kernel repeats what nobody acts on, so the loop must stop asking.
    pub(crate) fn wake(&mut self, token: Token, ready: Ready) -> bool {
        match entry(&mut self.table, token) {
            Some(entry) => wake(entry, token, ready, &mut self.run_list),
            None => true,
        }
    }

    /// The same may be so of every client: for loops that the kernel does not tell of each.
    pub(crate) fn wake_all(&mut self, ready: Ready) {
        for (place, entry) in &mut self.table {
            let place = u32::try_from(place).expect("fewer clients than 2^32");
            let token = Token { generation: entry.generation, place };
            wake(entry, token, ready, &mut self.run_list);
        }
    }

    /// Whether this client has not left.
    pub(crate) fn has(&mut self, token: Token) -> bool {
        entry(&mut self.table, token).is_some()
    }

    /// A job that was handed out has its answer, and a wait of so long is still to come.
    pub(crate) fn job_done(&mut self, token: Token, done: Done, wait: Duration) {
        // Its client may have left while it ran; then it finds nobody.
        let Some(entry) = entry(&mut self.table, token) else { return };
        let Some(conn) = &mut entry.conn else { return };
        drive::work_is_done(conn, done, wait);
        entry.progressed_at = Instant::now();
        if wait.is_zero() {
            queue(entry, token, &mut self.run_list);
        } else {
            self.timers.set(Instant::now() + wait, Due::Job, token);
        }
    }

    /// Puts on the run list whoever's time has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        if stopping::stage() == Stage::Cut {
            for (place, entry) in &mut self.table {
                let place = u32::try_from(place).expect("fewer clients than 2^32");
                let token = Token { generation: entry.generation, place };
                entry.doomed = Some(Ending::Cut);
                queue(entry, token, &mut self.run_list);
            }
        }
        while let Some((due, token)) = self.timers.take(now) {
            let Some(entry) = entry(&mut self.table, token) else { continue };
            match due {
                Due::Job => {
                    entry.conn.iter_mut().for_each(|conn| drive::job_is_over(conn));
                    // The silence was ours, however long: its own begins now.
                    entry.progressed_at = now;
                    self.timers.set(now + self.server.config.idle_timeout, Due::Idle, token);
                }
                // Its turn looks.
                Due::Close => {}
                Due::Idle => {
                    // Whoever is out for a turn has time.
                    let idle_at = match &entry.conn {
                        Some(conn) => conn.idle_at(entry.progressed_at, now),
                        None => now + self.server.config.idle_timeout,
                    };
                    if idle_at > now {
                        self.timers.set(idle_at, Due::Idle, token);
                        continue;
                    }
                    entry.doomed = Some(Ending::Idle);
                }
            }
            queue(entry, token, &mut self.run_list);
        }
    }

    /// How many turns there are to give: those on the run list now, and not those that these
    /// turns will add, or the kernel would never be asked again.
    pub(crate) fn turns(&self) -> usize {
        self.run_list.len()
    }

    /// Gives the next client on the run list its turn.
    pub(crate) fn next_turn(&mut self, now: Instant) -> Option<Turn> {
        let token = self.run_list.pop_front()?;
        let entry = entry(&mut self.table, token).expect("a client leaves in its own turn");
        entry.queued = false;
        let outcome = match (entry.doomed, &mut entry.conn) {
            (Some(ending), _) => (Blocked::Over(ending), true),
            (None, Some(conn)) => drive::until_blocked(conn, self.jobs_elsewhere),
            (None, None) => unreachable!("one thread gives the turns here"),
        };
        Some(self.settle(token, outcome, now))
    }

    /// Takes the next client on the run list out for its turn, which is given elsewhere: drive it
    /// and bring it back with [`Clients::end_turn`]. For loops of several threads, which must
    /// not hold a lock meanwhile.
    pub(crate) fn begin_turn(&mut self, now: Instant) -> Option<(Token, Box<Conn>)> {
        loop {
            let token = self.run_list.pop_front()?;
            // It may have left when it was brought back.
            let Some(entry) = entry(&mut self.table, token) else { continue };
            entry.queued = false;
            match (entry.doomed, entry.conn.take()) {
                (None, Some(conn)) => return Some((token, conn)),
                (Some(ending), Some(conn)) => {
                    entry.conn = Some(conn);
                    self.settle(token, (Blocked::Over(ending), true), now);
                }
                // It is out already; what dooms it is seen when it is brought back.
                (_, None) => {}
            }
        }
    }

    /// Brings a client back from its turn, and says what came of it.
    pub(crate) fn end_turn(
        &mut self,
        token: Token,
        conn: Box<Conn>,
        outcome: (Blocked, bool),
        now: Instant,
    ) -> Turn {
        let entry = entry(&mut self.table, token).expect("a client leaves in its own turn");
        entry.conn = Some(conn);
        let outcome = match entry.doomed {
            Some(ending) => (Blocked::Over(ending), true),
            None => outcome,
        };
        self.settle(token, outcome, now)
    }

    /// Notes what a client waits for after its turn, or that it has left.
    fn settle(&mut self, token: Token, outcome: (Blocked, bool), now: Instant) -> Turn {
        let (blocked, progress) = outcome;
        let entry = entry(&mut self.table, token).expect("a client leaves in its own turn");
        let descriptor = entry.conn.as_deref().map_or(-1, number);
        if progress {
            entry.progressed_at = now;
        }
        entry.want = match blocked {
            Blocked::OnRead | Blocked::OnClose { bytes: true, .. } => Want::Read,
            Blocked::OnWrite => Want::Write,
            Blocked::OnJob(_)
            | Blocked::OnWork(_)
            | Blocked::OnTurn
            | Blocked::OnClose { bytes: false, .. } => Want::Nothing,
            Blocked::Over(ending) => {
                self.timers.remove(token);
                if let Some(conn) = self.table.remove(token.place as usize).conn {
                    conn.end(ending);
                }
                if self.table.is_empty() && self.table.capacity() > PLACES_KEPT {
                    self.table = Slab::new();
                }
                return Turn { token, descriptor, want: None, job: None };
            }
        };
        let mut turn = Turn { token, descriptor, want: Some(entry.want), job: None };
        match blocked {
            // Jobs before it in this batch may have taken long: the wait starts when it starts.
            Blocked::OnJob(wait) => {
                self.timers.set(Instant::now() + wait, Due::Job, token);
            }
            Blocked::OnClose { time, .. } => {
                self.timers.set(Instant::now() + time, Due::Close, token);
            }
            Blocked::OnTurn => queue(entry, token, &mut self.run_list),
            Blocked::OnWork(job) => turn.job = Some(job),
            Blocked::OnRead | Blocked::OnWrite | Blocked::Over(_) => {}
        }
        turn
    }

    /// The socket of a client that has not left, and what the kernel was last told to watch it
    /// for, which is the model's to keep.
    pub(crate) fn told(&mut self, token: Token) -> Option<(BorrowedFd<'_>, &mut Want)> {
        let entry = entry(&mut self.table, token)?;
        Some((entry.conn.as_ref()?.as_fd(), &mut entry.told))
    }
}

fn wake(entry: &mut Entry, token: Token, ready: Ready, run_list: &mut VecDeque<Token>) -> bool {
    let Some(conn) = &mut entry.conn else { return true };
    let readable = ready.note(conn);
    let wanted = match entry.want {
        Want::Read => readable,
        Want::Write => ready.writable,
        Want::Nothing => false,
    };
    // Whether that is the end of one that is being closed, its turn finds out.
    if ready.dead && !wanted && !matches!(conn.phase, Phase::Closing(_)) {
        entry.doomed = Some(Ending::Reset);
    }
    if wanted || ready.dead {
        queue(entry, token, run_list);
    }
    wanted
}

fn entry(table: &mut Slab<Entry>, token: Token) -> Option<&mut Entry> {
    table.get_mut(token.place as usize).filter(|entry| entry.generation == token.generation)
}

fn queue(entry: &mut Entry, token: Token, run_list: &mut VecDeque<Token>) {
    if !entry.queued {
        entry.queued = true;
        run_list.push_back(token);
    }
}
