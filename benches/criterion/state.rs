//! The cost of one step of a session in each home of its state that needs no other process, and how a
//! table performs with several threads.
//!
//! `step` is one step by a single thread. `connection` is nearly the arithmetic alone, so the rest of
//! another figure is the cost of that home. A session has a thousand steps and is then begun anew, so
//! every home pays for a beginning now and then.
//!
//! With `threads`, 1, 2, 4 and 8 threads take steps in one table at once. Each has sessions of its own,
//! which is the best case of a lock. The figure is the time per step of each thread. If it stays the
//! same, threads do not disturb each other. On a machine with fewer processors than threads it always
//! grows with the threads, so compare layouts and not numbers of threads.

mod settings;

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use protocol::state::{Add, InConnections, InRequests, Kept, Reference, Store};
use servers::Lock;
use servers::state::table::Table;
use servers::state::token::Tokens;

const STEPS: u32 = 1000;
const TTL: Duration = Duration::from_secs(3600);
const HISTORIES: [usize; 3] = [0, 1024, 16 * 1024];
const THREADS: [usize; 4] = [1, 2, 4, 8];
/// Sessions that are already in the table, so that a lookup is one among many.
const OTHERS: usize = 10_000;

fn main() {
    let mut criterion = settings::criterion();
    for history in HISTORIES {
        let words = history / 8;
        step(&mut criterion, "none", history, &InRequests { words });
        step(&mut criterion, "connection", history, &InConnections { words });
        let tokens = Tokens::new(None, words, TTL).expect("a key");
        step(&mut criterion, "client", history, &tokens);
        for (name, lock) in Lock::ALL {
            step(&mut criterion, &format!("table, {name}"), history, &table(lock, words));
        }
    }
    for (name, lock) in Lock::ALL {
        for threads in THREADS {
            together(&mut criterion, name, threads, &table(lock, 0));
        }
    }
    criterion.final_summary();
}

/// A table with other sessions in it.
fn table(lock: Lock, words: usize) -> Table {
    let table = Table::new(lock, words, OTHERS * 2, TTL);
    for _ in 0..OTHERS {
        let add = Add { step: 1, steps: STEPS, n: 1, reference: b"-" };
        table.add(&add, &mut None).expect("room");
    }
    table
}

/// A client that takes one step after the other.
struct SessionClient {
    at: u32,
    reference: Vec<u8>,
    here: Option<Box<Kept>>,
}

impl SessionClient {
    fn new() -> Self {
        Self { at: 0, reference: Vec::new(), here: None }
    }

    fn step(&mut self, store: &impl Store) {
        if self.at == 0 {
            self.reference.clear();
            self.reference.push(b'-');
        }
        let add = Add { step: self.at + 1, steps: STEPS, n: 5, reference: &self.reference };
        let added = black_box(store.add(&add, &mut self.here).expect("it follows"));
        self.at = (self.at + 1) % STEPS;
        match added.reference {
            Reference::Nothing => {}
            // As text, as in the next request; it overwrites the last reference.
            Reference::Id(id) => {
                self.reference.resize(16, 0);
                for (at, digit) in self.reference.iter_mut().rev().enumerate() {
                    *digit =
                        b"0123456789abcdef"[usize::from((id >> (4 * at)).to_le_bytes()[0] & 0xf)];
                }
            }
            Reference::Text(text) => self.reference = text,
        }
    }
}

fn step(criterion: &mut Criterion, name: &str, history: usize, store: &impl Store) {
    let mut group = criterion.benchmark_group("step");
    let mut client = SessionClient::new();
    let id = BenchmarkId::new(name, format!("{history} bytes"));
    group.bench_function(id, |bencher| bencher.iter(|| client.step(store)));
    group.finish();
}

fn together(criterion: &mut Criterion, name: &str, threads: usize, table: &Table) {
    let mut group = criterion.benchmark_group("threads");
    let id = BenchmarkId::new(name, threads);
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|steps| {
            let barrier = Barrier::new(threads + 1);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let mut client = SessionClient::new();
                        client.step(table);
                        barrier.wait();
                        (0..steps).for_each(|_| client.step(table));
                        barrier.wait();
                    });
                }
                barrier.wait();
                let started = Instant::now();
                barrier.wait();
                started.elapsed()
            })
        });
    });
    // Each repetition adds a session of each thread to the table.
    group.finish();
}
