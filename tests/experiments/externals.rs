//! External servers in a plan: the resources of all their processes, or why these are unknown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::c10k;
use c10k::accounts::Group;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

/// One connection for each worker, which has one client at a time.
const CONNECTIONS: u64 = 3;
const PREFORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/students/prefork.py");

/// A process that ends with the test, in any case, together with its process group.
struct Ours(Child);

impl Drop for Ours {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = self.0.wait();
    }
}

fn has_python() -> bool {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    python.is_ok_and(|status| status.success())
}

/// Measures the server of this command. Returns the output, and the run's summary and only trial.
fn run(folder: &Path, command: &[&str]) -> (String, Option<(Value, Value)>) {
    let plan = format!(
        "name = \"others\"\nquestion = \"What do they use?\"\nmodels = []\ntrials = 1\n\
         twin = \"none\"\nconnections = {CONNECTIONS}\nwarmup = \"100ms\"\nmeasure = \"1s\"\n\
         drain = \"10s\"\n[server]\napp = \"echo\"\n\
         [[external]]\nname = \"other\"\ncommand = {command:?}\n\
         [[workload]]\nname = \"echo\"\nrequest = {{ kind = \"echo\", bytes = 8 }}\n\
         arrivals = {{ kind = \"closed\" }}\n"
    );
    fs::write(folder.join("plan.toml"), plan).unwrap();
    let mut run = c10k();
    run.args(["run", "plan.toml", "--out", "results"]).current_dir(folder);
    let output = run.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if !matches!(output.status.code(), Some(0 | 4)) {
        return (said, None);
    }
    let run = fs::read_dir(folder.join("results")).unwrap().next().unwrap().unwrap().path();
    let read = |file: &str| serde_json::from_slice(&fs::read(run.join(file)).unwrap()).unwrap();
    (said, Some((read("summary.json"), read("trials/echo.other.0.json"))))
}

/// Whether a server listens at this address.
fn is_open(address: &Value) -> bool {
    std::net::TcpStream::connect(address.as_str().unwrap()).is_ok()
}

#[test]
fn all_processes_of_a_server_that_forks_are_in_its_account() {
    let folder = tempfile::tempdir().unwrap();
    if !has_python() {
        eprintln!("not tested: there is no python3");
        return;
    }
    let workers = CONNECTIONS.to_string();
    let (said, made) = run(folder.path(), &["python3", PREFORK, "{port}", &workers]);
    let (_, trial) = made.unwrap_or_else(|| panic!("{said}"));
    let server = &trial["server"];
    let grouped = Group::make().is_ok();
    // Without a control group, the worker whose parent has ended is not found.
    let processes = CONNECTIONS + u64::from(grouped);
    assert_eq!(server["processes"], processes, "{server}");
    let method = server["method"].as_str().unwrap();
    assert_eq!(method.contains("control group"), grouped, "{method}");
    if grouped {
        let (user, system) = (&server["cpu_split"]["user_ns"], &server["cpu_split"]["system_ns"]);
        let (user, system) = (user.as_f64().unwrap(), system.as_f64().unwrap());
        assert!(user > system, "its own code does most: {server}");
        assert!((user + system) / server["cpu_ns"].as_f64().unwrap() > 0.9, "{server}");
        // With three connections all three workers worked, also the one that is not a descendant.
        let states = &server["sockets"]["states"];
        assert_eq!(states["ESTABLISHED"], CONNECTIONS, "{states}");
        assert!(!is_open(&trial["target"]["address"]), "and all have ended");
    }
}

#[test]
fn a_command_that_goes_into_the_background_is_told_to_stay() {
    let folder = tempfile::tempdir().unwrap();
    if !has_python() || Group::make().is_err() {
        eprintln!("not tested: there is no python3, or no control group to see it by");
        return;
    }
    let away = format!("setsid python3 {PREFORK} {{port}} 1 & true");
    let (said, made) = run(folder.path(), &["sh", "-c", &away]);
    assert!(made.is_none() && said.contains("foreground"), "{said}");
}

#[test]
fn a_server_that_another_service_runs_has_no_account_and_the_run_says_so() {
    let folder = tempfile::tempdir().unwrap();
    if !has_python() {
        eprintln!("not tested: there is no python3");
        return;
    }
    // The service is already running, and starts the server that the command only asks for.
    let service = format!(
        "until [ -e port ]; do sleep 0.01; done; exec python3 {PREFORK} $(cat port) {CONNECTIONS}"
    );
    let mut service_runs = Command::new("sh");
    service_runs.args(["-c", &service]).current_dir(folder.path()).process_group(0);
    service_runs.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _service = Ours(service_runs.spawn().unwrap());
    let ask = "echo {port} > asked && mv asked port && sleep 1000";
    let (said, made) = run(folder.path(), &["sh", "-c", ask]);
    let (summary, trial) = made.unwrap_or_else(|| panic!("{said}"));
    assert!(trial["census"]["ok"].as_u64() > Some(0), "it was measured: {}", trial["census"]);
    assert!(trial["server"].is_null(), "not the account of the command: {}", trial["server"]);
    let notes = summary["run"]["notes"].to_string();
    assert!(notes.contains("the CPU and memory of other are unknown"), "{notes}");
}
