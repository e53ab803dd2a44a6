//! Sleeping in an event loop.
//!
//! Wrong: one request has to wait, for example for a database, and the loop sleeps for that time.
//! Every other client of the loop waits too, whatever its request.
//! How it happens: a call that looks like any other blocks: a lookup, a query, a log on a slow
//! disk, a lock. The same fault occurs in async tasks.
//! Gauge: the service times of clients with small requests reach the wait of those with long ones,
//! while the processor idles.
//! Compare: `models/epoll_edge.rs`, the same code with a timer instead of the sleep.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};

use super::Broken;
use crate::models::epoll::{EVENTS_MAX, data, wait};
use crate::models::epoll_edge::{ALL, edge};
use crate::models::{Family, Model};
use crate::net::Server;
use crate::reactor::{Clients, Token, Turn};
use crate::stopping;

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "sleeping-reactor",
        family: Family::Reactor,
        summary: "its event loop sleeps while one request waits",
        run,
        ..Model::PLAIN
    },
    gauge: "latency.service of echo clients includes another client's wait",
    right: "epoll-edge",
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let (epoll, listener) = (epoll::create(CreateFlags::CLOEXEC)?, server.listener());
    let mut clients = Clients::new(server, 0);
    clients.run_jobs_elsewhere();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    epoll::add(&epoll, listener, data(Token::LISTENER), EventFlags::IN | EventFlags::ET)?;
    server.ready()?;
    while !clients.is_over() {
        wait(&epoll, &mut events, clients.timeout())?;
        for event in &events {
            match Token::from_number(event.data.u64()) {
                Token::LISTENER => clients.wake_listener(),
                token => _ = clients.wake(token, edge(event.flags)),
            }
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            epoll::add(&epoll, conn, data(token), ALL).is_ok()
        });
        for _ in 0..clients.turns() {
            if let Some(Turn { token, job: Some(job), .. }) = clients.next_turn(now) {
                let done = job.compute();
                // The sleep blocks every client of the loop.
                stopping::sleep(job.wait());
                clients.job_done(token, done, Duration::ZERO);
            }
        }
    }
    Ok(())
}
