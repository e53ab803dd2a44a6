//! The classroom's multiply server: every model serves clients that send `22 9` without a line feed, over
//! one connection or a new one for each pair of numbers, and `--verbose` prints their requests.

mod support;

use std::fs::File;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;

use c10k::ServeArgs;
use c10k::child::ServerChild;
use libtest_mimic::{Arguments, Failed, Trial};
use servers::{MODELS, Model};
use support::{C10K, until};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/students/client.py");
/// Pairs of numbers that a client asks for.
const TIMES: usize = 3;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let available = Command::new("python3").arg("--version").output().is_ok();
    let trial = |model: &'static Model, how: &'static str| {
        let run = move || served(model, how);
        Trial::test(format!("{}::{how}", model.name), run)
            .with_ignored_flag(!available || (model.probe)().is_err())
    };
    let mut trials: Vec<_> =
        MODELS.iter().flat_map(|m| [trial(m, "kept"), trial(m, "afresh")]).collect();
    trials.push(Trial::test("nothing_is_told_unless_asked_for", nothing_is_told));
    libtest_mimic::run(&arguments, trials).exit();
}

fn start(model: &str, how: &str, told: &Path, flags: &[&str]) -> Result<ServerChild, Failed> {
    let kind = ["--model", model, "--app", "multiply", "--framing", "raw"];
    let mut args = ServeArgs::child(&[&kind, flags].concat())?;
    if how == "afresh" {
        args.close_after = Some(NonZeroU32::MIN);
    }
    let mut command = args.command(C10K);
    command.stderr(File::create(told)?);
    ServerChild::start(command).map_err(|error| format!("{error:#}").into())
}

/// Runs the students' client and returns the ports that it asked from.
fn ask(server: &ServerChild, how: &str) -> Result<Vec<String>, Failed> {
    let port = server.address.port().to_string();
    let output = Command::new("python3").args([CLIENT, &port, how, &TIMES.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    let ports = text.lines().map(|line| line.strip_prefix("Product: 198 to ").map(str::to_string));
    match ports.collect::<Option<Vec<_>>>() {
        Some(ports) if output.status.success() && ports.len() == TIMES => Ok(ports),
        _ => Err(format!("the client printed {text}and said {said}").into()),
    }
}

fn served(model: &'static Model, how: &'static str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let told = dir.path().join("told");
    let server = start(model.name, how, &told, &["--verbose"])?;
    let ports = ask(&server, how)?;
    let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
    assert_eq!(distinct.len(), if how == "kept" { 1 } else { TIMES }, "{ports:?}");
    let read = || std::fs::read_to_string(&told).expect("it can be read");
    until("a line for each request", || read().lines().count() == TIMES);
    for (line, port) in read().lines().zip(&ports) {
        let expected = format!("client 127.0.0.1:{port}  request 22 9  reply 198  response time ");
        let Some(time) = line.strip_prefix(&expected).and_then(|rest| rest.strip_suffix(" s"))
        else {
            return Err(format!("not '{expected}...' but '{line}'").into());
        };
        let seconds: f64 = time.parse()?;
        assert!(seconds > 0.0 && seconds < 60.0, "{line}");
    }
    Ok(())
}

fn nothing_is_told() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let told = dir.path().join("told");
    let server = start("epoll", "kept", &told, &[])?;
    ask(&server, "kept")?;
    drop(server);
    assert_eq!(std::fs::read_to_string(&told)?, "");
    Ok(())
}
