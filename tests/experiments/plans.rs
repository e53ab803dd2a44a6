//! What a plan can ask for: points, twins and external servers; and a run that is killed.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c10k;
use serde_json::Value;

/// A short echo server that knows nothing of this program, and prints its name.
const ECHO_PY: &str = r#"
import socket, sys, threading
server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
def serve(client):
    with client, client.makefile("rb") as lines:
        for line in lines:
            client.sendall(line)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"#;

const HEAD: &str = r#"
name = "small"
question = "Does it run?"
models = ["epoll"]
trials = 1
connections = 4
warmup = "10ms"
measure = "50ms"
drain = "50ms"
[server]
app = "echo"
"#;

/// A process that ends with the test, in any case.
struct Ours(Child);

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has_python() -> bool {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    python.is_ok_and(|status| status.success())
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs a plan in a folder of its own. Returns the output, and the folder of the run.
fn run(folder: &Path, plan: &str) -> (Output, Option<PathBuf>) {
    let file = folder.join("plan.toml");
    fs::write(&file, plan).expect("written");
    let results = folder.join("results");
    let output = c10k()
        .arg("run")
        .arg(&file)
        .arg("--out")
        .arg(&results)
        .current_dir(folder)
        .output()
        .expect("it runs");
    let run = fs::read_dir(&results).ok().and_then(|mut runs| runs.next());
    (output, run.map(|run| run.expect("a folder").path()))
}

/// A run that reached its end. On a busy machine its figures may be no good.
fn good_run(folder: &Path, plan: &str) -> (Value, PathBuf) {
    let (output, run) = run(folder, plan);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
    let run = run.expect("a run");
    (json(&run.join("summary.json")), run)
}

fn cells(summary: &Value) -> &Vec<Value> {
    summary["cells"].as_array().expect("cells")
}

fn trial(run: &Path, cell: &Value) -> Value {
    json(&run.join(cell["trials"][0].as_str().expect("a file")))
}

#[test]
fn every_point_of_a_matrix_is_measured_and_recorded_as_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = HEAD.replace("models = [\"epoll\"]", "models = [\"thread-pool\"]\ntwin = \"none\"");
    let plan = plan
        + r#"
[[workload]]
name = "echo"
request = { kind = "echo", bytes = 8 }
arrivals = { kind = "closed" }
requests-per-connection = 3
idle-connections = 2
think-time = "1ms"
matrix = { "server.workers" = [1, 3], connections = [1, 2] }

[[workload]]
name = "open"
request = { kind = "echo", bytes = 8 }
arrivals = { kind = "staircase", rates = [200, 400], step = "30ms" }
"#;
    let (summary, run) = good_run(folder.path(), &plan);
    assert_eq!(cells(&summary).len(), 4 + 1);
    for (cell, (workers, connections)) in
        cells(&summary).iter().zip([(1, 1), (1, 2), (3, 1), (3, 2)])
    {
        assert_eq!(cell["series"], "echo");
        assert_eq!(cell["factors"][0]["number"], f64::from(workers));
        let trial = trial(&run, cell);
        assert_eq!(trial["run"]["factors"], cell["factors"]);
        assert_eq!(trial["run"]["series"], "echo");
        assert_eq!(trial["target"]["ready"]["settings"]["workers"], workers);
        assert_eq!(trial["load"]["connections"], connections);
        let conduct = &trial["load"]["conduct"];
        assert_eq!(conduct["requests_per_connection"], 3);
        assert_eq!(conduct["idle_connections"], 2);
        let (turnaround, of_cell) = (&trial["turnaround"], &cell["turnaround"]);
        // On a busy machine no client may have finished, and then there is no mean.
        let done = turnaround["times"]["count"].as_u64().expect("a number");
        assert_eq!(of_cell["mean_ns"]["median"].is_number(), done > 0, "{of_cell}");
        assert_eq!(conduct["think_time"]["time_ns"], 1_000_000);
    }
    let open = trial(&run, &cells(&summary)[4]);
    assert!(open["run"]["series"].is_null());
    assert_eq!(open["steps"].as_array().map(Vec::len), Some(2));
    assert!(open["phases"]["measure_ns"].as_u64() >= Some(60_000_000));
}

#[test]
fn a_twin_is_measured_beside_its_model_and_ranked_nowhere() {
    let head = HEAD.replace("trials = 1", "trials = 1\nreference = false");
    let plan = head.replace("\"epoll\"]", "\"poll\", \"epoll\"]\ntwin = \"epoll\"")
        + "[[workload]]\nname = \"echo\"\nrequest = { kind = \"echo\", bytes = 8 }\n\
           arrivals = { kind = \"closed\" }\n";
    // On a busy machine a cell may be no good, and then nothing is ranked.
    let tries = (0..10).map(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let (summary, run) = good_run(folder.path(), &plan);
        (folder, summary, run)
    });
    let mut ranked = tries.skip_while(|(_, summary, _)| summary["verdicts"][0].is_null());
    let (_folder, summary, run) = ranked.next().expect("one of ten runs is good");
    let names: Vec<_> =
        cells(&summary).iter().map(|cell| (cell["model"].as_str(), &cell["twin"])).collect();
    let (no, yes) = (Value::Null, Value::Bool(true));
    assert_eq!(names, [(Some("poll"), &no), (Some("epoll"), &no), (Some("epoll"), &yes)]);
    let twin = &cells(&summary)[2];
    assert_eq!(twin["trials"][0], "trials/echo.epoll+twin.0.json");
    assert_eq!(trial(&run, twin)["run"]["twin"], true);
    let others = summary["verdicts"][0]["others"].as_array().expect("standings");
    assert_eq!(others.len(), 1, "two models are compared: {others:?}");
    let written = fs::read_to_string(run.join("plan.toml")).expect("it is there");
    assert!(written.contains("twin = \"epoll\""), "{written}");
    assert!(summary["reference"].is_null(), "the plan has none");
    assert_eq!((trials(&run).len(), &summary["run"]["trials_done"]), (3, &3.into()));
}

#[test]
fn servers_of_others_are_started_measured_and_ended() {
    if !has_python() {
        eprintln!("left out: there is no python3");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("echo.py"), ECHO_PY).expect("written");
    // A server that is already running, and goes on running.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").port();
    let mut there = Ours(
        Command::new("python3")
            .args(["echo.py", &port.to_string()])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts"),
    );
    wait_until("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    // Long enough for a server to get processor time on a busy machine.
    let plan = HEAD
        .replace("\"epoll\"]", "\"epoll\"]\ntwin = \"started\"")
        .replace("measure = \"50ms\"", "measure = \"400ms\"")
        + &format!(
            r#"
[[external]]
name = "started"
command = ["sh", "-c", "python3 echo.py {{port}}; echo"]

[[external]]
name = "there"
target = "127.0.0.1:{port}"

[[workload]]
name = "echo"
request = {{ kind = "echo", bytes = 8 }}
arrivals = {{ kind = "closed" }}

[[workload]]
name = "greeted"
request = {{ kind = "echo", bytes = 8 }}
arrivals = {{ kind = "closed" }}
greeting = true
"#
        );
    let (summary, run) = good_run(folder.path(), &plan);
    let names: Vec<_> = cells(&summary).iter().map(|cell| cell["model"].as_str()).collect();
    let all = ["epoll", "started", "there", "started", "epoll"].map(Some);
    assert_eq!(names, all, "the last is the only one under greeted");
    for cell in cells(&summary) {
        assert!(cell["replies_checked"].as_u64() > Some(0), "{cell}");
        assert_eq!(cell["replies_wrong"], 0);
    }
    let started = trial(&run, &cells(&summary)[1]);
    assert_eq!(started["target"]["model"], "started");
    let account = &started["server"];
    assert!(account["cpu_ns"].as_u64() > Some(0), "{account}");
    assert_eq!(account["processes"], 2, "the shell and what it started: {account}");
    assert!(account["memory"]["pss_bytes"].as_u64() > Some(1_000_000), "{account}");
    let address = started["target"]["address"].as_str().expect("an address");
    assert!(std::net::TcpStream::connect(address).is_err(), "it was ended");
    assert!(trial(&run, &cells(&summary)[2])["server"].is_null(), "its resources are unknown");
    let excluded = summary["excluded"].as_array().expect("a list");
    assert_eq!(excluded.len(), 2);
    assert!(excluded[0]["reason"].as_str().is_some_and(|reason| reason.contains("greeting")));
    assert!(there.0.try_wait().expect("known").is_none(), "it is not ours to end");
}

#[test]
fn a_server_of_others_that_does_not_come_up_is_told_with_its_own_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = HEAD.to_string()
        + "[[external]]\nname = \"mine\"\n\
           command = [\"sh\", \"-c\", \"echo no such module: {address} >&2; exit 3\"]\n\
           [[workload]]\nname = \"echo\"\nrequest = { kind = \"echo\", bytes = 8 }\n\
           arrivals = { kind = \"closed\" }\n";
    let (output, _) = run(folder.path(), &plan);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no such module: 127.0.0.1:"), "{said}");
    assert!(said.contains("--resume"), "what was measured is kept: {said}");
}

/// The trials of a run: their names and contents.
fn trials(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(run.join("trials")).into_iter().flatten().flatten();
    let whole = files.filter(|file| file.path().extension().is_some_and(|end| end == "json"));
    whole
        .map(|file| {
            let text = fs::read(file.path()).expect("it is there");
            (file.file_name().into_string().expect("text"), text)
        })
        .collect()
}

fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_that_is_killed_goes_on_and_repeats_nothing() {
    // Two workloads for two models and a twin, each with a reference, in three blocks.
    const TRIALS: usize = 2 * (3 + 1) * 3;
    let folder = tempfile::tempdir().expect("a folder");
    let plan =
        HEAD.replace("\"epoll\"]", "\"poll\", \"epoll\"]").replace("trials = 1", "trials = 3")
            + "[[workload]]\nname = \"echo\"\nrequest = { kind = \"echo\", bytes = 8 }\n\
           arrivals = { kind = \"closed\" }\n\
           [[workload]]\nname = \"open\"\nrequest = { kind = \"echo\", bytes = 8 }\n\
           arrivals = { kind = \"poisson\", share = 0.5, of = \"echo\" }\n";
    let file = folder.path().join("plan.toml");
    fs::write(&file, plan).expect("written");
    let results = folder.path().join("results");
    let begin = || {
        let mut command = c10k();
        match fs::read_dir(&results).ok().and_then(|mut runs| runs.next()) {
            Some(run) => command.args(["run", "--resume"]).arg(run.expect("a folder").path()),
            None => command.arg("run").arg(&file).arg("--out").arg(&results),
        };
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    };
    let run = || fs::read_dir(&results).ok()?.next()?.ok().map(|run| run.path());
    let made = || run().map(|run| trials(&run)).unwrap_or_default();
    // Kill it in the closed loop, between the two loops, and in the open loop.
    for after in [2, 12, 17] {
        let before = made();
        let mut running = begin();
        wait_until("some trials more", || made().len() >= after);
        running.kill().expect("it runs");
        running.wait().expect("it ends");
        let now = made();
        assert!(now.len() < TRIALS, "it was to be killed in the middle");
        assert!(before.iter().all(|(name, text)| now.get(name) == Some(text)), "nothing is redone");
        // The remains of an interrupted write.
        let torn = run().expect("a run").join(format!("trials/.tmp{after}"));
        fs::write(torn, "{\"schema\":").expect("written");
    }
    let before = made();
    let status = begin().wait().expect("it ends");
    assert!(matches!(status.code(), Some(0 | 4)), "{status}");
    let now = made();
    assert_eq!(now.len(), TRIALS);
    assert!(before.iter().all(|(name, text)| now.get(name) == Some(text)), "nothing is redone");
    let summary = json(&run().expect("a run").join("summary.json"));
    assert_eq!(summary["run"]["trials_done"], TRIALS);
    assert_eq!(summary["run"]["interrupted"], false);
    let reference = &summary["reference"];
    let parts: Vec<_> = ["reference", "reference-later"]
        .iter()
        .flat_map(|part| (0..3).map(move |block| format!("trials/{part}.{block}.json")))
        .collect();
    let files: Vec<_> =
        reference["trials"].as_array().expect("trials").iter().map(|t| &t["file"]).collect();
    assert_eq!(files, parts.iter().collect::<Vec<_>>());
    let rates: Vec<_> = now
        .values()
        .map(|text| serde_json::from_slice::<Value>(text).expect("JSON"))
        .filter_map(|trial| trial["load"]["arrivals"]["rate_per_s"].as_f64())
        .collect();
    assert_eq!(rates.len(), 3 * 3);
    assert!(rates.iter().all(|rate| (rate - rates[0]).abs() < 1e-9), "one rate: {rates:?}");
}

#[test]
fn every_built_in_plan_says_what_it_would_do() {
    let output = c10k().args(["plans", "--json"]).output().expect("it runs");
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = list.as_array().expect("a list");
    assert!(list.len() >= 10, "{list:?}");
    for plan in list {
        let name = plan["name"].as_str().expect("a name");
        let output = c10k().args(["run", name, "--dry-run"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{name}");
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(said.lines().last().is_some_and(|line| line.contains(" trials")), "{said}");
        assert!(said.contains("+twin"), "{name}");
        assert!(name != "idle" || said.contains("left out: beside-idle-connections1000  select: "));
    }
    let output = c10k().args(["run", "latenzy", "--dry-run"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("built-in plans are"));
}
