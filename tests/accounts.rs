//! What a real trial says of its server, for a model of each family.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const CONNECTIONS: u64 = 12;

/// A trial of each model: of its server, and of all of it.
fn trials(models: &[&str], flags: &[&str]) -> (tempfile::TempDir, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    // Enough CPU work that the kernel's clock ticks see it on any machine.
    let text = format!(
        "name = \"accounts\"\nquestion = \"What does it cost?\"\nmodels = {models:?}\ntrials = 1\n\
         connections = {CONNECTIONS}\nwarmup = \"100ms\"\nmeasure = \"1s\"\ndrain = \"10s\"\n\
         [[workload]]\nname = \"cpu\"\n\
         request = {{ kind = \"work\", rounds = 2000, wait = \"0ms\", reply-bytes = 64 }}\n\
         arrivals = {{ kind = \"closed\" }}\n"
    );
    std::fs::write(&plan, text).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_c10k"));
    run.arg("run").arg(&plan).arg("--out").arg(folder.path()).args(flags);
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders = run.filter(|path| path.is_dir());
    let run = folders.next().expect("the run's folder");
    let trials = models.iter().map(|model| read(&run.join(format!("trials/cpu.{model}.0.json"))));
    let trials = trials.chain([read(&run.join("summary.json"))]).collect();
    (folder, trials)
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
    let (_folder, trials) = trials(&models, &[]);
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
        // Replies of the measurement and those that arrived in it are not quite the same.
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
        for counter in ["retransmits", "listen_drops", "time_waits", "resets_sent", "timeouts"] {
            assert!(server["tcp"][counter].is_u64(), "{model}: {counter}: {}", server["tcp"]);
        }
        assert!(server["method"].as_str().is_some_and(|method| !method.is_empty()));
    }
}

/// User and system mode add up to the CPU time, as far as the ticks allow from which the kernel knows
/// them, or there is a reason why nobody knows.
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

/// All connections, and nothing else, before and after.
fn sockets(model: &str, server: &Value) {
    for when in ["sockets_before", "sockets_after"] {
        let states = server[when]["states"].as_object().unwrap();
        assert_eq!(states.get("ESTABLISHED"), Some(&CONNECTIONS.into()), "{model} {when}");
        assert_eq!(states.len(), 1, "{model} {when}: {states:?}");
    }
    assert_eq!(server["sockets_after"]["accept_queue"], 0, "{model}: all were accepted");
}
