//! The cost of the protocol without sockets: one session, and one exchange.
//!
//! A session gets its bytes as from an event loop. It rests, which frees its buffers, whenever it
//! waits for more, and takes the input in as many reads as it asks for. 16 pipelined echoes of 64
//! bytes are 1,120 bytes. A rested session reads 1,024 bytes first, so it needs two reads and two
//! writes for them.
//!
//! In HTTP a client compares the head of a reply with that of the reply before, and parses it only if
//! they differ: `any server, same head` and `any server, other head` are the two cases.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use protocol::{App, Ask, Exchange, Framing, Recipe, Reply, Request, Service, Session, Step};

/// Any tag; it only has to be the same in a request and its reply.
const TAG: u64 = 0x0123_4567_89ab_cdef;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    session(&mut criterion);
    exchange(&mut criterion);
    http_session(&mut criterion);
    http_exchange(&mut criterion);
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

const HTTP: Service = Service { framing: Framing::Http, ..Service::BENCH };

fn http_session(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http session");
    group.throughput(Throughput::Elements(1));
    let get = "GET /echo/hello HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nAccept: */*\r\n\r\n";
    let post = format!("POST /echo HTTP/1.1\r\nHost: c10k\r\nContent-Length: 64\r\n\r\n{:64}", "");
    for (name, request) in [("a text in the path", get), ("an echo of 64 bytes", &post)] {
        let mut session = Session::new(HTTP);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                answer(&mut session, black_box(request.as_bytes()), |bytes| {
                    assert!(bytes.starts_with(b"HTTP/1.1 200 "), "the session refused the request");
                });
            });
        });
    }
    group.finish();
}

fn http_exchange(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http exchange");
    group.throughput(Throughput::Elements(1));
    let echo = Recipe::new(App::Bench, Framing::Http, Request::Echo { bytes: 64 });
    let own = Arc::new(echo.expect("the application has it"));
    let (mut request, mut reply) = (Vec::new(), Vec::new());
    Exchange::new(Arc::clone(&own)).request(TAG, &mut request);
    answer(&mut Session::new(HTTP), &request, |bytes| reply.extend_from_slice(bytes));

    let method = protocol::http::Method::new("GET").expect("a method");
    let ask = Ask::new(&method, "/", "127.0.0.1:80", &[], b"").expect("a request");
    let any = Arc::new(Recipe::asking(ask));
    // Replies as from a file server, in two different seconds.
    let dated = |second: u32| {
        format!(
            "HTTP/1.1 200 OK\r\nServer: some/1.0\r\nDate: Sat, 01 Jan 2000 00:00:0{second} GMT\r\n\
             Content-Type: text/html\r\nContent-Length: 64\r\nLast-Modified: Sat, 01 Jan 2000 \
             00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"0-0\"\r\nAccept-Ranges: bytes\r\n\r\n{:64}",
            ""
        )
        .into_bytes()
    };
    for (name, recipe, replies) in [
        ("one of ours, an echo of 64 bytes", own, [reply.clone(), reply]),
        ("any server, same head", Arc::clone(&any), [dated(0), dated(0)]),
        ("any server, other head", any, [dated(0), dated(1)]),
    ] {
        let (mut client, mut turn) = (Exchange::new(recipe), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                request.clear();
                client.request(black_box(TAG), &mut request);
                turn ^= 1;
                let reply = black_box(&replies[turn]);
                client.space()[..reply.len()].copy_from_slice(reply);
                client.received(reply.len());
                assert_eq!(client.reply(), Some(Reply::Right { tag: TAG }));
            });
        });
    }
    group.finish();
}

fn recipe(request: Request) -> Arc<Recipe> {
    Arc::new(Recipe::new(App::Bench, Framing::Line, request).expect("the application has it"))
}

/// Gives a session all of this input, until it waits for more.
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
            Step::Outside(_) => unreachable!("none of these requests leads outside"),
            Step::Run(job) => session.finished(&job.compute()),
            Step::Close => unreachable!("the peer neither left nor asked to close"),
        }
    }
}

/// Checks all replies, because the time of wrong replies would mean nothing.
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
