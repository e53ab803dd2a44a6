//! Connections that begin with a greeting: what it measures, with our models and with servers that do
//! not greet as they should.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{DEADLINE, c10k, until};
use c10k::document::{Distribution, Trial};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

/// One of our servers, with greetings; it is killed when the test ends in any way.
struct Greeter {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Greeter {
    fn start(model: &str, arguments: &[&str]) -> Self {
        let mut command = c10k();
        command.args(["serve", "--listen", "127.0.0.1:0", "--model", model]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let ready = json_line(&mut stdout);
        let address = ready["address"].as_str().expect("an address").to_string();
        Self { child, stdout, address }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Sockets that it has open.
    fn sockets(&self) -> usize {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it lives");
        let targets = folder.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// A client that has been greeted; in a pool it holds a worker.
    fn greeted_client(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("a greeting");
        assert!(line.starts_with("HELLO "), "{line}");
        stream
    }

    /// Asks it to stop and returns its last line.
    fn stop(mut self) -> Value {
        kill_process(Pid::from_raw(self.pid()).expect("a pid"), Signal::TERM).expect("it lives");
        json_line(&mut self.stdout)
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        // This fails if the process has already ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json_line(from: &mut impl BufRead) -> Value {
    let mut line = String::new();
    from.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON")
}

/// Runs the program and returns its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

const GREETED: [&str; 8] =
    ["load", "--greeting", "--warmup", "0s", "--drain", "60s", "--timeout", "60s"];

/// The document of a load with greetings and these arguments; its figures may be no good.
fn load(address: &str, more: &[&str]) -> Trial {
    let mut arguments = [&GREETED[..], &["--target", address, "--json", "-"]].concat();
    arguments.extend(more);
    let (exit, stdout, stderr) = run(&arguments);
    assert!(matches!(exit, 0 | 4), "{stderr}");
    serde_json::from_str(&stdout).expect("a trial")
}

fn of(latency: Option<&Distribution>) -> &Distribution {
    latency.expect("a greeted load has all three")
}

/// How many values are at least that long, to three digits.
fn at_least(distribution: &Distribution, duration: Duration) -> u64 {
    let shorter = u64::try_from(duration.as_nanos()).expect("it fits") / 1_000 * 998 - 1;
    distribution.count - distribution.histogram().expect("one").count_between(0, shorter)
}

/// The clock of greetings, read by this process.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).expect("not negative")
}

#[test]
fn waiting_for_a_worker_is_told_from_waiting_to_be_accepted() {
    let server = Greeter::start("thread-pool", &["--greeting", "--workers", "2"]);
    let held = [server.greeted_client(), server.greeted_client()];
    let before = server.sockets();
    let address = server.address.clone();
    let asked = now();
    let loading = thread::spawn(move || load(&address, &["-c", "2", "-d", "100ms"]));
    // Both are accepted while no worker is free; then the workers become free.
    until("both are accepted", || server.sockets() == before + 2);
    let accepted = now();
    thread::sleep(Duration::from_millis(40));
    let released = now();
    drop(held);
    let trial = loading.join().expect("it loads");

    let latency = &trial.latency;
    let (accept, queue) = (of(latency.accept_delay.as_ref()), of(latency.queue_delay.as_ref()));
    assert_eq!((accept.count, queue.count), (2, 2));
    assert_eq!(at_least(queue, released - accepted), 2, "{}", queue.min);
    assert!(u128::from(accept.max) <= (accepted - asked).as_nanos() * 1_002 / 1_000);
    assert_eq!(of(latency.greeting.as_ref()).count, 2);
    assert!(trial.census.ok > 0);
}

#[test]
fn who_finds_all_workers_held_is_greeted_when_one_leaves() {
    let server = Greeter::start("thread-pool", &["--greeting", "--workers", "2"]);
    let trial = load(&server.address, &["-c", "7", "-d", "300ms"]);
    let greetings = trial.greetings.expect("it was greeted");
    assert_eq!((greetings.expected, greetings.received), (7, 7));
    assert!(greetings.reconciles && greetings.failed() == 0);
    // Two are served. The others wait until these leave at the end of the measurement: some in the
    // pool's queue, the rest in the kernel's.
    let measure = Duration::from_millis(300);
    let waited = |latency: &Option<Distribution>| at_least(of(latency.as_ref()), measure);
    assert!(waited(&trial.latency.greeting) >= 5);
    assert!(trial.connections.served <= 2, "{}", trial.connections.served);
    let connections: u64 = trial.workers.iter().map(|worker| worker.connections).sum();
    assert_eq!(connections, 7);
    assert_eq!(server.stop()["counters"]["accepted"], 7);
}

#[test]
fn connections_of_each_worker_are_those_that_the_server_counted() {
    let server = Greeter::start("multi-reactor", &["--greeting", "--workers", "4"]);
    let trial = load(&server.address, &["-c", "20", "-d", "100ms"]);
    assert_eq!(trial.connections.reconnects, 0);
    let mut counted = vec![0; 4];
    for worker in &trial.workers {
        counted[worker.worker as usize] = worker.connections;
    }
    assert_eq!(counted.iter().sum::<u64>(), 20);
    let stopped = server.stop();
    let reported = stopped["workers"].as_array().expect("its workers").iter();
    let reported: Vec<_> = reported.map(|worker| worker["connections"].as_u64()).collect();
    assert_eq!(reported, counted.into_iter().map(Some).collect::<Vec<_>>());
}

#[test]
fn a_load_prints_what_the_greetings_told() {
    let server = Greeter::start("multi-reactor", &["--greeting", "--workers", "2"]);
    let mut arguments = [&GREETED[..], &["-c", "40", "-d", "100ms", "-r", "200"]].concat();
    arguments.extend(["--target", &server.address]);
    let (exit, stdout, stderr) = run(&arguments);
    assert!(matches!(exit, 0 | 4), "{stderr}");
    for row in ["greeting ", "accept delay ", "queue delay "] {
        let row = stdout.lines().find(|line| line.trim_start().starts_with(row));
        let row = row.unwrap_or_else(|| panic!("no row: {stdout}"));
        assert!(row.contains(" 40 "), "{row}");
    }
    assert!(stdout.contains("greetings expected 40, received 40, errors none"), "{stdout}");
    assert!(stdout.contains("2 workers took") && stdout.contains("Gini 0."), "{stdout}");
}

#[test]
fn without_greetings_nothing_is_told_of_them() {
    let server = Greeter::start("epoll", &[]);
    let arguments = ["load", "--target", &server.address, "-d", "50ms", "--json", "-"];
    let document: Value = serde_json::from_str(&run(&arguments).1).expect("JSON");
    for (inside, absent) in [("latency", "greeting"), ("latency", "accept_delay")] {
        assert_eq!(document[inside].get(absent), None);
    }
    for absent in ["greetings", "workers", "imbalance"] {
        assert_eq!(document.get(absent), None);
    }
    assert_eq!(document["load"]["greeting"], false);
}

#[test]
fn a_server_that_does_not_greet_is_told_as_such() {
    let server = Greeter::start("epoll", &[]);
    let target = ["load", "--greeting", "--target", &server.address];
    let (exit, stdout, stderr) = run(&[&target[..], &["--timeout", "300ms"]].concat());
    assert_eq!((exit, &*stdout), (1, ""));
    for part in [&*server.address, "sent no greeting within 300ms", "--greeting"] {
        assert!(stderr.contains(part), "no '{part}' in: {stderr}");
    }
}

/// Greets and echoes on its first connection, and is hostile on each later one in its own way.
fn hostile_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            thread::spawn(move || hostile_connection(stream, number));
        }
    });
    address
}

fn hostile_connection(mut stream: TcpStream, number: usize) {
    let at = now().as_nanos();
    let say = match number {
        0 => format!("HELLO 0 0 {at} {at}\n"),
        1 => "220 ready when you are\n".into(),
        2 => format!("HELLO 0 0 {}", "1".repeat(1 << 20)),
        // Also for later connections, which replace the earlier ones.
        _ => String::new(),
    };
    // This fails if the client has already left.
    let _ = stream.write_all(say.as_bytes());
    let mut lines = BufReader::new(stream.try_clone().expect("a handle"));
    let mut line = String::new();
    while matches!(lines.read_line(&mut line), Ok(1..)) {
        let reply = line.replacen("ECHO", "OK", 1);
        let _ = stream.write_all(reply.as_bytes());
        line.clear();
    }
}

#[test]
fn whatever_comes_instead_of_a_greeting_is_counted_and_the_result_is_no_good() {
    let target = hostile_server();
    let arguments = ["load", "--greeting", "--target", &target, "-c", "4", "--drain", "100ms"];
    let slow = ["-d", "2500ms", "--warmup", "0s", "--timeout", "1s", "--json", "-"];
    let (exit, stdout, stderr) = run(&[&arguments[..], &slow].concat());
    assert_eq!(exit, 4, "{stderr}");
    let trial: Trial = serde_json::from_str(&stdout).expect("a trial");
    let greetings = trial.greetings.expect("greetings were expected");
    assert!(greetings.reconciles, "{greetings:?}");
    assert_eq!(greetings.errors.get("wrong_reply"), Some(&2), "{greetings:?}");
    assert!(greetings.timeouts >= 1, "the silent one is given up");
    assert!(trial.census.ok > 0 && trial.census.failed() == 0, "the first one is served");
    assert!(trial.census.wrong_example.is_some());
    let check = trial.checks.iter().find(|check| check.name == "greetings").expect("a check");
    assert!(check.message.contains("were not greeted: 2 wrong_reply ("), "{}", check.message);
}

#[test]
fn a_clock_that_is_not_this_machine_s_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HELLO 0 0 1 2\n");
            thread::spawn(move || stream.read_to_end(&mut Vec::new()));
        }
    });
    let mut arguments = vec!["load", "--greeting", "--target", &address, "-c", "3", "-d", "100ms"];
    arguments.extend(["--drain", "0s"]);
    let (exit, stdout, stderr) = run(&arguments);
    assert_eq!(exit, 4, "{stderr}");
    let expected = "3 of 3 greetings have timestamps of another clock";
    assert!(stdout.contains(expected), "{stdout}");
}

#[test]
fn raw_framing_has_no_greeting() {
    let arguments = ["load", "--target", "127.0.0.1:1", "--greeting", "--framing", "raw"];
    let (exit, _, stderr) = run(&arguments);
    assert_eq!(exit, 2, "{stderr}");
    assert!(stderr.contains("line framing"), "{stderr}");
}

#[test]
fn a_plan_measures_accept_delay_and_keeps_what_the_server_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("greeted.toml");
    let text = "name = 'greeted'\nquestion = 'Who waits where?'\n\
        models = ['fork', 'multi-reactor']\ntrials = 1\nconnections = 12\n\
        warmup = '20ms'\nmeasure = '100ms'\ndrain = '10s'\n[server]\nworkers = 9\n\
        [[workload]]\nname = 'echo'\ngreeting = true\n\
        request = { kind = 'echo', bytes = 8 }\narrivals = { kind = 'closed' }\n";
    std::fs::write(&plan, text).expect("written");
    let (plan, out) = (plan.to_str().expect("text"), folder.path().join("results"));
    let (exit, _, stderr) = run(&["run", plan, "--out", out.to_str().expect("text")]);
    assert!(matches!(exit, 0 | 4), "{stderr}");
    let run = std::fs::read_dir(&out).expect("results").next().expect("a run").expect("a folder");
    let schema =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/results/schema/trial.v1.json"));
    let schema = serde_json::from_slice(&schema.expect("committed")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for (model, workers) in [("fork", 0), ("multi-reactor", 9)] {
        let path = run.path().join(format!("trials/echo.{model}.0.json"));
        let text = std::fs::read_to_string(path).expect("written");
        assert!(schema.is_valid(&serde_json::from_str(&text).expect("JSON")), "{model}");
        let trial: Trial = serde_json::from_str(&text).expect("a trial");
        assert_eq!(of(trial.latency.accept_delay.as_ref()).count, 12, "{model}");
        let stopped = trial.target.stopped.expect("it was stopped");
        assert_eq!(stopped["counters"]["accepted"], 12);
        assert_eq!(stopped["counters"]["lost"], 0);
        assert_eq!(stopped["workers"].as_array().expect("a list").len(), workers);
        let spread = trial.imbalance.map(|imbalance| imbalance.workers);
        assert_eq!(spread, (workers > 0).then_some(workers as u64), "{model}");
    }
}
