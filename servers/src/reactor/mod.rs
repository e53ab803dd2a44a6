//! The event loop: what it keeps about its clients and about the events that the kernel reported. A
//! model waits in its own way, wakes the clients that the kernel named, and gives turns until no
//! client wants one.
//!
//! Next: `turns`, which keeps the run list and the timers.

pub(crate) mod joining;
pub(crate) mod mailbox;
mod turn;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use protocol::Done;
use slab::Slab;

use crate::connection::drive::{self, Blocked};
use crate::connection::{Conn, Ending, Phase};
use crate::net::{Server, number};
use crate::stopping::{self, Stage};
use crate::turns::{Accepting, Member, PLACES_KEPT, Turns};
pub(crate) use crate::turns::{Token, timers};
pub(crate) use turn::{Ready, Turn, Want};

#[derive(Debug)]
struct Entry {
    /// `None` while another thread gives it its turn: boxed, so that only a pointer goes there
    /// and back.
    conn: Option<Box<Conn>>,
    want: Want,
    /// The events that the kernel was last told to watch, where the kernel keeps the list.
    told: Want,
    member: Member,
}

/// The clients of one event loop.
#[derive(Debug)]
pub(crate) struct Clients {
    turns: Turns,
    jobs_elsewhere: bool,
    table: Slab<Entry>,
    /// Whether the kernel has reported clients that wait to be accepted.
    acceptable: bool,
}

impl Clients {
    /// An empty table for one of a server's loops, which accepts from a non-blocking listener or is
    /// given its clients.
    pub(crate) fn new(server: &'static Server, worker: usize) -> Self {
        Self {
            turns: Turns::new(server, worker),
            jobs_elsewhere: false,
            table: Slab::new(),
            acceptable: false,
        }
    }

    /// One more descriptor for the loop to watch for reading, as [`Token::OTHERS`], where the
    /// application has clients wait outside their connections; see [`Others`].
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn others(&mut self) -> io::Result<Option<BorrowedFd<'_>>> {
        Ok(self.turns.others()?.map(AsFd::as_fd))
    }

    /// From now on a client's turn returns its job instead of computing it. Report each answer with
    /// [`Clients::job_done`].
    pub(crate) fn run_jobs_elsewhere(&mut self) {
        self.jobs_elsewhere = true;
    }

    /// Whether the loop has come to its end: stopped, and without clients.
    pub(crate) fn is_over(&self) -> bool {
        self.turns.accepting == Accepting::Stopped && self.table.is_empty()
    }

    /// Whether the kernel is to be asked about the listener.
    pub(crate) fn wants_listener(&self) -> bool {
        self.turns.accepting == Accepting::Open
    }

    /// The longest time that the loop may wait for the kernel; `None` is for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let at_once = self.acceptable && self.wants_listener();
        if at_once { Some(Duration::ZERO) } else { self.turns.timeout() }
    }

    /// When something is due: a job's wait, an idle client, accepting again.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.turns.next_due()
    }

    /// The kernel reports clients that wait at the listener.
    pub(crate) fn wake_listener(&mut self) {
        self.acceptable = true;
    }

    /// The kernel reports these events of a client. Returns whether they were wanted: a
    /// level-triggered kernel repeats events that no code acts on, so the loop must stop asking for
    /// them.
    pub(crate) fn wake(&mut self, token: Token, ready: Ready) -> bool {
        if token == Token::OTHERS {
            self.wake_others();
            return true;
        }
        match entry(&mut self.table, token) {
            Some(entry) => wake(entry, ready, &mut self.turns),
            None => true,
        }
    }

    /// The events may be those of any client: for loops to which the kernel does not report each.
    pub(crate) fn wake_all(&mut self, ready: Ready) {
        for (_, entry) in &mut self.table {
            wake(entry, ready, &mut self.turns);
        }
    }

    /// Puts the clients on the run list that can go on outside their connections.
    pub(crate) fn wake_others(&mut self) {
        for token in self.turns.who_can_go_on() {
            // A client that is out for its turn looks for itself.
            if let Some(entry) = entry(&mut self.table, token).filter(|entry| entry.conn.is_some())
            {
                self.turns.give(&mut entry.member);
            }
        }
    }

    /// Whether this client has not left.
    pub(crate) fn has(&mut self, token: Token) -> bool {
        entry(&mut self.table, token).is_some()
    }

    /// A job that was handed out has its answer, and this wait is still to come.
    pub(crate) fn job_done(&mut self, token: Token, done: Done, wait: Duration) {
        // Its client may have left while it ran; the answer is then dropped.
        let Some(entry) = entry(&mut self.table, token) else { return };
        let Some(conn) = &mut entry.conn else { return };
        drive::work_is_done(conn, done, wait);
        entry.member.progressed_at = Instant::now();
        if wait.is_zero() {
            self.turns.give(&mut entry.member);
        } else {
            self.turns.wait_for_job(&entry.member, wait);
        }
    }

    /// Puts the clients on the run list whose timers are due.
    pub(crate) fn expire(&mut self, now: Instant) {
        if stopping::stage() == Stage::Cut {
            for (_, entry) in &mut self.table {
                entry.member.doom(Ending::Cut);
                self.turns.give(&mut entry.member);
            }
        }
        while let Some((due, token)) = self.turns.take_due(now) {
            let Some(entry) = entry(&mut self.table, token) else { continue };
            self.turns.is_due(due, &mut entry.member, entry.conn.as_deref_mut(), now);
        }
    }

    /// The number of turns to give: one for each client on the run list now. Clients that these
    /// turns add have to wait, or the loop would never ask the kernel again.
    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// Gives the next client on the run list its turn.
    pub(crate) fn next_turn(&mut self, now: Instant) -> Option<Turn> {
        let token = self.turns.next()?;
        let entry = entry(&mut self.table, token).expect("a client leaves in its own turn");
        entry.member.has_its_turn();
        let outcome = match (entry.member.doomed(), &mut entry.conn) {
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
            let token = self.turns.next()?;
            // It may have left when it was brought back.
            let Some(entry) = entry(&mut self.table, token) else { continue };
            entry.member.has_its_turn();
            match (entry.member.doomed(), entry.conn.take()) {
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

    /// Brings a client back from its turn, and returns the result.
    pub(crate) fn end_turn(
        &mut self,
        token: Token,
        conn: Box<Conn>,
        outcome: (Blocked, bool),
        now: Instant,
    ) -> Turn {
        let entry = entry(&mut self.table, token).expect("a client leaves in its own turn");
        entry.conn = Some(conn);
        let outcome = match entry.member.doomed() {
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
            entry.member.progressed_at = now;
        }
        entry.want = match blocked {
            Blocked::OnRead | Blocked::OnClose { bytes: true, .. } => Want::Read,
            Blocked::OnWrite => Want::Write,
            Blocked::OnJob(_)
            | Blocked::OnWork(_)
            | Blocked::OnTurn
            | Blocked::Outside
            | Blocked::OnClose { bytes: false, .. } => Want::Nothing,
            Blocked::Over(ending) => {
                self.turns.left(token);
                if let Some(conn) = self.table.remove(token.place() as usize).conn {
                    conn.end(ending);
                }
                if self.table.is_empty() && self.table.capacity() > PLACES_KEPT {
                    self.table = Slab::new();
                }
                return Turn { token, descriptor, want: None, job: None };
            }
        };
        let mut turn = Turn { token, descriptor, want: Some(entry.want), job: None };
        self.turns.waits(&mut entry.member, &blocked, entry.conn.as_deref());
        if let Blocked::OnWork(job) = blocked {
            turn.job = Some(job);
        }
        turn
    }

    /// The socket of a client that has not left, and the events that the kernel was last told to
    /// watch. The model keeps the latter up to date.
    pub(crate) fn told(&mut self, token: Token) -> Option<(BorrowedFd<'_>, &mut Want)> {
        let entry = entry(&mut self.table, token)?;
        Some((entry.conn.as_ref()?.as_fd(), &mut entry.told))
    }
}

fn wake(entry: &mut Entry, ready: Ready, turns: &mut Turns) -> bool {
    let Some(conn) = &mut entry.conn else { return true };
    let readable = ready.note(conn);
    let wanted = match entry.want {
        Want::Read => readable,
        Want::Write => ready.writable,
        Want::Nothing => false,
    };
    // Whether that is the end of one that is being closed, its turn finds out.
    if ready.dead && !wanted && !matches!(conn.phase, Phase::Closing(_)) {
        entry.member.doom(Ending::Reset);
    }
    if wanted || ready.dead {
        turns.give(&mut entry.member);
    }
    wanted
}

fn entry(table: &mut Slab<Entry>, token: Token) -> Option<&mut Entry> {
    table.get_mut(token.place() as usize).filter(|entry| entry.member.token() == token)
}
