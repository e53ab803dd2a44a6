//! One blocking round trip over loopback, for each concurrency model.
//!
//! Each model is a fresh `c10k serve`, with one client that sends an echo of 64 bytes and blocks
//! until it has the reply. Both ends run where the kernel puts them.
//!
//! On an idle machine with two or more processors this measures waking up more than it measures
//! servers: the two ends run on different processors, each goes to sleep while the other works,
//! and under a hypervisor waking a sleeping processor takes ten times as long as all the rest of
//! the round trip. What the models differ in here is how often a reply wakes somebody on its way.

#[path = "support/settings.rs"]
mod settings;

use std::io::{Read, Write};
use std::net::TcpStream;

use servers::MODELS;

#[path = "../tests/support/mod.rs"]
mod support;

const TEXT: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
const _: () = assert!(TEXT.len() == 64);

fn main() {
    let mut criterion = settings::criterion();
    let mut group = criterion.benchmark_group("round trip");
    let (request, expected) = (format!("ECHO {TEXT}\n"), format!("OK {TEXT}\n"));
    let mut reply = vec![0; expected.len()];
    for model in MODELS {
        group.bench_function(model.name, |bencher| {
            let server = support::server(model.name);
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            stream.set_nodelay(true).expect("an option");
            stream.set_read_timeout(Some(support::DEADLINE)).expect("an option");
            bencher.iter(|| {
                stream.write_all(request.as_bytes()).expect("it takes requests");
                stream.read_exact(&mut reply).expect("it answers");
                assert_eq!(reply, expected.as_bytes());
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
