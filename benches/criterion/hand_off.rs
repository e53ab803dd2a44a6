//! The cost of handing a job to another thread and getting the answer back.
//!
//! The job is a `protocol::Job`, as in a server: 32 bytes there and 24 bytes back through channels of
//! one place. The closures that go to rayon hold the same. It is measured with no round of work, which
//! is only the hand-off, and with 100 rounds, where the hand-off is the time above that of `inline`.
//!
//! The caller blocks for the answer, so this is latency, not capacity. Channels and rayon spin for a
//! moment before they sleep, which hides wake-ups as long as the job is shorter than the spinning and
//! processors are free. After 100 rounds the caller may be asleep, and waking it costs more than the
//! job: tens of microseconds on an idle machine under a hypervisor.

mod settings;

use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use crossbeam::channel::bounded;
use protocol::{Done, Job, Work};

const _: () = assert!(size_of::<Job>() == 32 && size_of::<Done>() == 24, "the sizes named above");

const POOL_THREADS: usize = 4;

fn main() {
    let mut criterion = settings::criterion();
    for rounds in [0, 100] {
        let job = Job::Work(Work { rounds, wait: Duration::ZERO, reply_bytes: 0 });
        measure(&mut criterion, rounds, "inline", || job.compute());
        channels(&mut criterion, rounds, &job, "crossbeam, 1 thread", 1);
        channels(&mut criterion, rounds, &job, "crossbeam, 4 threads", POOL_THREADS);
        rayon(&mut criterion, rounds, &job);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, rounds: u64, name: &str, mut ask: impl FnMut() -> Done) {
    let mut group = criterion.benchmark_group("hand off");
    let id = BenchmarkId::new(name, format!("{rounds} rounds"));
    group.bench_function(id, |bencher| bencher.iter(&mut ask));
    group.finish();
}

/// Threads that all wait at one channel and answer through another.
fn channels(criterion: &mut Criterion, rounds: u64, job: &Job, name: &str, threads: usize) {
    let (jobs, waiting) = bounded::<Job>(1);
    let (answers, done) = bounded::<Done>(1);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (waiting, answers) = (waiting.clone(), answers.clone());
            scope.spawn(move || waiting.iter().try_for_each(|job| answers.send(job.compute())));
        }
        measure(criterion, rounds, name, || {
            jobs.send(job.clone()).expect("the threads wait for jobs");
            done.recv().expect("the threads answer")
        });
        // The threads end when the channel of jobs is closed.
        drop(jobs);
    });
}

fn rayon(criterion: &mut Criterion, rounds: u64, job: &Job) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(POOL_THREADS);
    let pool = pool.build().expect("four threads can be started");
    let (answers, done) = bounded::<Done>(1);
    measure(criterion, rounds, "rayon spawn, 4 threads", || {
        let (job, answers) = (job.clone(), answers.clone());
        pool.spawn(move || answers.send(job.compute()).expect("the caller waits for the answer"));
        done.recv().expect("the pool answers")
    });
    measure(criterion, rounds, "rayon install, 4 threads", || pool.install(|| job.compute()));
}
