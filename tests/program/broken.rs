//! Servers that are broken on purpose: each is loaded as a user would load it, and the figure that its file
//! names shows the fault. The correct model passes the same load.
//!
//! No bound depends on the speed of the machine. The fault of a broken server follows from a count, from a
//! constant of the kernel, or from a wait that the test asks for. The correct model is tried until the
//! fault does not show: a slow machine may spoil one try, but a broken server would spoil all.

use std::io::Read;

use crate::support::{C10K, DEADLINE, c10k, until};
use c10k::ServeArgs;
use c10k::accounts::{Sample, cpu_now};
use c10k::check::client::CheckClient;
use c10k::check::watch::{self, Footprint, Lowered, Scarce};
use c10k::child::ServerChild;
use rustix::process::Signal;
use serde_json::Value;
use servers::{BROKEN, Broken, broken};

const MS: u64 = 1_000_000;

fn serve(kind: &str, name: &str, flags: &[&str]) -> ServerChild {
    let args = ServeArgs::child(&[&[kind, name], flags].concat()).expect("it is listed");
    ServerChild::start(args.command(C10K)).expect("it starts")
}

/// The broken server, and the correct model that its file names, with the same settings.
fn both(name: &str, flags: &[&str]) -> (ServerChild, ServerChild) {
    let Broken { right, .. } = broken::find(name).expect("it is listed");
    (serve("--broken", name, flags), serve("--model", right, flags))
}

fn client(server: &ServerChild) -> CheckClient {
    CheckClient::connect(server.address, DEADLINE).expect("it accepts")
}

/// A counter of the server's last line.
fn stop(server: &mut ServerChild) -> impl Fn(&str) -> u64 + use<> {
    server.signal(Signal::TERM);
    let stopped = server.stopped(DEADLINE).expect("it stops");
    move |name| stopped["counters"][name].as_u64().expect("a counter")
}

/// The document of a `c10k load` on the server.
fn load(server: &ServerChild, flags: &[&str]) -> Value {
    let address = server.address.to_string();
    let output = c10k().args(["load", "--json", "-", "--target", &address]).args(flags).output();
    let output = output.expect("it runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {complaint}"))
}

fn number(result: &Value, path: &str) -> u64 {
    result.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {path}: {result}"))
}

fn errors(result: &Value) -> usize {
    result["census"]["errors"].as_object().expect("by name").len()
}

fn passes(result: &Value, check: &str) -> bool {
    let checks = result["checks"].as_array().expect("checks");
    let check = checks.iter().find(|c| c["name"] == check).expect("it was checked");
    check["status"] == "pass"
}

fn median_service(result: &Value) -> u64 {
    let quantiles = result["latency"]["service"]["quantiles"].as_array().expect("quantiles");
    let median = quantiles.iter().find(|quantile| quantile["q"] == 0.5).expect("the median");
    median["value"].as_u64().expect("nanoseconds")
}

/// How many bytes the client still gets, and whether the connection ended in order.
fn rest_of(mut client: CheckClient) -> (usize, bool) {
    let (mut total, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        match client.stream.read(&mut buffer) {
            Ok(0) => return (total, true),
            Ok(n) => total += n,
            Err(_) => return (total, false),
        }
    }
}

#[test]
fn all_answer_a_polite_client_and_stop_in_order() {
    for Broken { model, .. } in BROKEN {
        let mut server = serve("--broken", model.name, &[]);
        let mut client = client(&server);
        assert_eq!(client.ask("ECHO hello").expect("a reply"), "OK hello", "{}", model.name);
        assert_eq!(client.ask("MUL 22 9").expect("a reply"), "OK 198", "{}", model.name);
        drop(client);
        assert_eq!(stop(&mut server)("requests"), 2, "{}", model.name);
    }
}

#[test]
fn recv_is_message() {
    let (broken, right) = both("recv-is-message", &[]);
    // Longer than the first read of a connection.
    let flags = ["-c", "4", "-d", "100ms", "--warmup", "0s", "--echo", "4000"];
    let result = load(&broken, &flags);
    assert_eq!(number(&result, "/census/ok"), 0, "{}", result["census"]);
    assert!(number(&result, "/census/errors/wrong_reply") > 0, "{}", result["census"]);
    until("long requests are answered", || {
        let result = load(&right, &flags);
        number(&result, "/census/ok") > 0 && errors(&result) == 0
    });

    let mut wrong = client(&broken);
    wrong.send("ECHO spl").expect("sent");
    assert_eq!(wrong.reply("half a request").expect("too early"), "OK spl");
    let mut fine = client(&right);
    fine.send("ECHO spl").expect("sent");
    fine.send("it\nECHO two\n").expect("sent");
    assert_eq!(fine.reply("it all").expect("a reply"), "OK split");
    assert_eq!(fine.reply("the second").expect("a reply"), "OK two");

    let mut wrong = client(&broken);
    wrong.send("ECHO one\nECHO two\n").expect("sent");
    wrong.half_close().expect("half closed");
    assert_eq!(wrong.reply("the first").expect("a reply"), "OK one");
    assert_eq!(wrong.line().expect("an end"), None, "the second is lost");
}

#[test]
fn short_send() {
    const REPLIES: usize = 16;
    const REPLY: usize = 1024 * 1024;
    let (broken, right) = both("short-send", &[]);
    let read_late = |server: &ServerChild| {
        let mut client = CheckClient::connect_narrow(server.address, DEADLINE).expect("it accepts");
        client.send(format!("WORK 0 0 {REPLY}\n").repeat(REPLIES)).expect("sent");
        client.half_close().expect("half closed");
        until("replies come", || client.has_input().expect("a look"));
        // The server has done all that it can before the client reads.
        watch::rest(server.pid(), DEADLINE).expect("at rest");
        rest_of(client)
    };
    let (came, _) = read_late(&broken);
    assert!(came < REPLIES * REPLY, "all {came} bytes came");
    assert_eq!(read_late(&right), (REPLIES * REPLY, true));
}

#[test]
fn close_unread() {
    const REPLY: usize = 64 * 1024;
    let (broken, right) = both("close-unread", &[]);
    // The correct one stays until its reply has been read.
    let read_late = |server: &ServerChild, closes: bool| {
        let mut client = CheckClient::connect_narrow(server.address, DEADLINE).expect("it accepts");
        let more = "ECHO nobody will look at this\n".repeat(500);
        client.send(format!("WORK 0 0 {REPLY}\nQUIT\n{more}")).expect("sent");
        until("the reply comes", || client.has_input().expect("a look"));
        let own = client.stream.local_addr().expect("an address");
        let held = || watch::holder(server.pid(), server.address, own).is_some();
        if closes {
            until("the server has closed", || !held());
        }
        rest_of(client)
    };
    let (came, in_order) = read_late(&broken, true);
    assert!(came < REPLY && !in_order, "{came} bytes came; an end in order: {in_order}");
    assert_eq!(read_late(&right, false), (REPLY + "OK bye\n".len(), true));
}

#[test]
fn two_writes() {
    // The kernel delays an acknowledgement by at least 40 ms (TCP_DELACK_MIN), to within a tick.
    const DELAYED: u64 = 30 * MS;
    let (broken, right) = both("two-writes", &[]);
    let flags = ["-c", "4", "-d", "1s", "--warmup", "200ms"];
    let median = median_service(&load(&broken, &flags));
    assert!(median >= DELAYED, "{median} ns");
    until("the median is no delayed acknowledgement", || {
        median_service(&load(&right, &flags)) < DELAYED
    });
}

#[test]
fn pool_of_four() {
    let (broken, right) = both("pool-of-four", &[]);
    let flags = ["-c", "16", "-d", "500ms", "--warmup", "100ms", "--drain", "0s"];
    let result = load(&broken, &flags);
    // All are connected and nothing fails, and no latency shows the twelve clients without replies.
    assert_eq!(number(&result, "/connections/opened"), 16);
    assert_eq!((errors(&result), number(&result, "/census/timeouts")), (0, 0));
    assert!(number(&result, "/connections/served") <= 4, "{}", result["connections"]);
    assert!(!passes(&result, "fairness") && !passes(&result, "effective-concurrency"));
    assert!(!passes(&result, "never-served"));
    until("all clients are served alike", || {
        let result = load(&right, &flags);
        number(&result, "/connections/served") == 16
            && passes(&result, "fairness")
            && passes(&result, "effective-concurrency")
            && passes(&result, "never-served")
    });
}

#[test]
fn unbounded_queue() {
    // One worker, 20 ms per request, one request per connection: it cannot keep up with 64 clients.
    const CLIENTS: u64 = 64;
    const WAIT: u64 = 20 * MS;
    let server = ["--workers", "1", "--close-after", "1"];
    let bounded = [&server[..], &["--max-connections", "2"]].concat();
    let mut broken = serve("--broken", "unbounded-queue", &server);
    let mut right =
        serve("--model", broken::find("unbounded-queue").expect("listed").right, &bounded);
    let flags = ["-c", "64", "-d", "2s", "--warmup", "0s", "--work", "0", "--wait", "20ms"];
    let result = load(&broken, &flags);
    // Each waits for all before it. If each came only once, the median would be the wait for half of them.
    let half_of_all = CLIENTS / 2 * WAIT;
    let median = median_service(&result);
    assert!(median >= half_of_all / 2, "{median} ns");
    until("those who are served are served soon", || {
        let result = load(&right, &flags);
        number(&result, "/census/ok") > 0 && median_service(&result) < half_of_all / 2
    });
    assert!(stop(&mut broken)("queued_max") > 8, "what waits is in the server's queue");
    let counter = stop(&mut right);
    assert!(counter("queued_max") <= 1, "a queue as long as the pool: {}", counter("queued_max"));
    assert!(counter("refused") > 0, "the others were told");
}

#[test]
fn zombies() {
    let (broken, right) = both("zombies", &[]);
    let flags = ["-c", "20", "-d", "100ms", "--warmup", "0s"];
    for server in [&broken, &right] {
        assert_eq!(number(&load(server, &flags), "/connections/opened"), 20);
    }
    until("every client has left a zombie", || watch::zombies(broken.pid()) == 20);
    until("nothing is left of the clients", || {
        watch::children(right.pid()).is_empty() && watch::zombies(right.pid()) == 0
    });
}

#[test]
fn short_backlog() {
    // A dropped SYN is sent again after 1 s (RFC 6298), to within a tick.
    const SENT_AGAIN: u64 = 950 * MS;
    let (broken, right) = both("short-backlog", &[]);
    let tcp = || Sample::take(broken.pid()).expect("it lives");
    let flags = ["-c", "48", "-d", "50ms", "--warmup", "0s", "--drain", "0s"];
    let before = tcp();
    let connect = number(&load(&broken, &flags), "/latency/connect/max");
    let tcp = tcp().tcp_since(&before);
    assert!(connect >= SENT_AGAIN, "the slowest took {connect} ns");
    assert!(tcp.listen_overflows > 0 && tcp.listen_drops > 0, "{tcp:?}");
    // The counters are those of the machine, so they may include the broken server's drops.
    until("all connect at once", || {
        number(&load(&right, &flags), "/latency/connect/max") < SENT_AGAIN
    });
}

#[test]
fn accept_spin() {
    const CROWD: usize = 8;
    let (mut broken, mut right) = both("accept-spin", &[]);
    let crowd = |server: &ServerChild| {
        let mut first = client(server);
        first.ask("ECHO first").expect("a reply");
        let room = Footprint::read_from(server.pid()).descriptors as u64 + 2;
        let lowered = Lowered::new(server.pid(), Scarce::Descriptors, room).expect("a limit");
        (lowered, first, [(); CROWD].map(|()| client(server)))
    };
    let crowded = crowd(&broken);
    // Without any request it still uses CPU; how long that takes does not matter.
    let before = cpu_now(broken.pid());
    until("it has spun", || (cpu_now(broken.pid()) - before).as_millis() >= 200);
    drop(crowded);
    let counter = stop(&mut broken);
    let failures = counter("accept_failures");
    assert!(failures > 1000, "{failures} failing accepts");
    assert_eq!((counter("shed"), counter("accept_pauses")), (0, 0), "and nothing done about it");

    let mut crowded = crowd(&right);
    let told = |client: &mut CheckClient| client.line().ok().flatten().is_some();
    assert!(told(crowded.2.last_mut().expect("a crowd")), "the last was turned away");
    watch::rest(right.pid(), DEADLINE).expect("it sleeps");
    drop(crowded);
    let counter = stop(&mut right);
    let failures = counter("accept_failures");
    // One for each client that is turned away, and one to find that no other waits.
    assert!((1..=2 * CROWD as u64).contains(&failures), "{failures} failing accepts");
    assert!(counter("shed") > 0);
}

#[test]
fn edge_read_once() {
    let (broken, right) = both("edge-read-once", &[]);
    let flags = ["-c", "4", "-d", "100ms", "--warmup", "0s", "--drain", "300ms"];
    let long = [&flags[..], &["--echo", "4000"]].concat();
    until("short requests are answered", || number(&load(&broken, &flags), "/census/ok") > 0);
    let result = load(&broken, &long);
    let census = &result["census"];
    assert_eq!(number(&result, "/census/ok"), 0, "{census}");
    assert_eq!((errors(&result), number(&result, "/census/unfinished")), (0, 4), "{census}");
    until("long requests are answered", || {
        let result = load(&right, &long);
        number(&result, "/census/ok") > 0 && number(&result, "/census/unfinished") == 0
    });
}

#[test]
fn sleeping_reactor() {
    // One client's requests wait, one after the other; the others' requests take next to no time.
    const WAIT: u64 = 1000 * MS;
    let (broken, right) = both("sleeping-reactor", &[]);
    let flags = ["-c", "4", "-d", "1500ms", "--warmup", "0s"];
    let beside_a_wait = |server: &ServerChild| {
        let mut waits = client(server);
        waits.send("WORK 0 1000000 0\n".repeat(30)).expect("sent");
        let slowest = number(&load(server, &flags), "/latency/service/max");
        assert!(waits.lines_there().expect("a look") < 30, "it waited all the time");
        slowest
    };
    let slowest = beside_a_wait(&broken);
    assert!(slowest >= WAIT / 2, "{slowest} ns");
    until("nobody waits for another client", || beside_a_wait(&right) < WAIT / 2);
}

#[test]
fn rare_leak() {
    let (broken, right) = both("rare-leak", &[]);
    // Connection number 10,000 is among them.
    let flags = ["-c", "8", "-n", "10100", "--requests-per-connection", "1", "--drain", "5s"];
    let at_rest = |server: &ServerChild, expected: usize| {
        let descriptors = || Footprint::read_from(server.pid()).descriptors;
        until("its clients have left", || descriptors() == expected);
        watch::rest(server.pid(), DEADLINE).expect("at rest");
        assert_eq!(descriptors(), expected);
    };
    for (server, leaks) in [(&broken, 1), (&right, 0)] {
        let before = Footprint::read_from(server.pid()).descriptors;
        let result = load(server, &flags);
        assert_eq!(number(&result, "/census/ok"), 10_100, "no client notices");
        at_rest(server, before + leaks);
    }
}

#[test]
fn the_readme_has_them_all() {
    let readme = include_str!("../../docs/check.md");
    for Broken { model, right, .. } in BROKEN {
        let line = readme.lines().find(|line| line.starts_with(&format!("| `{}`", model.name)));
        let line = line.unwrap_or_else(|| panic!("no line for {}", model.name));
        assert!(line.contains(&format!("`{right}`")), "{line}");
    }
}

#[test]
fn they_are_listed_apart_and_never_measured() {
    let run = |arguments: &[&str]| {
        let output = c10k().args(arguments).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (_, people, _) = run(&["models", "--broken"]);
    let (_, programs, _) = run(&["models", "--broken", "--json"]);
    let (_, models, _) = run(&["models", "--json"]);
    let programs: Vec<Value> = serde_json::from_str(&programs).expect("JSON");
    assert_eq!(programs.len(), BROKEN.len());
    for broken in &programs {
        for key in ["name", "fault", "gauge", "right"] {
            assert!(people.contains(broken[key].as_str().expect("text")), "{key} of {broken}");
        }
        assert!(!models.contains(&format!("\"{}\"", broken["name"].as_str().expect("text"))));
    }

    let refused = |(code, _, stderr): (Option<i32>, String, String)| {
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("'zombies' is broken on purpose"), "{stderr}");
    };
    refused(run(&["run", "--models", "epoll,zombies"]));
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.toml");
    let text = include_str!("../../plans/quick.toml").replace("\"sequential\"", "\"zombies\"");
    std::fs::write(&plan, text).expect("written");
    refused(run(&["run", plan.to_str().expect("text")]));
    let (_, trials, _) = run(&["run", "--dry-run"]);
    assert!(BROKEN.iter().all(|broken| !trials.contains(broken.model.name)), "{trials}");
    let (code, _, stderr) = run(&["serve", "--model", "epoll", "--broken", "zombies"]);
    assert!(code == Some(2) && stderr.contains("--broken"), "{stderr}");
}
