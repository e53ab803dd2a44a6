//! One client's turn with each concurrency model, over loopback: a round trip on a connection that
//! stays, a connection of its own for one request, and sixteen requests in one write.
//!
//! Each model is a fresh process with one client that blocks until it has its replies. Both ends run
//! where the kernel puts them.
//!
//! On an idle machine with two or more processors this measures waking up more than it measures
//! servers: the two ends run on different processors, each goes to sleep while the other works,
//! and under a hypervisor waking a sleeping processor takes ten times as long as all the rest of
//! the round trip. What the models differ in here is how often a reply wakes somebody on its way.
//! One client at a time says nothing of concurrency: that is what `c10k run` measures.

mod served;
mod settings;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use servers::{MODELS, Model};

use served::Served;

const TEXT: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
const _: () = assert!(TEXT.len() == 64);

/// Requests in one write.
const BATCH: usize = 16;

/// Ends a benchmark that hangs.
const DEADLINE: Duration = Duration::from_secs(30);

fn main() {
    if served::is_asked_for() {
        return served::serve();
    }
    let mut criterion =
        settings::measuring(20, Duration::from_millis(200), Duration::from_millis(800));
    each_model(&mut criterion, "round trip", 1, |served| {
        let mut client = Client::of(served);
        move || client.exchange(1)
    });
    each_model(&mut criterion, "connect, ask and close", 1, |served| {
        let address = served.address;
        move || Client::at(address).exchange(1)
    });
    each_model(&mut criterion, "pipelined batch of 16", BATCH, |served| {
        let mut client = Client::of(served);
        move || client.exchange(BATCH)
    });
    criterion.final_summary();
}

/// A group with every model, each with what a fresh process of it makes `turn` do.
fn each_model<F: FnMut()>(
    criterion: &mut Criterion,
    name: &str,
    requests: usize,
    turn: impl Fn(&Served) -> F,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(requests as u64));
    for Model { name, .. } in MODELS {
        group.bench_function(*name, |bencher| {
            let served = Served::start(name);
            bencher.iter(turn(&served));
        });
    }
    group.finish();
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    expected: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    fn of(served: &Served) -> Self {
        Self::at(served.address)
    }

    fn at(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(DEADLINE)).expect("an option");
        let request = format!("ECHO {TEXT}\n").repeat(BATCH).into_bytes();
        let expected = format!("OK {TEXT}\n").repeat(BATCH).into_bytes();
        let reply = vec![0; expected.len()];
        Self { stream, request, expected, reply }
    }

    /// Sends so many requests at once, and has the replies to all of them.
    fn exchange(&mut self, requests: usize) {
        let share = |whole: usize| whole / BATCH * requests;
        let (sent, expected) = (share(self.request.len()), share(self.expected.len()));
        self.stream.write_all(&self.request[..sent]).expect("it takes requests");
        self.stream.read_exact(&mut self.reply[..expected]).expect("it answers");
        assert_eq!(self.reply[..expected], self.expected[..expected]);
    }
}
