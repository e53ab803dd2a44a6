//! One client with each concurrency model, over loopback: a round trip on a connection that stays, a
//! connection for one request, and sixteen requests in one write.
//!
//! Each model is a fresh process with one client that blocks until it has its replies. The kernel
//! chooses the processors of both ends.
//!
//! On an idle machine with two or more processors this measures wake-ups more than servers. The two
//! ends run on different processors, and each sleeps while the other works. Under a hypervisor, waking
//! a sleeping processor takes ten times as long as the rest of the round trip. Here models differ in
//! the number of wake-ups that a reply needs. One client says nothing about concurrency, which
//! `c10k run` measures.

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

/// A group with every model, each measured by `turn` with a fresh process of the model.
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
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(DEADLINE)).expect("an option");
        let request = format!("ECHO {TEXT}\n").repeat(BATCH).into_bytes();
        let expected = format!("OK {TEXT}\n").repeat(BATCH).into_bytes();
        let reply = vec![0; expected.len()];
        Self { stream, request, expected, reply }
    }

    /// Sends this many requests at once, and checks the replies to all of them.
    fn exchange(&mut self, requests: usize) {
        let share = |whole: usize| whole / BATCH * requests;
        let (sent, expected) = (share(self.request.len()), share(self.expected.len()));
        self.stream.write_all(&self.request[..sent]).expect("the server takes requests");
        self.stream.read_exact(&mut self.reply[..expected]).expect("the server answers");
        assert_eq!(self.reply[..expected], self.expected[..expected]);
    }
}
