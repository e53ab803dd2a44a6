//! The parts of every loop, whether the kernel reports who is ready (`reactor`) or what is complete
//! (`proactor`): how clients join and are named, whose turn it is, which timers are due, and
//! whether the loop accepts.

mod accepting;
pub(crate) mod timers;
mod token;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::apps::outside::Others;
use crate::connection::drive::{self, Blocked};
use crate::connection::{Conn, Ending};
use crate::net::Server;
pub(crate) use accepting::Accepting;
use timers::{Due, Timers};
pub(crate) use token::Token;

/// Places for clients that a loop always keeps. More are given back when the last client has left.
pub(crate) const PLACES_KEPT: usize = 1024;

/// What a loop keeps of a client beside its connection.
#[derive(Debug)]
pub(crate) struct Member {
    token: Token,
    /// Whether it is on the run list.
    queued: bool,
    /// Its next turn is its end, for this reason.
    doomed: Option<Ending>,
    /// When it last got anywhere.
    pub(crate) progressed_at: Instant,
}

impl Member {
    /// Its name.
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Why it is to leave, if it is.
    pub(crate) fn doomed(&self) -> Option<Ending> {
        self.doomed
    }

    /// It is to leave, for this reason; the first counts.
    pub(crate) fn doom(&mut self, ending: Ending) {
        self.doomed.get_or_insert(ending);
    }

    /// It has left the run list for its turn.
    pub(crate) fn has_its_turn(&mut self) {
        self.queued = false;
    }
}

/// The turns of one loop.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) server: &'static Server,
    /// Which of the server's loops this is.
    worker: usize,
    generation: u32,
    run_list: VecDeque<Token>,
    timers: Timers,
    pub(crate) accepting: Accepting,
    /// What clients wait for that is not their connection.
    others: Option<Others>,
}

impl Turns {
    /// Of one of a server's loops, which nobody has joined.
    pub(crate) fn new(server: &'static Server, worker: usize) -> Self {
        Self {
            server,
            worker,
            generation: 0,
            run_list: VecDeque::new(),
            timers: Timers::default(),
            accepting: Accepting::Open,
            others: None,
        }
    }

    /// The name of a client that is to have this place in the loop's table.
    pub(crate) fn name(&mut self, place: usize) -> Token {
        // The listener's generation is not given out, whatever wraps around.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        Token::new(self.generation, u32::try_from(place).expect("fewer clients than 2^32"))
    }

    /// Takes in a client under this name. It has no turn yet.
    pub(crate) fn join(&mut self, token: Token, conn: &mut Conn, now: Instant) -> Member {
        conn.client.taken_by(self.worker);
        self.timers.set(now + self.server.config.idle_timeout, Due::Idle, token);
        Member { token, queued: false, doomed: None, progressed_at: now }
    }

    /// Puts a client on the run list, once.
    pub(crate) fn give(&mut self, member: &mut Member) {
        if !member.queued {
            member.queued = true;
            self.run_list.push_back(member.token);
        }
    }

    /// Where clients wait for what is not their connection, if the application leads them there.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn others(&mut self) -> io::Result<Option<&Others>> {
        if self.others.is_none() && self.server.config.service.app.leads_outside() {
            self.others = Some(Others::new()?);
        }
        Ok(self.others.as_ref())
    }

    /// Who can go on outside its connection, or is gone; one may be named twice.
    pub(crate) fn who_can_go_on(&self) -> Vec<Token> {
        self.others.as_ref().map(Others::take).unwrap_or_default()
    }

    /// A client has left, and its timer goes with it.
    pub(crate) fn left(&mut self, token: Token) {
        self.timers.remove(token);
    }

    /// Who is next on the run list; tell the member that it has its turn.
    pub(crate) fn next(&mut self) -> Option<Token> {
        self.run_list.pop_front()
    }

    /// How many turns there are to give: those on the run list now, and not those that these
    /// turns will add, or the kernel would never be asked again.
    pub(crate) fn len(&self) -> usize {
        self.run_list.len()
    }

    /// When something is due: a job's wait, an idle client, accepting again.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.timers.first().into_iter().chain(self.accepting.paused_until()).min()
    }

    /// How long the loop may wait for the kernel; `None` is for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        if self.run_list.is_empty() {
            timers::wait_until(self.next_due())
        } else {
            Some(Duration::ZERO)
        }
    }

    /// What has come due, and for whom.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Due, Token)> {
        self.timers.take(now)
    }

    /// Something is due for a client, whose connection may be out for a turn.
    pub(crate) fn is_due(
        &mut self,
        due: Due,
        member: &mut Member,
        conn: Option<&mut Conn>,
        now: Instant,
    ) {
        match due {
            Due::Job => {
                conn.into_iter().for_each(drive::job_is_over);
                // The silence was ours, however long: its own begins now.
                member.progressed_at = now;
                self.timers.set(now + self.server.config.idle_timeout, Due::Idle, member.token);
            }
            // Its turn looks.
            Due::Close => {}
            Due::Idle => {
                // Whoever is out for a turn has time.
                let idle_at = match conn {
                    Some(conn) => conn.idle_at(member.progressed_at, now),
                    None => now + self.server.config.idle_timeout,
                };
                if idle_at > now {
                    self.timers.set(idle_at, Due::Idle, member.token);
                    return;
                }
                member.doom(Ending::Idle);
            }
        }
        self.give(member);
    }

    /// A client waits for so long while its job does.
    pub(crate) fn wait_for_job(&mut self, member: &Member, wait: Duration) {
        // Jobs before it in this batch may have taken long: the wait starts when it starts.
        self.timers.set(Instant::now() + wait, Due::Job, member.token);
    }

    /// What a client waits for after its turn, where that is not the kernel's word about its
    /// connection.
    pub(crate) fn waits(&mut self, member: &mut Member, blocked: &Blocked, conn: Option<&Conn>) {
        match *blocked {
            Blocked::OnTurn => self.give(member),
            Blocked::OnJob(wait) => self.wait_for_job(member, wait),
            Blocked::OnClose { time, .. } => {
                self.timers.set(Instant::now() + time, Due::Close, member.token);
            }
            Blocked::Outside => {
                let watched = conn.zip(self.others.as_ref()).is_some_and(|(conn, others)| {
                    others.watch(member.token, &conn.stream, conn.beside.as_deref()).is_ok()
                });
                if !watched {
                    member.doom(Ending::Shed);
                    self.give(member);
                }
            }
            Blocked::OnRead | Blocked::OnWrite | Blocked::OnWork(_) | Blocked::Over(_) => {}
        }
    }
}
