//! What the protocol costs without any socket: one session, one exchange, driven by hand.
//!
//! A session is given its bytes as an event loop gives them: it rests, and so frees its buffers,
//! whenever it waits for more, and takes what has arrived in as many reads as it asks for. 16
//! pipelined echoes of 64 bytes are 1,120 bytes; a rested session reads 1,024 bytes first, so
//! that they take it two reads and two writes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use protocol::{App, Exchange, Framing, Recipe, Reply, Request, Service, Session, Step};

/// Any tag; it only has to be the same in a request and its reply.
const TAG: u64 = 0x0123_4567_89ab_cdef;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    session(&mut criterion);
    exchange(&mut criterion);
    criterion.final_summary();
}

fn session(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    let echo = Request::Echo { bytes: 64 };
    for (name, request, requests) in [
        ("echo of 64 bytes", echo, 1),
        ("16 pipelined echoes of 64 bytes", echo, 16),
        ("product of 18 digits", Request::Multiply { digits: 18 }, 1),
        ("product of 1,000 digits", Request::Multiply { digits: 1_000 }, 1),
    ] {
        let mut client = Exchange::new(recipe(request));
        let mut input = Vec::new();
        (0..requests).for_each(|_| client.request(TAG, &mut input));
        let mut session = Session::new(Service::BENCH);
        let mut replies = Vec::new();
        answer(&mut session, &input, |bytes| replies.extend_from_slice(bytes));
        check(&mut client, &replies);

        group.throughput(Throughput::Elements(requests));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                answer(&mut session, black_box(&input), |bytes| {
                    black_box(bytes);
                });
            });
        });
    }
    group.finish();
}

fn exchange(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    let mut client = Exchange::new(recipe(Request::Echo { bytes: 64 }));
    let mut request = Vec::new();
    client.request(TAG, &mut request);
    let mut reply = Vec::new();
    answer(&mut Session::new(Service::BENCH), &request, |bytes| reply.extend_from_slice(bytes));
    check(&mut client, &reply);

    group.throughput(Throughput::Elements(1));
    group.bench_function("build and check an echo of 64 bytes", |bencher| {
        bencher.iter(|| {
            request.clear();
            client.request(black_box(TAG), &mut request);
            client.space()[..reply.len()].copy_from_slice(black_box(&reply));
            client.received(reply.len());
            client.reply()
        });
    });
    group.finish();
}

fn recipe(request: Request) -> Arc<Recipe> {
    Arc::new(Recipe::new(App::Bench, Framing::Line, request).expect("the application has it"))
}

/// Carries a session through bytes that have arrived, until it waits for more.
fn answer(session: &mut Session, mut input: &[u8], mut write: impl FnMut(&[u8])) {
    loop {
        match session.step() {
            Step::Read(_) if input.is_empty() => return session.rest(),
            Step::Read(space) => {
                let n = space.len().min(input.len());
                space[..n].copy_from_slice(&input[..n]);
                input = &input[n..];
                session.received(n);
            }
            Step::Write(bytes) => {
                write(bytes);
                let n = bytes.len();
                session.sent(n);
            }
            Step::Run(job) => session.finished(&job.compute()),
            Step::Close => unreachable!("the peer neither left nor asked for it"),
        }
    }
}

/// Figures of wrong answers would mean nothing.
fn check(client: &mut Exchange, replies: &[u8]) {
    let mut rest = replies;
    while !rest.is_empty() {
        let space = client.space();
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        client.received(n);
        while let Some(reply) = client.reply() {
            assert_eq!(reply, Reply::Right { tag: TAG });
        }
    }
    assert_eq!(client.open(), 0, "every request has its reply");
}
