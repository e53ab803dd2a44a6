//! The small labs: each in its quick form against real servers, and its page.

use std::path::{Path, PathBuf};

use crate::support::{c10k, page};
use serde_json::Value;

/// Runs a lab in its quick form; returns what it printed and its folder.
fn quick(lab: &str, out: &Path) -> (String, PathBuf) {
    let output = c10k().args(["lab", lab, "--quick", "--out"]).arg(out).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{lab}: {stdout}{stderr}");
    let mut folders =
        std::fs::read_dir(out).expect("listed").map(|entry| entry.expect("one").path());
    let dir = folders.next().expect("the lab's folder");
    assert_eq!(folders.next(), None, "one folder and nothing else");
    (stdout, dir)
}

/// The lab's document, after checks of its files.
fn document(dir: &Path) -> Value {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect(name);
    let lab: Value = serde_json::from_str(&read("lab.json")).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/lesson.v1.json");
    let schema: Value =
        serde_json::from_slice(&std::fs::read(schema).expect("committed")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(&lab).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let html = read("lab.html");
    page::assert_needs_nothing_else(&html);
    for sentence in lab["sentences"].as_array().expect("sentences") {
        let sentence = sentence.as_str().expect("text").replace(" us", " µs");
        assert!(html.contains(&escaped(&sentence)), "{sentence}");
    }
    assert!(read("lab.md").starts_with("# ") && read("lab.tex").starts_with("% Lab "));
    lab
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Asserts that a page can be written again, and is the same.
fn again(lab: &str, dir: &Path) {
    let before = std::fs::read(dir.join("lab.html")).expect("written");
    let output = c10k().args(["lab", lab, "--from"]).arg(dir).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(dir.join("lab.html")).expect("written"), before);
}

#[test]
fn concurrency_shows_who_waited_and_who_was_served() {
    let out = tempfile::tempdir().expect("a folder");
    let (stdout, dir) = quick("concurrency", out.path());
    assert!(stdout.contains("sequential:") && stdout.contains("thread-per-client:"), "{stdout}");
    let lab = document(&dir);
    let servers = lab["measured"]["servers"].as_array().expect("two");
    for server in servers {
        assert_eq!(server["visits"].as_array().expect("visits").len(), 3);
    }
    // On any machine, a sequential server greets no client before the one that it serves has left.
    let said = lab["sentences"][0].as_str().expect("text");
    assert!(said.contains("and 1 served at the same time"), "{said}");
    again("concurrency", &dir);
}

#[test]
fn states_shows_both_ends_and_what_servers_consist_of() {
    let out = tempfile::tempdir().expect("a folder");
    let (stdout, dir) = quick("states", out.path());
    assert!(stdout.contains("so its duration is unknown"), "{stdout}");
    let lab = document(&dir);
    let measured = &lab["measured"];
    for scenario in measured["scenarios"].as_array().expect("four") {
        let side = if scenario["closes_first"] == "server" { "server" } else { "own" };
        for client in scenario["clients"].as_array().expect("two") {
            // Even a late look sees a state that stays.
            let last = client[side].as_array().expect("changes").last().expect("it was seen");
            assert_eq!(last["state"], "TIME_WAIT", "{scenario:#}");
        }
    }
    let trees = measured["trees"].as_array().expect("servers");
    let of = |name: &str| {
        let is = |tree: &&Value| tree["server"].as_str().is_some_and(|s| s.starts_with(name));
        trees.iter().find(is).expect("a server")
    };
    assert_eq!(of("sequential")["greeted"], 1);
    assert_eq!(of("prefork")["processes"].as_array().expect("processes").len(), 3);
    assert_eq!(of("epoll")["processes"].as_array().expect("processes").len(), 1);
    again("states", &dir);
}

#[test]
fn select_shows_where_the_second_waits_and_what_it_turns_away() {
    let out = tempfile::tempdir().expect("a folder");
    let (stdout, dir) = quick("select", out.path());
    assert!(stdout.contains("after the first had left"), "{stdout}");
    let lab = document(&dir);
    let measured = &lab["measured"];
    let second = &measured["second"][0];
    let at = |key: &str| second[key].as_f64().expect("a time");
    assert!(at("answered_s") >= at("first_leaves_s"), "{second:#}");
    if let Some(served) = measured["refusal"]["served"].as_u64() {
        assert!((900..1_024).contains(&served), "{served}");
    }
    let costs = measured["costs"].as_array().expect("costs");
    assert!(
        costs.iter().all(|cost| cost["model"] != "select" || cost["idle"].as_u64() < Some(1_000))
    );
    assert!(costs.iter().any(|cost| cost["model"] == "epoll"));
    again("select", &dir);
}

#[test]
fn chat_counts_every_delivery_in_rooms_of_every_model() {
    let out = tempfile::tempdir().expect("a folder");
    let (stdout, dir) = quick("chat", out.path());
    assert!(stdout.contains("Every member received every message once"), "{stdout}");
    let lab = document(&dir);
    let rooms = lab["measured"]["rooms"].as_array().expect("rooms");
    for model in ["select", "epoll", "thread-per-client", "tokio-multi"] {
        let own: Vec<&Value> = rooms.iter().filter(|room| room["model"] == model).collect();
        assert_eq!(own.len(), 2, "{rooms:?}");
        for room in own {
            let members = room["members"].as_u64().expect("a number");
            let deliveries = room["deliveries"].as_u64().expect("a number");
            assert!(deliveries > 0 && deliveries.is_multiple_of(members), "{room:#}");
            assert_eq!(room["missing"], 0);
        }
    }
    let most = rooms.iter().filter(|room| room["model"] == "thread-per-client");
    let threads = most.filter_map(|room| room["threads"].as_u64()).max();
    assert_eq!(threads, Some(121), "two for each of 60 members, and the first");
    again("chat", &dir);
}
