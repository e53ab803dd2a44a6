//! One load made by several generators that a launcher starts: the part of each, their common start, and
//! the merged document. The tests set the environment that launchers set; `tests/slurm.rs` has a real
//! launcher.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::support::recorder::{Recorder, assert_is, poisson};
use crate::support::{c10k, free_port};
use serde_json::Value;

const RATE: f64 = 400.0;
const MEASURE: Duration = Duration::from_millis(500);

/// Variables that launchers set; they are removed, in case the tests themselves run below a launcher.
const VARIABLES: [&str; 14] = [
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_NODELIST",
    "JOB_COMPLETION_INDEX",
    "C10K_PARTS",
    "C10K_RENDEZVOUS",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK",
    "PMI_SIZE",
    "PMIX_RANK",
];

/// A load on the recording server, with this environment.
fn load(server: &Recorder, folder: &Path, environment: &str) -> Command {
    load_of(&server.address.to_string(), folder, environment)
}

fn load_of(target: &str, folder: &Path, environment: &str) -> Command {
    let mut command = c10k();
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(environment.split_whitespace().map(|one| one.split_once('=').expect("a value")));
    command.args(["load", "--target", target, "--echo", "32", "-q"]);
    command.args(["--rate", &RATE.to_string(), "--poisson", "-c", "2", "--warmup", "0s"]);
    command.args(["-d", "500ms", "--json"]).arg(folder.join("part-%t.json"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Its exit code and standard error.
fn ended(output: &Output) -> (i32, String) {
    (output.status.code().expect("not killed"), text(&output.stderr))
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Starts parts with these environments, waits for all, and returns their documents' files.
fn all(server: &Recorder, folder: &Path, environments: &[String]) -> Vec<PathBuf> {
    let parts: Vec<Child> = environments
        .iter()
        .map(|environment| load(server, folder, environment).spawn().expect("it runs"))
        .collect();
    for part in parts {
        let output = part.wait_with_output().expect("it ends");
        let (code, said) = ended(&output);
        // A busy machine may spoil the figures; the exit code is then 4.
        assert!(matches!(code, 0 | 4), "{said}{}", text(&output.stdout));
        assert!(said.contains(&format!("of {}, by ", environments.len())), "{said}");
    }
    (0..environments.len()).map(|k| folder.join(format!("part-{k}.json"))).collect()
}

fn merge(parts: &[PathBuf], sum: &Path) -> Output {
    c10k().arg("merge").args(parts).arg("--json").arg(sum).output().expect("it runs")
}

/// The environment of task `k` of a step of three. Steps of different jobs use different ports.
fn task(job: u16, k: u64) -> String {
    format!(
        "SLURM_JOB_ID={job} SLURM_STEP_ID=0 SLURM_PROCID={k} SLURM_NTASKS=3 \
         SLURM_STEP_NUM_TASKS=3 SLURM_STEP_NODELIST=127.0.0.[1-3]"
    )
}

/// A job number that no other process on this machine uses.
fn job() -> u16 {
    free_port() / 2
}

#[test]
fn tasks_of_a_step_make_the_load_of_one_generator_request_by_request() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    let schedule = poisson(RATE, MEASURE);
    let job = job();
    let parts = all(&server, folder.path(), &[0, 1, 2].map(|k| task(job, k)));
    let together = server.take();
    let sum = folder.path().join("sum.json");
    let output = merge(&parts, &sum);
    let (code, said) = ended(&output);
    assert!(matches!(code, 0 | 4), "{said}");
    assert!(text(&output.stdout).contains("3 of 3 parts; measurements began within"), "{said}");
    let sum = json(&sum);
    assert_eq!(sum["census"]["offered"], schedule.len());
    assert_eq!(sum["census"]["ok"], schedule.len());
    assert_eq!(sum["latency"]["response"]["count"], schedule.len());
    let merged = sum["merged"].as_array().expect("parts");
    let start = merged[0]["start"]["at_unix_ns"].as_u64().expect("a start");
    assert_is(&together, &schedule, start);
    for (k, part) in merged.iter().enumerate() {
        assert_eq!(part["launcher"]["name"], "slurm");
        assert_eq!(part["launcher"]["variables"]["SLURM_PROCID"], k.to_string());
        assert_eq!(part["start"]["by"], "rendezvous");
        assert_eq!(part["start"]["at_unix_ns"], start);
        assert_eq!(part["start"]["clock"]["kind"], "compared");
    }

    let alone = load(&server, folder.path(), "").output().expect("it runs");
    assert!(matches!(ended(&alone).0, 0 | 4), "{}", ended(&alone).1);
    let mut alone: Vec<String> = server.take().into_iter().map(|(line, _)| line).collect();
    let mut together: Vec<String> = together.into_iter().map(|(line, _)| line).collect();
    alone.sort_unstable();
    together.sort_unstable();
    assert_eq!(together, alone, "what one generator sends");
}

#[test]
fn other_launchers_say_it_in_their_own_words() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    for words in [
        "JOB_COMPLETION_INDEX=@ C10K_PARTS=2",
        "OMPI_COMM_WORLD_RANK=@ OMPI_COMM_WORLD_SIZE=2 PMIX_RANK=@",
        "PMI_RANK=@ PMI_SIZE=2",
    ] {
        let place = format!("C10K_RENDEZVOUS=127.0.0.1:{}", free_port());
        let environment = |k: u64| format!("{} {place}", words.replace('@', &k.to_string()));
        let parts = all(&server, folder.path(), &[environment(0), environment(1)]);
        let sum = folder.path().join("sum.json");
        let (code, said) = ended(&merge(&parts, &sum));
        assert!(matches!(code, 0 | 4), "{words}: {said}");
        assert_eq!(json(&sum)["census"]["offered"], poisson(RATE, MEASURE).len(), "{words}");
    }
}

#[test]
fn one_task_and_a_shell_in_a_job_make_the_whole_load() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    let one = "SLURM_JOB_ID=1 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_STEP_NUM_TASKS=1";
    let shell = "SLURM_JOB_ID=1 SLURM_NTASKS=4";
    let batch = "SLURM_JOB_ID=1 SLURM_NTASKS=4 SLURM_PROCID=0";
    for (environment, is_told) in [(one, false), (shell, true), (batch, true)] {
        let (code, said) =
            ended(&load(&server, folder.path(), environment).output().expect("it runs"));
        assert!(matches!(code, 0 | 4), "{said}");
        assert_eq!(said.contains("it sends the whole load"), is_told, "{environment}: {said}");
        assert_eq!(said.is_empty(), !is_told, "{environment}: {said}");
        let document = json(&folder.path().join("part-0.json"));
        assert_eq!(document["census"]["offered"], poisson(RATE, MEASURE).len());
        assert!(document["load"]["shard"].is_null(), "{}", document["load"]);
    }
    let mut off = load(&server, folder.path(), &task(1, 2));
    let (code, said) = ended(&off.args(["--launcher", "none"]).output().expect("it runs"));
    assert!(matches!(code, 0 | 4) && said.is_empty(), "{said}");
}

#[test]
fn what_contradicts_itself_or_cannot_be_shared_is_refused_by_name() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    let with_pmi = format!("{} PMI_RANK=0 PMI_SIZE=3", task(1, 1));
    for (environment, more, named) in [
        (with_pmi.as_str(), vec![], "SLURM_PROCID=1 and PMI_RANK=0"),
        (&task(1, 1), vec!["--shard", "0/3"], "SLURM_PROCID=1 and --shard K=0"),
        (&task(1, 1), vec!["--parts", "4"], "SLURM_STEP_NUM_TASKS=3 and --parts=4"),
        ("JOB_COMPLETION_INDEX=1", vec![], "add --parts N (or C10K_PARTS=N)"),
        ("PMI_RANK=0 PMI_SIZE=2", vec![], "--rendezvous HOST:PORT"),
        (&task(1, 1), vec!["--hlog", "all.hlog"], "3 parts would write the same file"),
    ] {
        let mut command = load(&server, folder.path(), environment);
        command.args(&more);
        let (code, said) = ended(&command.output().expect("it runs"));
        assert_eq!(code, 2, "{environment} {more:?}: {said}");
        assert!(said.contains(named), "{environment} {more:?}: {said}");
    }
    assert!(server.take().is_empty(), "nothing was sent");
}

#[test]
fn a_part_without_the_others_or_too_late_says_so_and_ends_with_4() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    let job = job();
    let start = |k| {
        let mut command = load(&server, folder.path(), &task(job, k));
        command.args(["--gather", "1s"]).spawn().expect("it runs")
    };
    for part in [start(0), start(2)] {
        let (code, said) = ended(&part.wait_with_output().expect("it ends"));
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("part 1 of 3 did not connect within 1s"), "{said}");
    }
    let mut late = load(&server, folder.path(), "");
    late.args(["--shard", "1/3", "--start-at", "2001-01-01T00:00:00Z"]);
    let (code, said) = ended(&late.output().expect("it runs"));
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("part 1 of 3 cannot start in time"), "{said}");
    assert!(server.take().is_empty(), "nothing was sent");
}

#[test]
fn a_server_that_no_part_reaches_is_named_by_all_and_ends_with_4() {
    let (folder, job) = (tempfile::tempdir().expect("a folder"), job());
    let nowhere = format!("127.0.0.1:{}", free_port());
    let start = |k| load_of(&nowhere, folder.path(), &task(job, k)).spawn().expect("it runs");
    for part in [0, 1, 2].map(start) {
        let (code, said) = ended(&part.wait_with_output().expect("it ends"));
        assert_eq!(code, 4, "{said}");
        assert!(said.contains(&format!("no connection to {nowhere} could be opened")), "{said}");
    }
}

/// A library that changes the time of day of the process that preloads it; `None` without a C compiler.
fn setter(folder: &Path) -> Option<PathBuf> {
    let (source, library) = ("tests/load/clock.c", folder.join("clock.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    built.is_ok_and(|status| status.success()).then_some(library)
}

#[test]
fn a_part_whose_clock_jumps_is_named_and_ends_with_4() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    let Some(setter) = setter(folder.path()) else {
        eprintln!("skipped: there is no C compiler to set a clock with");
        return;
    };
    let job = job();
    let start = |k| {
        let mut command = load(&server, folder.path(), &task(job, k));
        if k == 1 {
            command.env("LD_PRELOAD", &setter);
        }
        command.spawn().expect("it runs")
    };
    let parts = [0, 1, 2].map(start).map(|part| part.wait_with_output().expect("it ends"));
    let (code, said) = ended(&parts[1]);
    let said = said + &text(&parts[1].stdout);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("the clock was set forward by"), "{said}");
    let files = [0, 1, 2].map(|k| folder.path().join(format!("part-{k}.json")));
    let (code, said) = ended(&merge(&files, &folder.path().join("sum.json")));
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("part-1.json: the clock of part 1 was set forward by"), "{said}");
}

#[test]
fn merge_names_each_part_that_is_missing_doubled_or_of_another_version_or_load() {
    let (server, folder) = (Recorder::start(), tempfile::tempdir().expect("a folder"));
    let job = job();
    let parts = all(&server, folder.path(), &[0, 1, 2].map(|k| task(job, k)));
    let sum = folder.path().join("sum.json");
    let refused = |parts: &[PathBuf], named: &[&str]| {
        let output = merge(parts, &sum);
        let (code, said) = ended(&output);
        assert_eq!(code, 4, "{said}");
        let said = said + &text(&output.stdout);
        for part in named {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let changed = |pointer: &str, to: Value| {
        let mut document = json(&parts[1]);
        *document.pointer_mut(pointer).expect("it is there") = to;
        let file = folder.path().join("changed.json");
        std::fs::write(&file, document.to_string()).expect("it is written");
        [parts[0].clone(), file, parts[2].clone()]
    };
    let absent = folder.path().join("part-9.json");
    refused(
        &[parts[0].clone(), parts[2].clone()],
        &["only 2 of 3 parts were merged; missing: 1 (on "],
    );
    refused(&[parts[0].clone(), absent, parts[2].clone()], &["part-9.json: missing", "missing: 1"]);
    refused(&[&parts[..], &parts[..1]].concat(), &["part-0.json: part 0 is there twice"]);
    refused(
        &changed("/run/program_version", "0.0.9".into()),
        &["changed.json: it is from another version"],
    );
    refused(&changed("/schema/version", 99.into()), &["changed.json: it is from another version"]);
    refused(
        &changed("/run/seed", 7.into()),
        &["changed.json: it belongs to another load: run.seed is 7"],
    );
    let began = json(&parts[1])["sums"]["began_unix_ns"].as_u64().expect("a number");
    refused(&changed("/sums/began_unix_ns", (began + 90_000_000).into()), &["part 1 is late"]);
    // A document that this version cannot read at all.
    let mut document = json(&parts[1]);
    document["schema"]["version"] = 2.into();
    document["news"] = 1.into();
    let news = folder.path().join("news.json");
    std::fs::write(&news, document.to_string()).expect("it is written");
    refused(
        &[parts[0].clone(), news],
        &["news.json: it is from another version", "document version 2"],
    );
}
