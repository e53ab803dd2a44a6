//! Hybrid: requests that do not block run in the event loop, requests that block run in threads.
//! The work and the wait of a request decide which it is.
//!
//! Waits in: epoll_wait(2) in the loop, for clients and for results; each thread in its queue, or
//! in the wait of its job.
//! Scheduler: the loop; for jobs that block, the kernel, which preempts.
//! Runs out of: threads, if as many jobs block at once. Further jobs wait for a thread, while small
//! requests are still answered. A job that blocks without saying so stops the loop.
//! Compare: `reactor_workers.rs` (every job leaves the loop, and waits are timers of the loop);
//! `thread_pool.rs` (a thread for each connection, whatever it requests).
//! Node works like this: its loop passes blocking calls to the threads of libuv.
//! In C, its loop: `benches/yardstick/c/epoll.c`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Sender};
use protocol::{Done, Job};
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};

use super::epoll::{EVENTS_MAX, data, interest, listens, ready, wait};
use super::thread_per_client::STACK_BYTES;
use super::{Family, Model, Workers, connection_pool_threads};
use crate::net::Server;
use crate::reactor::mailbox::Mailbox;
use crate::reactor::{Clients, Token, Turn, Want};
use crate::{stopping, threads};

pub(crate) const MODEL: Model = Model {
    name: "hybrid",
    family: Family::Reactor,
    summary: "an epoll loop for requests that do not block, threads for those that do",
    workers: Workers::Floating(connection_pool_threads),
    run,
    ..Model::PLAIN
};

/// The token of the answers' queue, which no client has.
const ANSWERS: Token = Token::special(1);
/// From this much work on, about 50 us, a job blocks the loop for longer than a hand-over takes.
const BLOCKING_ROUNDS: u64 = 500;

fn blocks(job: &Job) -> bool {
    !job.wait().is_zero() || job.rounds() >= BLOCKING_ROUNDS
}

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let listener = server.listener();
    let mut blocking = Blocking::new(server.workers)?;
    let mut clients = Clients::new(server, 0);
    clients.run_jobs_elsewhere();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    epoll::add(&epoll, listener, data(Token::LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, &*blocking.answers, data(ANSWERS), EventFlags::IN)?;
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
                ANSWERS => blocking.take_answers(&mut clients),
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
                // Differs from reactor_workers.rs: only what blocks goes to a thread, which is blocked
                // by all of it. The rest is done here.
                Some(Turn { token, job: Some(job), .. }) if blocks(&job) => {
                    blocking.run(token, job);
                }
                Some(Turn { token, job: Some(job), .. }) => {
                    clients.job_done(token, job.compute(), Duration::ZERO);
                }
                Some(Turn { token, want: Some(want @ (Want::Read | Want::Write)), .. }) => {
                    interest(&epoll, &mut clients, token, want)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        if !listens(&epoll, listener, EventFlags::IN, &mut listening, clients.wants_listener())? {
            clients.pause(now);
        }
    }
    Ok(())
}

/// Jobs that block: those with a thread each, and those that wait for one.
struct Blocking {
    threads: Sender<(Token, Job)>,
    free: usize,
    waiting: VecDeque<(Token, Job)>,
    answers: Arc<Mailbox<(Token, Done)>>,
}

impl Blocking {
    fn new(workers: usize) -> io::Result<Self> {
        let (sender, jobs) = channel::bounded::<(Token, Job)>(workers);
        let answers = Arc::new(Mailbox::new()?);
        for _ in 0..workers {
            let (jobs, answers) = (jobs.clone(), Arc::clone(&answers));
            // The threads are not joined: one may be blocked for a client that has left.
            threads::detached(STACK_BYTES, move || {
                for (token, job) in jobs {
                    let done = job.compute();
                    stopping::sleep(job.wait());
                    answers.send((token, done));
                }
            })?;
        }
        Ok(Self { threads: sender, free: workers, waiting: VecDeque::new(), answers })
    }

    fn run(&mut self, token: Token, job: Job) {
        if self.free == 0 {
            return self.waiting.push_back((token, job));
        }
        self.free -= 1;
        // It never waits: there are as many places in the queue as threads.
        let _ = self.threads.send((token, job));
    }

    fn take_answers(&mut self, clients: &mut Clients) {
        let mut answers = Vec::new();
        self.answers.take(&mut answers);
        for (token, done) in answers {
            self.free += 1;
            clients.job_done(token, done, Duration::ZERO);
        }
        while self.free > 0
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

    use super::*;

    #[test]
    fn a_thread_is_for_what_waits_or_computes_for_long() {
        let job = |rounds, wait| {
            blocks(&Job::Work(Work { rounds, wait: Duration::from_nanos(wait), reply_bytes: 0 }))
        };
        assert!(!job(0, 0) && !job(BLOCKING_ROUNDS - 1, 0));
        assert!(job(BLOCKING_ROUNDS, 0) && job(0, 1));
    }

    #[test]
    fn as_many_jobs_block_at_a_time_as_there_are_threads() {
        let mut blocking = Blocking::new(2).expect("threads");
        let wait = Duration::from_millis(1);
        for n in 1..=5 {
            blocking.run(Token::special(n), Job::Pause(wait));
        }
        assert_eq!((blocking.free, blocking.waiting.len()), (0, 3));
    }
}
