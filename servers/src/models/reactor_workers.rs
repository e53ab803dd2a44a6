//! Reactor and workers: one event loop reads, parses and writes; a pool of threads does the jobs.
//! Schmidt calls it half-sync/half-async, Pai and Druschel an asymmetric multi-process server.
//!
//! Waits in: epoll_wait(2) in the loop, for clients and for results; rayon's queue in the workers.
//! Scheduler: the loop for I/O; rayon for jobs. The unit of work is a request, so a silent client
//! costs no thread, and a long job delays only its own client.
//! Runs out of: workers, for jobs. For jobs shorter than the two hand-overs, each of which wakes a
//! thread, the pool does not pay.
//! Compare: `epoll.rs` (the loop does the jobs itself); `hybrid.rs` (only jobs that block leave the
//! loop); `rayon_pool.rs` (the same pool, where the unit of work is a connection).
//! In C: `benches/yardstick/c/reactor_workers.c`.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Done, Job};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};

use super::epoll::{EVENTS_MAX, data, interest, listens, ready, wait};
use super::{Family, Model, Workers, usable_processors};
use crate::net::Server;
use crate::reactor::mailbox::Mailbox;
use crate::reactor::{Clients, Token, Turn, Want};
use crate::threads;

pub(crate) const MODEL: Model = Model {
    name: "reactor-workers",
    family: Family::Reactor,
    summary: "an epoll loop for I/O; the jobs of requests run in a rayon pool",
    workers: Workers::Floating(usable_processors),
    run,
    ..Model::PLAIN
};

/// The token of the answers' queue, which no client has.
const ANSWERS: Token = Token::special(1);
/// Jobs in the pool for each worker. Further jobs wait in the loop, where they are dropped if their
/// client leaves. With fewer, the loop and the pool would wake each other for every few jobs.
const JOBS_PER_WORKER: usize = 64;
/// Jobs are handed over and answered in parcels of about this much work, some 50 us. Short jobs
/// share the two hand-overs, and no job waits long for another. A longer job is a parcel of its
/// own.
const PARCEL_ROUNDS_MAX: u64 = 500;
/// The least that a job counts for in its parcel.
const JOB_ROUNDS_MIN: u64 = 10;

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let listener = server.listener();
    threads::can_be_had(server.workers)?;
    let mut jobs = Jobs::new(server.workers)?;
    let mut clients = Clients::new(server, 0);
    clients.run_jobs_elsewhere();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    epoll::add(&epoll, listener, data(Token::LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, &*jobs.answers, data(ANSWERS), EventFlags::IN)?;
    if let Some(others) = clients.others()? {
        epoll::add(&epoll, others, data(Token::OTHERS), EventFlags::IN)?;
    }
    let mut listening = true;
    server.ready()?;
    while !clients.is_over() {
        wait(&epoll, &mut events, clients.timeout())?;
        for event in &events {
            match Token::from_number(event.data.u64()) {
                Token::LISTENER => clients.wake_listener(),
                ANSWERS => jobs.take_answers(&mut clients),
                token if clients.wake(token, ready(event.flags)) => {}
                token => interest(&epoll, &mut clients, token, Want::Nothing)?,
            }
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            epoll::add(&epoll, conn, data(token), EventFlags::IN).is_ok()
        });
        for _ in 0..clients.turns() {
            match clients.next_turn(now) {
                // Differs from epoll.rs: a request that is work goes to the pool. Its client is
                // not read meanwhile, so replies keep their order and one client has one job.
                Some(Turn { token, job: Some(job), .. }) => jobs.run(token, job),
                Some(Turn { token, want: Some(want @ (Want::Read | Want::Write)), .. }) => {
                    interest(&epoll, &mut clients, token, want)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        jobs.hand_over();
        if !listens(&epoll, listener, EventFlags::IN, &mut listening, clients.wants_listener())? {
            clients.pause(now);
        }
    }
    Ok(())
}

/// An answer on its way back to the loop.
type Answer = (Token, Done, Duration);

/// Jobs in the pool, and jobs that wait for it.
struct Jobs {
    pool: ThreadPool,
    answers: Arc<Mailbox<Vec<Answer>>>,
    batch: Vec<Vec<Answer>>,
    /// The next parcel. It is handed over when it is full, or before the loop waits.
    parcel: Vec<(Token, Job)>,
    parcel_rounds: u64,
    /// Jobs for which the pool has no room; at most one for each client.
    waiting: VecDeque<(Token, Job)>,
    running: usize,
    running_max: usize,
}

impl Jobs {
    fn new(workers: usize) -> io::Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(workers).build();
        Ok(Self {
            pool: pool.map_err(io::Error::other)?,
            answers: Arc::new(Mailbox::new()?),
            batch: Vec::new(),
            parcel: Vec::new(),
            parcel_rounds: 0,
            waiting: VecDeque::new(),
            running: 0,
            running_max: workers * JOBS_PER_WORKER,
        })
    }

    fn run(&mut self, token: Token, job: Job) {
        if self.running == self.running_max {
            self.waiting.push_back((token, job));
            return;
        }
        self.running += 1;
        let rounds = job.rounds().max(JOB_ROUNDS_MIN);
        if self.parcel_rounds + rounds > PARCEL_ROUNDS_MAX {
            self.hand_over();
        }
        self.parcel.push((token, job));
        self.parcel_rounds += rounds;
    }

    fn hand_over(&mut self) {
        if self.parcel.is_empty() {
            return;
        }
        let parcel = mem::take(&mut self.parcel);
        self.parcel_rounds = 0;
        let answers = Arc::clone(&self.answers);
        // First in, first out: rayon's own order would let the newest go first.
        self.pool.spawn_fifo(move || {
            let answer = |(token, job): (Token, Job)| (token, job.compute(), job.wait());
            answers.send(parcel.into_iter().map(answer).collect());
        });
    }

    fn take_answers(&mut self, clients: &mut Clients) {
        self.answers.take(&mut self.batch);
        for (token, done, wait) in self.batch.drain(..).flatten() {
            self.running -= 1;
            clients.job_done(token, done, wait);
        }
        while self.running < self.running_max
            && let Some((token, job)) = self.waiting.pop_front()
        {
            if clients.has(token) {
                self.run(token, job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::Work;
    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    #[test]
    fn short_jobs_share_a_parcel_and_never_with_a_long_one() {
        let mut jobs = Jobs::new(2).expect("a pool");
        let job = |rounds| Job::Work(Work { rounds, wait: Duration::ZERO, reply_bytes: 0 });
        let mut run = |number, rounds| jobs.run(Token::special(number), job(rounds));
        // The long one is long enough to be last by far: a second, in a build for tests.
        run(1, PARCEL_ROUNDS_MAX / 4);
        run(2, PARCEL_ROUNDS_MAX / 4);
        run(3, PARCEL_ROUNDS_MAX * 1000);
        run(4, 0);
        jobs.hand_over();
        let mut parcels: Vec<Vec<Token>> = Vec::new();
        while parcels.len() < 3 {
            poll(&mut [PollFd::new(&*jobs.answers, PollFlags::IN)], None).expect("poll");
            jobs.answers.take(&mut jobs.batch);
            for parcel in jobs.batch.drain(..) {
                parcels.push(parcel.into_iter().map(|(token, ..)| token).collect());
            }
        }
        // The two short ones may overtake each other.
        parcels[..2].sort();
        let expected = [vec![1, 2], vec![4], vec![3]];
        assert_eq!(
            parcels,
            expected.map(|parcel| parcel.into_iter().map(Token::special).collect::<Vec<_>>())
        );
    }
}
