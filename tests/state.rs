//! Every model x every home of session state, each with a server process of its own: the totals, what
//! survives a reconnect, which references a server refuses, and the effects of a full table, a lost store
//! and a kill. A new model in the list gets all of these tests.

#[path = "support/parties.rs"]
mod parties;
mod support;

use std::time::Duration;

use c10k::redis::Redis;
use libtest_mimic::{Arguments, Failed, Trial};
use protocol::state::{from_text, to_text};
use protocol::{Framing, Home, Reply};
use serde_json::Value;
use servers::{MODELS, Model};

use parties::{HISTORY, STEPS, TestClient, TestServer, start_store};
use support::{c10k, free_port, until};

fn main() {
    let mut arguments = Arguments::from_args();
    // Most of these tests wait for processes and not for processors.
    arguments.test_threads.get_or_insert(12);
    let models = || MODELS.iter().filter(|model| (model.probe)().is_ok());
    let mut trials: Vec<Trial> = Vec::new();
    for model in models() {
        for (name, home) in Home::ALL {
            let run = move || model_and_home(model, home);
            let trial = Trial::test(format!("{}::{name}", model.name), checked(run));
            let external = home == Home::External;
            trials.push(trial.with_ignored_flag(external && !Redis::is_installed()));
        }
    }
    let one = |name: &str, run: fn()| Trial::test(name, checked(run));
    trials.extend([
        one("a_full_table_sheds_and_keeps_serving", full_table),
        one("a_session_that_is_not_used_expires", expiry),
        one("a_kill_takes_what_the_server_kept", kill),
        one("a_load_spans_connections_and_counts_what_was_lost", loads),
        one("what_cannot_be_is_refused_with_what_to_do", refusals),
    ]);
    let store = one("a_store_that_goes_and_comes_back_is_counted_and_used_again", store);
    trials.push(store.with_ignored_flag(!Redis::is_installed()));
    libtest_mimic::run(&arguments, trials).exit();
}

fn checked(run: impl FnOnce() + Send + 'static) -> impl FnOnce() -> Result<(), Failed> + Send {
    move || {
        run();
        Ok(())
    }
}

/// Correct totals in every framing, also after reconnects, and the matching counters.
fn model_and_home(model: &'static Model, home: Home) {
    if let Some(reason) = model.refuses(home) {
        let flags = ["serve", "--listen", "127.0.0.1:0", "--state", home.name()];
        let output = c10k().args(flags).args(["--model", model.name]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&reason) && said.contains(model.name), "{said}");
        assert!(said.contains("epoll"), "it names models that can: {said}");
        return;
    }
    let redis = (home == Home::External).then(start_store);
    let url = redis.as_ref().map(Redis::url);
    for (name, framing) in Framing::ALL {
        let history = HISTORY.to_string();
        let mut flags = vec!["--state", home.name(), "--history", &history, "--framing", name];
        flags.extend(url.iter().flat_map(|url| ["--state-store", url.as_str()]));
        let server = TestServer::start(model.name, &flags);
        let mut client = TestClient::new(&server, framing, home);
        // One session and the first half of another, on one connection.
        for at in 0..STEPS + STEPS / 2 {
            let reply = client.step();
            assert!(matches!(reply, Reply::Right { .. }), "step {at} in {name}: {reply:?}");
        }
        client.reconnect(&server);
        let lost = home == Home::Connection;
        if lost {
            assert_eq!(client.step(), Reply::Refused { code: "no-session".into() });
        }
        for at in 0..if lost { STEPS } else { STEPS - STEPS / 2 } {
            let reply = client.step();
            assert!(matches!(reply, Reply::Right { .. }), "step {at} after it: {reply:?}");
        }
        let tally = client.exchange.sessions().expect("it has sessions");
        assert!(tally.reconciles(), "{tally:?}");
        assert_eq!((tally.completed, tally.lost), (2, u64::from(lost)));
        assert_eq!(tally.spanning, u64::from(!lost));
        drop(client);
        if framing == Framing::Line {
            disbelieves(&server, home);
        }
        let counters = server.stop();
        let begun = tally.started + u64::from(framing == Framing::Line);
        assert_eq!(counters["sessions_created"], begun, "{counters}");
        assert_eq!(counters["sessions_ended"], 2, "{counters}");
        let in_table = u64::from(home == Home::Table && framing == Framing::Line);
        assert_eq!(counters["sessions_live"], in_table, "{counters}");
    }
}

/// A changed reference is refused wherever the server can detect it, and the next request is answered.
fn disbelieves(server: &TestServer, home: Home) {
    let mut line = server.connect();
    let (_, reference) = line.step(1, 5, "-").expect("it begins");
    let forged = match home {
        Home::Connection => "0000000000000000".to_string(),
        Home::Table | Home::External => "fedcba9876543210".to_string(),
        Home::None | Home::Client => {
            let mut bytes = from_text(reference.as_bytes()).expect("text");
            // A total that is a million higher, or a state that is too short.
            bytes[2] ^= 0xf;
            bytes.truncate(bytes.len() - usize::from(home == Home::None));
            String::from_utf8(to_text(&bytes)).expect("text")
        }
    };
    let code =
        if matches!(home, Home::Table | Home::External) { "no-session" } else { "bad-token" };
    assert_eq!(line.step(2, 5, &forged), Err(code.to_string()));
    assert_eq!(line.step(2, 6, &reference).map(|(total, _)| total), Ok(11), "it goes on");
    assert_eq!(line.ask("ECHO still here"), "OK still here");
}

fn full_table() {
    for lock in ["one", "sharded", "map"] {
        let flags = ["--state", "table", "--state-lock", lock, "--sessions-max", "3"];
        let server = TestServer::start("epoll", &flags);
        let mut line = server.connect();
        let begun: Vec<_> = (0..3).map(|n| line.step(1, n, "-").expect("room").1).collect();
        for _ in 0..5 {
            assert_eq!(line.step(1, 1, "-"), Err("table-full".to_string()), "{lock}");
        }
        assert_eq!(line.ask("ECHO a"), "OK a");
        for (n, reference) in (0..).zip(&begun) {
            assert_eq!(server.step(2, 10, reference).map(|(total, _)| total), Ok(10 + n));
        }
        assert_eq!(line.ask(&format!("ADD 3 3 1 {}", begun[0])).split(' ').nth(1), Some("11"));
        line.step(1, 1, "-").expect("room again");
        drop(line);
        let counters = server.stop();
        assert_eq!(counters["sessions_refused_full"], 5, "{counters}");
        assert_eq!(
            (&counters["sessions_live"], &counters["sessions_expired"]),
            (&3.into(), &0.into())
        );
    }
}

fn expiry() {
    let redis = Redis::is_installed().then(start_store);
    for home in ["table", "client", "external"] {
        let url = redis.as_ref().map(Redis::url);
        if home == "external" && url.is_none() {
            continue;
        }
        let mut flags = vec!["--state", home, "--session-ttl", "50ms"];
        flags.extend(url.iter().filter(|_| home == "external").flat_map(|u| ["--state-store", u]));
        let server = TestServer::start("thread-per-client", &flags);
        let (_, mut reference) = server.step(1, 1, "-").expect("room");
        let mut at = 1;
        let mut refused = String::new();
        until("it expires", || {
            // Longer than a session may be idle; a slow machine only makes it longer.
            std::thread::sleep(Duration::from_millis(120));
            at += 1;
            match server.step(at, 1, &reference) {
                Ok((_, next)) => reference = next,
                Err(code) => refused = code,
            }
            !refused.is_empty()
        });
        assert_eq!(refused, if home == "client" { "bad-token" } else { "no-session" }, "{home}");
        server.step(1, 1, "-").expect("a new one");
        let counters = server.stop();
        assert_eq!(counters["bad_tokens"], u64::from(home == "client"), "{counters}");
    }
}

/// What each home has kept when the server is killed and another one is started in its place.
fn kill() {
    let redis = Redis::is_installed().then(start_store);
    let key = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(key.path(), [9; 32]).expect("a key");
    let key = key.path().to_str().expect("a path");
    for (home, more, survives) in [
        ("none", vec![], Ok(3)),
        ("connection", vec![], Err("no-session")),
        ("table", vec![], Err("no-session")),
        ("client", vec![], Err("bad-token")),
        ("client", vec!["--state-key", key], Ok(3)),
        ("external", vec![], Ok(3)),
    ] {
        let url = redis.as_ref().map(Redis::url);
        if home == "external" && url.is_none() {
            continue;
        }
        let mut flags = vec!["--state", home];
        flags.extend(more);
        flags.extend(url.iter().filter(|_| home == "external").flat_map(|u| ["--state-store", u]));
        let mut server = TestServer::start("epoll", &flags);
        let (_, reference) = server.step(1, 1, "-").expect("it begins");
        server.process.kill();
        let successor = TestServer::start("epoll", &flags);
        let came = successor.step(2, 2, &reference).map(|(total, _)| total);
        assert_eq!(came, survives.map_err(String::from), "{home}");
    }
}

/// The load generator with homes that outlive a connection and one that does not.
fn loads() {
    for (home, survives) in
        [("table", true), ("client", true), ("none", true), ("connection", false)]
    {
        let server = TestServer::start("epoll", &["--state", home, "--history", "64"]);
        let file = tempfile::NamedTempFile::new().expect("a file");
        let output = c10k()
            .args(["load", "--target", &server.address, "-c", "3", "-d", "400ms", "--quiet"])
            .args(["--warmup", "0s", "--session", "10", "--history", "64", "--state", home])
            .args(["--requests-per-connection", "4", "--json"])
            .arg(file.path())
            .output()
            .expect("it runs");
        let text = std::fs::read_to_string(file.path()).expect("written");
        let result: c10k::document::Trial = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        let sessions = result.sessions.expect("it had sessions");
        assert!(sessions.reconciles && sessions.started > 0, "{sessions:?}");
        assert_eq!((sessions.wrong, sessions.broken, sessions.refused), (0, 0, 0), "{sessions:?}");
        let lost = result.census.errors.get("lost_session").copied().unwrap_or(0);
        assert!(!result.census.errors.contains_key("wrong_reply"), "{:?}", result.census);
        if survives {
            assert!(sessions.completed > 0 && sessions.spanning == sessions.completed);
            assert_eq!((sessions.lost, lost), (0, 0), "{home}: {sessions:?}");
        } else {
            assert!(sessions.lost > 0 && lost > 0, "{home}: {sessions:?}");
            assert_eq!(sessions.completed, 0);
            let about = result.checks.iter().find(|check| check.name == "sessions-kept");
            assert!(about.is_some_and(|check| check.message.contains("had lost")));
        }
    }
}

fn refusals() {
    for (arguments, says) in [
        ("serve --model epoll --state external", "--state-store"),
        ("serve --model epoll --state-store redis://127.0.0.1:1", "--state-store"),
        ("serve --model epoll --state external --state-store nonsense", "redis://127.0.0.1:6379"),
        ("serve --model epoll --history 12", "multiple of 8"),
        ("serve --model epoll --history 64KiB", "32768"),
        ("serve --model epoll --framing raw --history 16KiB", "8192"),
        ("serve --model epoll --state tabel", "none, connection, table"),
        ("serve --model epoll --state-key /dev/null", "--state client"),
        ("serve --model epoll --state client --state-key /dev/null", "32 bytes"),
        ("serve --model epoll --state table --session-ttl 0s", "must be above 0"),
        ("serve --model epoll --state table --sessions-max 0", "at least 1"),
        ("load --target 127.0.0.1:1 --session 0", "from 1 to"),
        ("load --target 127.0.0.1:1 --session 5 --history 12", "multiple of 8"),
        ("load --target 127.0.0.1:1 --session 5 --pipeline 4", "pipelining"),
        ("load --target 127.0.0.1:1 --session 5 --framing raw", "give --state"),
        ("load --target 127.0.0.1:1 --session 5 --app echo", "no session request"),
        ("load --target 127.0.0.1:1 --history 8", "--session"),
    ] {
        let output = c10k().args(arguments.split(' ')).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
        assert!(said.contains(says), "{arguments}: {said}");
    }
    let listed = c10k().args(["models", "--json"]).output().expect("it runs").stdout;
    let listed: Value = serde_json::from_slice(&listed).expect("JSON");
    for model in listed.as_array().expect("a list") {
        let named = MODELS.iter().find(|m| model["name"] == m.name).expect("a model");
        let states: Vec<_> = named.homes().collect();
        assert_eq!(model["states"], serde_json::json!(states));
    }
    let port = free_port();
    let url = format!("redis://127.0.0.1:{port}");
    let flags = ["serve", "--model", "epoll", "--state", "external", "--state-store", &url];
    let output = c10k().args(flags).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot reach") && said.contains(&url), "{said}");
}

fn store() {
    for model in ["epoll", "reactor-workers", "prefork", "tokio-multi"] {
        let mut redis = start_store();
        let url = redis.url();
        let server = TestServer::start(model, &["--state", "external", "--state-store", &url]);
        let mut line = server.connect();
        let (_, reference) = line.step(1, 1, "-").expect("it begins");
        redis.kill().expect("it lives");
        assert_eq!(line.step(2, 1, &reference), Err("store".to_string()), "{model}");
        assert_eq!(line.ask("ECHO a"), "OK a", "everything else is served");
        let _again = Redis::start_at(redis.port()).expect("it starts again");
        // Every thread of the server has its own connection to the store, and notices the loss by itself.
        let mut refused = 1;
        let mut once_there = |step, reference: &str| {
            let mut came = Err(String::new());
            until("the store is used again", || {
                came = line.step(step, 1, reference);
                let away = came.as_ref().is_err_and(|code| code == "store");
                if away {
                    refused += 1;
                    std::thread::sleep(Duration::from_millis(5));
                }
                !away
            });
            came
        };
        once_there(1, "-").expect("it begins anew");
        let came = once_there(2, &reference);
        assert_eq!(came, Err("no-session".to_string()), "the new one has never heard of it");
        drop(line);
        let counters = server.stop();
        assert_eq!(counters["store_errors"], refused, "{model}: {counters}");
        assert_eq!(counters["sessions_created"], 2, "{model}: {counters}");
    }
}
