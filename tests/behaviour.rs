//! Models x behaviours: every model passes every one of these against a real server process. A
//! new model gets them all by being in the list.

mod support;

use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use servers::{Family, MODELS, Model};
use support::{Client, Server, until};

type Behaviour = (&'static str, fn(&'static Model));

const BEHAVIOURS: &[Behaviour] = &[
    ("says_where_it_listens_and_what_it_did", says_where_it_listens_and_what_it_did),
    ("answers_every_verb", answers_every_verb),
    ("a_request_split_at_every_byte_is_one_request", split_at_every_byte),
    ("a_pipelined_burst_is_answered_in_order", pipelined_burst),
    ("pipelining_to_a_client_that_does_not_read_is_bounded", unread_pipelining),
    ("half_close_is_answered", half_close),
    ("long_numbers_are_multiplied", long_numbers),
    ("a_reset_in_mid_request_harms_nobody", reset_in_mid_request),
    ("a_reset_before_accept_harms_nobody", reset_before_accept),
    ("a_reset_during_a_job_harms_nobody", reset_during_a_job),
    ("garbage_gets_an_error_and_the_connection_goes_on", garbage),
    ("an_oversize_line_gets_an_error_and_a_close", oversize),
    ("quit_is_answered_although_more_was_sent", quit_with_more_sent),
    ("a_client_waits_for_nobody_but_in_a_sequential_server", concurrency),
    ("a_client_with_many_jobs_takes_turns_with_the_others", turns),
    ("one_more_than_may_be_is_turned_away_until_one_leaves", admission),
    ("an_idle_connection_is_closed", idle),
    ("a_trickling_sender_is_closed", trickle),
    ("a_client_that_never_reads_is_closed", never_reads),
    ("running_out_of_descriptors_is_survived", out_of_descriptors),
    ("a_burst_of_dropped_connections_leaves_nothing_behind", dropped_burst),
    ("drain_answers_what_was_received", drain),
    ("half_a_request_is_not_answered_by_the_drain", half_a_request),
    ("a_second_signal_cuts", second_signal),
    ("the_drain_timeout_cuts", drain_timeout),
    ("a_chatty_client_cannot_stop_the_drain", chatty_drain),
    ("the_port_is_free_afterwards", port_is_free),
    ("raw_messages_are_served_and_closed_after_so_many", raw_close_after),
];

fn main() {
    let mut arguments = Arguments::from_args();
    // Most of these wait for timeouts and not for processors.
    arguments.test_threads.get_or_insert(8);
    let trials = MODELS.iter().flat_map(|model| {
        BEHAVIOURS.iter().map(move |(name, behaviour)| {
            Trial::test(format!("{}::{name}", model.name), move || {
                behaviour(model);
                Ok(())
            })
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn counter(stopped: &Value, name: &str) -> u64 {
    stopped["counters"][name].as_u64().unwrap_or_else(|| panic!("no counter {name}: {stopped}"))
}

/// The server still answers, whatever happened before.
fn serves(server: &Server) {
    assert_eq!(server.client().ask("ECHO still here"), "OK still here");
}

fn says_where_it_listens_and_what_it_did(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    assert_eq!(server.ready["event"], "ready");
    assert_eq!(server.ready["model"], model.name);
    assert_eq!(server.ready["pid"], server.pid());
    let mut client = server.client();
    client.ask("ECHO 1");
    client.ask("NONSENSE");
    drop(client);
    let stopped = server.stop();
    let counters = ["accepted", "finished", "requests", "requests_refused", "reset", "cut"];
    assert_eq!(counters.map(|name| counter(&stopped, name)), [1, 1, 2, 1, 0, 0], "{stopped}");
    assert!(stopped["resources"]["rss_peak_bytes"].as_u64() > Some(0));
}

fn answers_every_verb(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    assert_eq!(client.ask("ECHO a b  c"), "OK a b  c");
    assert_eq!(client.ask("MUL 22 9"), "OK 198");
    assert_eq!(client.ask("WORK 1 0 0 tag"), "OK 7f1c9f0207486b77 tag");
    let reply = client.ask("WORK 0 2000 200 t");
    assert_eq!(reply.len(), 199, "{reply}");
    assert_eq!(client.ask("QUIT"), "OK bye");
    client.closed();
}

fn split_at_every_byte(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    for byte in "ECHO one byte at a time\r\nMUL 3 4\n".bytes() {
        client.send([byte]);
    }
    assert_eq!(client.line().as_deref(), Some("OK one byte at a time"));
    assert_eq!(client.line().as_deref(), Some("OK 12"));
}

fn pipelined_burst(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    // Jobs among them, with and without a wait: order is kept across every way of running.
    let request = |i: usize| match i % 10 {
        3 => format!("WORK 10 0 0 t{i}\n"),
        7 => format!("WORK 0 500 0 t{i}\n"),
        _ => format!("ECHO {i}\n"),
    };
    client.send((0..500).map(request).collect::<String>());
    for i in 0..500 {
        let reply = client.line().expect("a reply");
        let tail = if matches!(i % 10, 3 | 7) { format!(" t{i}") } else { format!(" {i}") };
        assert!(reply.starts_with("OK") && reply.ends_with(&tail), "request {i}: {reply}");
    }
}

fn unread_pipelining(model: &'static Model) {
    const LINES: usize = 8 * 1024;
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    let mut sender = client.stream.try_clone().expect("a second handle");
    let line = format!("ECHO {}\n", "x".repeat(1000));
    let sending = std::thread::spawn({
        let line = line.clone();
        move || (0..LINES).try_for_each(|_| std::io::Write::write_all(&mut sender, line.as_bytes()))
    });
    // The server must stop reading at some point: most of the 8 MiB stays with the client.
    if model.family != Family::Sequential {
        serves(&server);
    }
    let expected = format!("OK {}", "x".repeat(1000));
    for i in 0..LINES {
        assert_eq!(client.line().as_deref(), Some(expected.as_str()), "reply {i}");
    }
    sending.join().expect("no panic").expect("everything was taken");
}

fn half_close(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    client.send("ECHO first\nWORK 0 20000 0 second\nECHO unterminated");
    client.half_close();
    assert_eq!(client.line().as_deref(), Some("OK first"));
    assert!(client.line().expect("a reply").ends_with(" second"));
    // The end of input ends a line too, and the server ends its line as always.
    assert_eq!(client.line().as_deref(), Some("OK unterminated"));
    assert_eq!(client.line(), None);
}

fn long_numbers(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    // (10^n - 1)^2 is n-1 nines, an 8, n-1 zeros and a 1.
    let nines = "9".repeat(2000);
    let product = format!("OK {}8{}1", "9".repeat(1999), "0".repeat(1999));
    assert_eq!(server.client().ask(&format!("MUL {nines} {nines}")), product);
}

fn reset_in_mid_request(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    for _ in 0..5 {
        let mut client = server.client();
        client.ask("ECHO so that it was accepted");
        client.send("ECHO never fin");
        client.reset();
    }
    serves(&server);
    // A drain would end in order what it finds before the reset is seen.
    until("the resets are seen", || server.connections() == 0);
    let stopped = server.stop();
    assert_eq!(counter(&stopped, "reset"), 5, "{stopped}");
}

fn reset_before_accept(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    for _ in 0..20 {
        server.client().reset();
    }
    serves(&server);
}

fn reset_during_a_job(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    for _ in 0..3 {
        let mut client = server.client();
        client.ask("ECHO so that it was accepted");
        client.send("WORK 0 50000 0\nWORK 0 50000 0\n");
        client.reset();
    }
    serves(&server);
}

fn garbage(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    client.send([0, 255, 17, b'\n']);
    assert!(client.line().expect("a reply").starts_with("ERR unknown-verb "));
    assert!(client.ask("").starts_with("ERR unknown-verb "));
    assert!(client.ask("MUL 1 x").starts_with("ERR bad-argument "));
    assert!(client.ask("WORK 1 2").starts_with("ERR bad-argument "));
    assert_eq!(client.ask("ECHO fine"), "OK fine");
}

fn oversize(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    let mut sender = client.stream.try_clone().expect("a second handle");
    // More than a line may hold, and more than the server will read: the reply must arrive all
    // the same, and not be destroyed by a reset.
    let sending = std::thread::spawn(move || {
        let _ = std::io::Write::write_all(&mut sender, &vec![b'x'; 300_000]);
    });
    assert!(client.line().expect("a reply").starts_with("ERR too-long "));
    client.ends_in_order();
    sending.join().expect("no panic");
    drop(client);
    serves(&server);
}

fn quit_with_more_sent(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut client = server.client();
    client.send(format!("QUIT\n{}", "ECHO nobody reads this\n".repeat(2000)));
    assert_eq!(client.line().as_deref(), Some("OK bye"));
    client.ends_in_order();
}

fn concurrency(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut first = server.client();
    first.ask("ECHO here");
    first.send("WORK 0 2000000 0\n");
    let mut second = server.client();
    second.send("ECHO meanwhile\n");
    if model.family == Family::Sequential {
        assert!(first.line().is_some());
        assert!(!second.has_input(), "the second client was served while the first was there");
        drop(first);
        assert_eq!(second.line().as_deref(), Some("OK meanwhile"));
    } else {
        assert_eq!(second.line().as_deref(), Some("OK meanwhile"));
        assert!(!first.has_input(), "the second client waited for the first one's job");
    }
}

fn turns(model: &'static Model) {
    const JOBS: usize = 100;
    let server = Server::start(model.name, &[]);
    let mut second = (model.family != Family::Sequential).then(|| server.client());
    if let Some(second) = &mut second {
        second.ask("ECHO here");
    }
    let mut first = server.client();
    first.send("WORK 3000 0 0\n".repeat(JOBS));
    let mut taken = 0;
    if let Some(second) = &mut second {
        assert!(first.line().is_some());
        second.ask("ECHO my turn");
        taken = 1;
        assert!(taken + first.lines_there() < JOBS, "the second client waited for every job");
    }
    for _ in taken..JOBS {
        assert!(first.line().is_some());
    }
}

fn admission(model: &'static Model) {
    let server = Server::start(model.name, &["--max-connections", "3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    if model.family == Family::Sequential {
        // It accepts one at a time, so the limit is never reached: the others wait.
        clients[0].ask("ECHO 1");
        return;
    }
    for client in &mut clients {
        client.ask("ECHO admitted");
    }
    let mut fourth = server.client();
    assert!(fourth.line().expect("a reply").starts_with("ERR busy "));
    assert_eq!(fourth.line(), None);
    assert_eq!(clients[2].ask("ECHO undisturbed"), "OK undisturbed");
    drop(clients.remove(0));
    until("a place is free", || {
        let mut next = server.client();
        next.send("ECHO in\n");
        next.line().as_deref() == Some("OK in")
    });
    let stopped = server.stop();
    assert!(counter(&stopped, "refused") >= 1, "{stopped}");
}

fn idle(model: &'static Model) {
    let server = Server::start(model.name, &["--idle-timeout", "200ms"]);
    let mut client = server.client();
    client.ask("ECHO active");
    client.closed();
    serves(&server);
    let stopped = server.stop();
    assert!(counter(&stopped, "idle") >= 1, "{stopped}");
}

fn trickle(model: &'static Model) {
    let server = Server::start(model.name, &["--idle-timeout", "300ms"]);
    let client = server.client();
    let mut sender = client.stream.try_clone().expect("a second handle");
    // A byte every 50 ms is never idle, and never a request either.
    until("the server gives up on it", || {
        std::thread::sleep(Duration::from_millis(50));
        let sent = std::io::Write::write(&mut sender, b"x");
        sent.is_err() || client.has_input()
    });
    serves(&server);
}

fn never_reads(model: &'static Model) {
    let server = Server::start(model.name, &["--idle-timeout", "300ms"]);
    let client = server.client();
    let mut sender = client.stream.try_clone().expect("a second handle");
    let line = format!("ECHO {}\n", "x".repeat(10_000));
    // Ends with an error once the server has closed, which it must while nothing is read.
    let sending = std::thread::spawn(move || {
        while std::io::Write::write_all(&mut sender, line.as_bytes()).is_ok() {}
    });
    sending.join().expect("no panic");
    serves(&server);
    let stopped = server.stop();
    assert!(counter(&stopped, "idle") >= 1, "{stopped}");
}

fn out_of_descriptors(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let mut first = server.client();
    first.ask("ECHO before");
    let limit = server.descriptors() as u64 + 8;
    let pid = Pid::from_raw(server.pid());
    let old = prlimit(pid, Resource::Nofile, Rlimit { current: Some(limit), maximum: Some(limit) });
    old.expect("lowering is allowed");
    let crowd: Vec<Client> = (0..40).map(|_| server.client()).collect();
    assert_eq!(first.ask("ECHO meanwhile"), "OK meanwhile");
    drop(crowd);
    drop(first);
    until("it has recovered", || {
        let mut client = server.client();
        client.send("ECHO recovered\n");
        client.line().as_deref() == Some("OK recovered")
    });
    let stopped = server.stop();
    // Turned away one by one, with the spare descriptor, instead of left to wait. A sequential
    // server never holds two clients, so it does not run out.
    let shed = counter(&stopped, "shed") > 0;
    assert!(shed || model.family == Family::Sequential, "{stopped}");
}

fn dropped_burst(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    serves(&server);
    let (descriptors, threads) = (server.descriptors(), server.threads());
    for _ in 0..200 {
        drop(server.client());
    }
    serves(&server);
    until("every descriptor is closed", || server.descriptors() <= descriptors);
    until("every thread has ended", || server.threads() <= threads);
}

fn drain(model: &'static Model) {
    let server = Server::start(model.name, &["--drain-timeout", "20s"]);
    let mut idle = (model.family != Family::Sequential).then(|| server.client());
    if let Some(idle) = &mut idle {
        idle.ask("ECHO idle");
    }
    let mut busy = server.client();
    busy.ask("ECHO busy");
    busy.send("WORK 0 300000 0 received\nECHO too\n");
    // The request is in the server's hands, or at least in its kernel's: both count.
    server.signal(Signal::TERM);
    assert!(busy.line().expect("a reply").ends_with(" received"));
    assert_eq!(busy.line().as_deref(), Some("OK too"));
    assert_eq!(busy.line(), None);
    if let Some(idle) = &mut idle {
        idle.closed();
    }
    let stopped = server.stopped();
    assert_eq!(counter(&stopped, "cut"), 0, "{stopped}");
}

fn half_a_request(model: &'static Model) {
    let server = Server::start(model.name, &["--drain-timeout", "20s"]);
    let mut client = server.client();
    // The rest of the number never comes: 22 times 9 would be an answer to no question.
    client.send("ECHO here\nMUL 22 9");
    assert_eq!(client.line().as_deref(), Some("OK here"));
    server.signal(Signal::TERM);
    assert_eq!(client.line(), None);
    let stopped = server.stopped();
    assert_eq!(counter(&stopped, "requests"), 1, "{stopped}");
}

fn second_signal(model: &'static Model) {
    let server = Server::start(model.name, &["--drain-timeout", "60s"]);
    let mut client = server.client();
    client.ask("ECHO here");
    client.send("WORK 0 60000000 0\n");
    server.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(50));
    server.signal(Signal::TERM);
    // The test's deadline is half of the job's wait: only a cut ends it in time.
    let stopped = server.stopped();
    assert_eq!(counter(&stopped, "cut"), 1, "{stopped}");
}

fn drain_timeout(model: &'static Model) {
    let server = Server::start(model.name, &["--drain-timeout", "200ms"]);
    let mut client = server.client();
    client.ask("ECHO here");
    client.send("WORK 0 60000000 0\n");
    server.signal(Signal::TERM);
    let stopped = server.stopped();
    assert_eq!(counter(&stopped, "cut"), 1, "{stopped}");
}

fn chatty_drain(model: &'static Model) {
    // A client that has its next request ready whenever the server looks: two in flight, always.
    let server = Server::start(model.name, &["--drain-timeout", "60s"]);
    let mut client = server.client();
    client.ask("ECHO here");
    client.send("ECHO a\nECHO b\n");
    server.signal(Signal::TERM);
    while client.line().is_some() {
        if std::io::Write::write_all(&mut client.stream, b"ECHO more\n").is_err() {
            break;
        }
    }
    let stopped = server.stopped();
    assert_eq!(counter(&stopped, "cut"), 0, "{stopped}");
}

fn port_is_free(model: &'static Model) {
    let server = Server::start(model.name, &[]);
    let address = server.address.to_string();
    let mut client = server.client();
    // The server closes first, so that TIME_WAIT is on its side.
    client.ask("QUIT");
    client.closed();
    server.stop();
    serves(&Server::start_at(&address, model.name, &[]));
}

fn raw_close_after(model: &'static Model) {
    let arguments = ["--app", "multiply", "--framing", "raw", "--close-after", "2"];
    let server = Server::start(model.name, &arguments);
    let mut client = server.client();
    client.send("22 9");
    let mut reply = [0; 3];
    std::io::Read::read_exact(&mut client.stream, &mut reply).expect("a reply");
    assert_eq!(&reply, b"198");
    client.send("-12 12");
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut client.stream, &mut rest).expect("a reply and an end");
    assert_eq!(rest, b"-144");
}
