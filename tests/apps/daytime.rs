//! `daytime`: the server waits, says the date and closes first.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use protocol::App;
use servers::Model;

use crate::clock::is_date;
use crate::served::{LineClient, serve, until};
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Daytime, "says_the_date_and_closes_first", says),
    row(App::Daytime, "waits_before_that", waits),
    row(App::Daytime, "waits_for_many_at_a_time", many).concurrent(),
    row(App::Daytime, "is_cut_while_it_waits", cut),
];

fn says(model: &'static Model) {
    let server = serve(model, &["--app", "daytime"]);
    let mut client = server.client();
    // The server ignores what a client sends, and still closes without a reset.
    client.send("what time is it?\n");
    let date = String::from_utf8(client.rest()).expect("text");
    assert!(date.strip_suffix('\n').is_some_and(is_date), "{date}");
    drop(client);
    let ended = server.stop().well();
    assert_eq!((ended.count("finished"), ended.count("requests")), (1, 1));
}

fn waits(model: &'static Model) {
    let server = serve(model, &["--app", "daytime", "--delay", "150ms", "--framing", "raw"]);
    let start = Instant::now();
    let mut client = server.client();
    let date = String::from_utf8(client.rest()).expect("text");
    assert!(is_date(&date), "{date}");
    assert!(start.elapsed() >= Duration::from_millis(150), "{:?}", start.elapsed());
    drop(client);
    server.stop().well();
}

/// One after the other, these clients would take longer than the test may.
fn many(model: &'static Model) {
    let server = serve(model, &["--app", "daytime", "--delay", "2s"]);
    let mut clients: Vec<LineClient> = (0..40).map(|_| server.client()).collect();
    for client in &mut clients {
        assert!(is_date(client.line().trim_end()));
    }
    drop(clients);
    assert!(server.stop().well().count("finished") >= 40);
}

fn cut(model: &'static Model) {
    let server = serve(model, &["--app", "daytime", "--delay", "1h", "--drain-timeout", "1h"]);
    let client = TcpStream::connect(server.address).expect("it listens");
    let status = format!("/proc/{}/net/tcp", server.child.id());
    // Accepted means that the listener's queue is empty; the kernel shows its length as bytes to receive.
    let port = format!(":{:04X} ", server.address.port());
    until("it is accepted", || {
        let sockets = std::fs::read_to_string(&status).expect("sockets");
        let listens = |line: &&str| line.contains(&port) && line.contains(" 0A ");
        let mut listeners = sockets.lines().filter(listens);
        listeners.all(|listener| listener.contains(" 0A 00000000:00000000 "))
    });
    assert_eq!(server.cut().well().count("cut"), 1);
    drop(client);
}
