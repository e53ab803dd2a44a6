//! The server's accounts in a real trial, for a model of each family.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

const CONNECTIONS: u64 = 12;

/// One run at a time, so that no run delays the looks at the server of another.
static ALONE: Mutex<()> = Mutex::new(());

/// A trial of each model, whose workload also has these keys, and the summary. If the machine is too busy
/// to serve or to look at servers in time, the run is repeated.
fn trials(models: &[&str], keys: &str, flags: &[&str]) -> Vec<Value> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let late = |trial: &&Value| trial["server"]["cpu_per_request_ns"].is_null();
    for _ in 0..10 {
        let Some(documents) = run(models, keys, flags) else { continue };
        match documents[..models.len()].iter().find(late) {
            None => return documents,
            Some(trial) => eprintln!("again: {}", trial["server"]),
        }
    }
    panic!("in no trial were the clocks read in time")
}

/// `None` if a trial has no document.
fn run(models: &[&str], keys: &str, flags: &[&str]) -> Option<Vec<Value>> {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    // Enough CPU work to show in the kernel's clock ticks on any machine.
    let text = format!(
        "name = \"accounts\"\nquestion = \"What does it cost?\"\nmodels = {models:?}\ntrials = 1\n\
         twin = \"none\"\n\
         connections = {CONNECTIONS}\nwarmup = \"100ms\"\nmeasure = \"1s\"\ndrain = \"10s\"\n\
         [[workload]]\nname = \"cpu\"\n\
         request = {{ kind = \"work\", rounds = 2000, wait = \"0ms\", reply-bytes = 64 }}\n\
         arrivals = {{ kind = \"closed\" }}\n{keys}"
    );
    std::fs::write(&plan, text).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_c10k"));
    run.arg("run").arg(&plan).arg("--out").arg(folder.path()).args(flags);
    let output = run.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // On a busy machine figures of latency are worth nothing (4). The server's accounts are what they are.
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 4)), "{code:?}: {said}");
    let run = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders = run.filter(|path| path.is_dir());
    let run = folders.next().expect("the run's folder");
    let trials = models.iter().map(|model| run.join(format!("trials/cpu.{model}.0.json")));
    let documents: Vec<_> = trials.chain([run.join("summary.json")]).collect();
    if !documents.iter().all(|path| path.exists()) {
        eprintln!("again: {said}");
        return None;
    }
    Some(documents.iter().map(|path| read(path)).collect())
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn every_figure_of_the_server_is_there_and_plausible() {
    let models = ["fork", "prefork", "thread-per-client", "epoll"];
    let trials = trials(&models, "", &[]);
    for (model, trial) in models.iter().zip(&trials) {
        let server = &trial["server"];
        let expected: (u64, u64) = match *model {
            "fork" => (CONNECTIONS + 1, CONNECTIONS + 1),
            "prefork" => (65, 65),
            "thread-per-client" => (1, CONNECTIONS + 1),
            _ => (1, 1),
        };
        let found = (&server["processes"], &server["threads"]);
        assert_eq!(found, (&expected.0.into(), &expected.1.into()), "{model}");

        let (cpu, replies) = (number(&server["cpu_ns"]), number(&trial["census"]["ok"]));
        assert!(cpu > 0.0 && replies > 0.0, "{model}: {server}");
        let each = number(&server["cpu_per_request_ns"]);
        // The replies of the measurement and those that arrived in it are not exactly the same.
        assert!((each * replies / cpu - 1.0).abs() < 0.5, "{model}: {each} ns x {replies}, {cpu}");
        split(model, server, cpu);

        let memory = &server["memory"];
        assert!(number(&memory["pss_bytes"]) > 1e5, "{model}: {memory}");
        assert!(number(&memory["rss_peak_bytes"]) >= number(&memory["pss_bytes"]) / 2.0);
        let switches = &server["switches"];
        assert!(number(&switches["voluntary"]) + number(&switches["involuntary"]) > 0.0, "{model}");
        assert_eq!(server["threads_ended"], Value::Null, "{model}: somebody was not counted");
        assert!(number(&server["faults"]["minor"]) >= 0.0, "{model}");
        assert!(server["descriptors"].as_u64().unwrap() > CONNECTIONS, "{model}: {server}");
        sockets(model, server);
        // The server runs from a copy of the program, and has no page of it in common with the generator.
        assert_eq!(server["memory"]["shares_program"], false, "{model}");
        for counter in ["retransmits", "listen_drops", "time_waits", "resets_sent", "timeouts"] {
            assert!(server["tcp"][counter].is_u64(), "{model}: {counter}: {}", server["tcp"]);
        }
        conditions(model, trial);
        assert!(server["method"].as_str().is_some_and(|method| !method.is_empty()));
    }
}

/// User and system time add up to the CPU time, to the precision of the kernel's ticks, or the trial says
/// why they are unknown.
fn split(model: &str, server: &Value, cpu: f64) {
    if let Some(why) = server["cpu_split_missing"].as_str() {
        assert!(!why.is_empty() && server["cpu_split"].is_null(), "{model}");
        assert!(server["cpu_user_share"].is_null(), "{model}: a share without a source");
        return;
    }
    let split = &server["cpu_split"];
    let (user, system) = (number(&split["user_ns"]), number(&split["system_ns"]));
    let ticks = 4.0 * 10e6;
    assert!((user + system - cpu).abs() <= ticks, "{model}: {user} + {system} and not {cpu}");
    // The requests burn a thousand times what the kernel does for them.
    let share = number(&server["cpu_user_share"]);
    assert!(share > 0.3 && share <= 1.0, "{model}: {share}");
}

/// The document has exactly the figures that this kernel keeps.
fn conditions(model: &str, trial: &Value) {
    for resource in ["cpu", "memory", "io"] {
        let kept = std::fs::read_to_string(format!("/proc/pressure/{resource}")).is_ok();
        let found = &trial["conditions"]["pressure"][resource];
        assert_eq!(found["some_ns"].is_u64(), kept, "{model}: {resource}: {found}");
    }
    let steal = &trial["conditions"]["steal_share"];
    assert!(steal.as_f64().is_none_or(|share| (0.0..=1.0).contains(&share)), "{model}: {steal}");
}

/// The sockets are those of all connections, and no others.
fn sockets(model: &str, server: &Value) {
    let summary = std::fs::read_to_string("/proc/net/sockstat").unwrap();
    let mut words = summary.split_whitespace().skip_while(|word| *word != "tw");
    let closed: u64 = words.nth(1).unwrap().parse().unwrap();
    let us = i32::try_from(std::process::id()).unwrap();
    let asked = c10k::sockets::by_netlink(us, 0, &[]).is_ok();
    if server["sockets"].is_null() && !asked && closed > 2_000 {
        // Other tests have left too many sockets for the kernel to list.
        return;
    }
    let method = server["sockets"]["method"].as_str().unwrap();
    assert_eq!(method.contains("netlink"), asked, "{model}: {method}");
    let states = server["sockets"]["states"].as_object().unwrap();
    assert_eq!(states.get("ESTABLISHED"), Some(&CONNECTIONS.into()), "{model}");
    // The server may have a port that a client had just before, which stays in TIME_WAIT for a minute.
    let others =
        states.keys().filter(|state| !["ESTABLISHED", "TIME_WAIT"].contains(&state.as_str()));
    assert_eq!(others.count(), 0, "{model}: {states:?}");
    assert_eq!(server["sockets"]["accept_queue"], 0, "{model}: all were accepted");
}

#[test]
fn only_a_server_whose_processes_end_with_their_clients_has_a_control_group() {
    let models = ["fork", "prefork", "thread-per-client"];
    let possible = c10k::accounts::Group::make().is_ok();
    for (keys, of_fork) in [("", false), ("requests-per-connection = 3\n", possible)] {
        let grouped: Vec<bool> = trials(&models, keys, &[])[..models.len()]
            .iter()
            .map(|trial| trial["server"]["method"].as_str().unwrap().contains("control group"))
            .collect();
        assert_eq!(grouped, [of_fork, false, false], "{keys}");
    }
}

#[test]
fn system_calls_are_counted_or_the_run_says_what_is_missing() {
    let models = ["thread-per-client", "epoll"];
    let mut documents = trials(&models, "", &["--syscalls"]);
    let summary = documents.pop().unwrap();
    let notes = summary["run"]["notes"].to_string();
    for (model, cell) in models.iter().zip(summary["cells"].as_array().unwrap()) {
        let counted = &cell["syscalls"];
        if counted.is_null() {
            assert!(notes.contains("strace"), "no reason: {notes}");
            continue;
        }
        let of = |name: &str| {
            let mut calls = counted["by_name"].as_array().unwrap().iter();
            calls.find(|call| call["name"] == name).map_or(0.0, |call| number(&call["per_request"]))
        };
        // Every model reads and answers each request, and an event loop also waits.
        let read = of("read") + of("recvfrom") + of("recvmsg") + of("readv");
        let written = of("write") + of("sendto") + of("sendmsg") + of("writev");
        assert!(read >= 0.99 && written >= 0.99, "{model}: {counted}");
        assert!(written < 3.0, "{model}: {counted}");
        let waited = of("epoll_wait") + of("epoll_pwait") + of("epoll_pwait2");
        assert_eq!(waited > 0.0, *model == "epoll", "{model}: {counted}");
        let sum: f64 =
            counted["by_name"].as_array().unwrap().iter().map(|c| number(&c["per_request"])).sum();
        assert!((sum / number(&counted["per_request"]) - 1.0).abs() < 1e-9);
        assert!(number(&counted["requests"]) > 0.0 && counted["connections"] == CONNECTIONS);
    }
}
