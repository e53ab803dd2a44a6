//! One load made by the tasks of a real Slurm: a controller and three nodes on this machine, started here with
//! their own key, ports and folder. If Slurm is not installed, a message says so and nothing is tested:
//! `apt-get install slurmctld slurmd slurm-client munge`.

#[path = "slurm/cluster.rs"]
mod cluster;
mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cluster::Cluster;
use serde_json::Value;
use support::recorder::{Recorder, assert_is, poisson};
use support::{C10K, c10k, free_port, until};

const RATE: f64 = 300.0;
const MEASURE: Duration = Duration::from_secs(1);
/// Options of every load.
const LOAD: [&str; 11] = [
    "--echo",
    "32",
    "-q",
    "--rate",
    "300",
    "--poisson",
    "-c",
    "2",
    "--warmup",
    "0s",
    "--gather=30s",
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Prints a line to the real standard error, which is shown even if the test passes.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// An `srun` command for a load in three tasks, each on its own node, with documents in a folder.
fn srun(cluster: &Cluster, server: &Recorder, folder: &Path, measure: &str) -> Command {
    let mut command = cluster.command("srun");
    command.args(["-N3", "-n3", "--ntasks-per-node=1", "--no-kill", C10K, "load", "--target"]);
    command.arg(server.address.to_string()).args(LOAD).args(["-d", measure, "--json"]);
    command.arg(folder.join("part-%t.json")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn merge(folder: &Path) -> Output {
    let parts = (0..3).map(|k| folder.join(format!("part-{k}.json")));
    let parts: Vec<PathBuf> = parts.filter(|part| part.exists()).collect();
    let mut command = c10k();
    command.arg("merge").args(parts).arg("--json").arg(folder.join("whole.json"));
    command.output().expect("it runs")
}

/// Asserts that merging a folder without this part names the part and its node.
fn assert_named_as_missing(folder: &Path, part: usize, node: &str) {
    let output = merge(folder);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}{}", text(&output.stderr));
    assert!(
        said.contains(&format!("only 2 of 3 parts were merged; missing: {part} (on {node});")),
        "{said}"
    );
}

#[test]
fn tasks_of_a_step_are_one_load_and_others_are_not() {
    let missing = cluster::missing_tools();
    if !missing.is_empty() {
        say(&format!(
            "tests/slurm.rs: NOT TESTED: {} not installed: apt-get install slurmctld slurmd \
             slurm-client munge",
            missing.join(", ")
        ));
        return;
    }
    let began = Instant::now();
    let cluster = Cluster::start();
    let server = Recorder::start();
    let step = |name: &str, test: &dyn Fn(&Path)| {
        let folder = cluster.folder().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        server.take();
        test(&folder);
        say(&format!("tests/slurm.rs: {name}: {:.1} s", began.elapsed().as_secs_f64()));
    };
    step("whole", &|folder| the_merged_load_is_that_of_one_generator(&cluster, &server, folder));
    step("shell", &|folder| what_is_no_task_makes_the_whole_load(&cluster, &server, folder));
    step("script", &|folder| the_batch_script_serves_loads_and_merges(&cluster, folder));
    step("killed", &|folder| a_killed_generator_is_named(&cluster, &server, folder));
    // Last, because the node stays dead.
    step("node", &|folder| a_killed_node_is_named(&cluster, &server, folder));
}

fn the_merged_load_is_that_of_one_generator(cluster: &Cluster, server: &Recorder, folder: &Path) {
    let output = srun(cluster, server, folder, "1s").output().expect("it runs");
    let said = text(&output.stderr);
    // A busy machine may spoil the figures, and srun ends with the code of its tasks.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}{}", cluster.logs());
    for k in 0..3 {
        assert!(said.contains(&format!("part {k} of 3, by slurm (SLURM_NTASKS=3")), "{said}");
    }
    let noted = server.take();
    let output = merge(folder);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", text(&output.stderr));
    let whole = json(&folder.join("whole.json"));
    let schedule = poisson(RATE, MEASURE);
    assert_eq!(whole["census"]["offered"], schedule.len());
    assert_eq!(whole["census"]["ok"], schedule.len());
    let merged = whole["merged"].as_array().expect("parts");
    let start = merged[0]["start"]["at_unix_ns"].as_u64().expect("they met");
    assert_is(&noted, &schedule, start);
    assert_eq!(whole["load"]["shard"]["parts"], serde_json::json!([0, 1, 2]));
    assert_eq!(whole["load"]["shard"]["hosts"], serde_json::json!(cluster::NODES));
    for part in merged {
        assert_eq!(part["launcher"]["name"], "slurm");
        assert_eq!(part["start"]["at_unix_ns"], start, "one start for all");
        assert_eq!(part["start"]["clock"]["kind"], "compared");
    }
}

/// A batch script, a shell of `salloc`, and one task.
fn what_is_no_task_makes_the_whole_load(cluster: &Cluster, server: &Recorder, folder: &Path) {
    let load = format!(
        "{C10K} load --target {} {} -d 1s --json {}",
        server.address,
        LOAD.join(" "),
        folder.join("part-%t.json").display()
    );
    let offered = poisson(RATE, MEASURE).len();
    let whole = |how: &str| {
        let file = folder.join("part-0.json");
        let document = json(&file);
        assert_eq!(document["census"]["offered"], offered, "{how}");
        assert!(document["load"]["shard"].is_null(), "{how}");
        std::fs::remove_file(file).expect("it is there");
    };
    let told =
        "SLURM_NTASKS=3, but this process is not a task of a step, so it sends the whole load";
    let out = folder.join("batch.out");
    let mut batch = cluster.command("sbatch");
    batch.args(["-W", "-N3", "-n3", "-o"]).arg(&out).args(["--wrap", &load]);
    let output = batch.output().expect("it runs");
    let said = std::fs::read_to_string(&out).unwrap_or_default() + &text(&output.stderr);
    assert!(said.contains(told), "{said}");
    whole("a batch script");

    let mut shell = cluster.command("salloc");
    let output = shell.args(["-N3", "-n3", "sh", "-c", &load]).output().expect("it runs");
    assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    whole("a shell of salloc");

    let mut one = cluster.command("srun");
    let output = one.args(["-n1", "sh", "-c", &load]).output().expect("it runs");
    assert!(!text(&output.stderr).contains("SLURM_"), "{}", text(&output.stderr));
    whole("one task");
}

fn the_batch_script_serves_loads_and_merges(cluster: &Cluster, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/slurm/c10k.sbatch");
    let (out, port) = (folder.join("job.out"), free_port());
    let mut batch = cluster.command("sbatch");
    batch.args(["-W", "-N3", "-o"]).arg(&out).arg(script);
    batch.args(["--rate", "300", "--poisson", "--echo", "32", "-c", "2", "-d", "1s"]);
    batch.env("C10K", C10K).env("OUT", folder).env("PORT", port.to_string());
    let output = batch.output().expect("it runs");
    let said = std::fs::read_to_string(&out).unwrap_or_default() + &text(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
    assert!(said.contains("2 of 2 parts; measurements began within"), "{said}");
    let whole = json(&folder.join("whole.json"));
    // Without the requests of the warm-up, which lasts a second.
    let all = poisson(RATE, 2 * MEASURE).len() - poisson(RATE, MEASURE).len();
    assert_eq!(whole["census"]["offered"], all);
    assert_eq!(whole["load"]["shard"]["hosts"], serde_json::json!(cluster::NODES[1..]));
    let stopped = std::fs::read_to_string(folder.join("server.json")).expect("what it said");
    assert!(stopped.contains(r#""event":"stopped""#), "{stopped}");
}

/// A load of three tasks that has begun, and the processes of one task.
fn under_way(
    cluster: &Cluster,
    server: &Recorder,
    folder: &Path,
    part: usize,
) -> (Child, cluster::Task) {
    let srun = srun(cluster, server, folder, "3s").spawn().expect("it runs");
    until("the load to begin", || !server.take().is_empty());
    let task = cluster::task(folder, part).expect("it is there");
    (srun, task)
}

fn a_killed_generator_is_named(cluster: &Cluster, server: &Recorder, folder: &Path) {
    let (srun, task) = under_way(cluster, server, folder, 1);
    cluster::kill(task.generator);
    let output = srun.wait_with_output().expect("it ends");
    let said = text(&output.stderr);
    assert!(said.contains("task 1: Killed"), "{said}");
    assert_named_as_missing(folder, 1, cluster::NODES[1]);
}

fn a_killed_node_is_named(cluster: &Cluster, server: &Recorder, folder: &Path) {
    let (mut srun, task) = under_way(cluster, server, folder, 2);
    cluster.kill_node(2, task);
    // The controller notices a dead node late, but the other parts do not wait for that.
    until("the other parts", || (0..2).all(|k| folder.join(format!("part-{k}.json")).exists()));
    assert_named_as_missing(folder, 2, cluster::NODES[2]);
    let _ = srun.kill();
    let _ = srun.wait();
}
