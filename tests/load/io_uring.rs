//! Faults that only completions can cause, for every model that waits for them.

use std::io::Write;

use crate::support::{C10K, DEADLINE};
use c10k::ServeArgs;
use c10k::check::client::CheckClient;
use c10k::child::ServerChild;
use rustix::process::Signal;
use servers::{Family, MODELS, VARIANTS};

/// A server of every such model that can run on this machine.
fn proactors() -> impl Iterator<Item = ServerChild> {
    let models = MODELS.iter().chain(VARIANTS).filter(|model| model.family == Family::Proactor);
    models.filter(|model| (model.probe)().is_ok()).map(|model| {
        let args = ServeArgs::child(&["--model", model.name]).expect("it is listed");
        ServerChild::start(args.command(C10K)).expect("it starts")
    })
}

fn client(server: &ServerChild) -> CheckClient {
    CheckClient::connect(server.address, DEADLINE).expect("it accepts")
}

/// When the server stops, it ends the receive in flight. This end does not complete the request that was
/// received in part.
#[test]
fn half_a_request_that_was_received_is_not_answered_by_the_drain() {
    for mut server in proactors() {
        let (mut client, mut other) = (client(&server), client(&server));
        client.send("ECHO whole\nMUL 22 9").expect("sent");
        // Both lines were sent together, so the session has both when it answers the first. When the
        // loop answers another client, it has already started to receive again.
        client.expect_line("OK whole").expect("a reply");
        assert_eq!(other.ask("ECHO later").expect("a reply"), "OK later");
        server.signal(Signal::TERM);
        assert_eq!(client.line().expect("an end in order"), None);
        let stopped = server.stopped(DEADLINE).expect("it stops");
        assert_eq!(stopped["counters"]["requests"], 2, "{stopped}");
    }
}

/// More bytes arrive at a time than there are provided buffers. A connection that finds no buffer is not
/// forgotten, and no client gets bytes of another.
#[test]
fn more_bytes_than_provided_buffers() {
    const CLIENTS: usize = 200;
    const LINES: usize = 6;
    for mut server in proactors() {
        let mut clients: Vec<CheckClient> = (0..CLIENTS).map(|_| client(&server)).collect();
        for client in &mut clients {
            assert_eq!(client.ask("ECHO hello").expect("a reply"), "OK hello");
        }
        // Bytes that arrive while the server is stopped are all there when it continues.
        server.signal(Signal::STOP);
        let text = |who: usize, line: usize| format!("{who} {line} ").repeat(1000);
        for (who, client) in clients.iter_mut().enumerate() {
            let lines: String =
                (0..LINES).map(|line| format!("ECHO {}\n", text(who, line))).collect();
            client.stream.write_all(lines.as_bytes()).expect("the kernel takes it");
        }
        server.signal(Signal::CONT);
        for (who, client) in clients.iter_mut().enumerate() {
            for line in 0..LINES {
                client.expect_line(&format!("OK {}", text(who, line))).expect("its own reply");
            }
        }
        server.signal(Signal::TERM);
        let stopped = server.stopped(DEADLINE).expect("it stops");
        assert_eq!(stopped["counters"]["reset"], 0, "{stopped}");
    }
}
