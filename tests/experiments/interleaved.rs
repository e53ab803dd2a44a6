//! `c10k compare --interleaved`: two programs or two commands in one run.

use std::path::Path;

use crate::support::c10k;
use serde_json::Value;

const C10K: &str = env!("CARGO_BIN_EXE_c10k");

/// A few short rounds. The comparison does not depend on the machine's load, because tests run at the same time.
const PLAN: &str = r#"
name = "pair"
question = "Has it changed?"
models = ["epoll"]
trials = 6
connections = 2
warmup = "20ms"
measure = "100ms"
drain = "2s"
reference = false
[rounds]
first = 6
time = "5m"
spoils = []
[[workload]]
name = "echo"
request = { kind = "echo", bytes = 64 }
arrivals = { kind = "closed" }
"#;

/// Compares two sides by the memory of their servers, which a busy machine does not change. Returns the exit code, the
/// output and the comparison.
fn compare(folder: &Path, sides: [&str; 2]) -> (Option<i32>, String, Value) {
    let (plan, json) = (folder.join("plan.toml"), folder.join("comparison.json"));
    std::fs::write(&plan, PLAN).expect("written");
    let mut command = c10k();
    command.args(["compare", "--interleaved", "--gate", "--figures", "memory"]);
    command.args(sides).arg("--plan").arg(&plan).arg("--json").arg(&json);
    let output = command.arg("--out").arg(folder).output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let document = std::fs::read(&json).unwrap_or_default();
    (output.status.code(), text, serde_json::from_slice(&document).unwrap_or_default())
}

/// A pool of this many threads, as a command.
fn pool(threads: &str) -> String {
    let listen = "--listen 127.0.0.1:{port}";
    format!("cmd:{C10K} serve --model thread-pool --workers {threads} {listen}")
}

#[test]
fn a_program_compared_with_itself_is_not_worse() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text, found) = compare(folder.path(), [C10K, C10K]);
    assert!(matches!(code, Some(0 | 4)), "{code:?}: {text}");
    assert!(
        text.contains("measured in one run, the two sides interleaved trial by trial"),
        "{text}"
    );
    assert_eq!(
        (&found["interleaved"], found["rows"].as_array().map(Vec::len)),
        (&true.into(), Some(1))
    );
    for side in ["base", "new"] {
        let id = found[side].as_str().expect("an id");
        assert!(id.starts_with(&format!("pair-{side}-")), "{id}");
        let run = folder.path().join(id);
        let summary: Value = c10k::store::read_json(&run.join("summary.json")).expect("a summary");
        assert_eq!(summary["cells"][0]["trials"].as_array().map(Vec::len), Some(6));
        // The saved runs are still two sides of one run.
        assert_eq!(summary["run"]["beside"], found["base"]);
        let alone = c10k().args(["run", "--resume"]).arg(&run).output().expect("it runs");
        assert_eq!(alone.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&alone.stderr).contains("compare --interleaved"));
    }
}

#[test]
fn a_server_that_takes_more_does_not_pass_a_gate() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text, found) = compare(folder.path(), [&pool("2"), &pool("400")]);
    let row = &found["rows"][0];
    match code {
        Some(3) => assert_eq!(row["verdict"], "worse", "{found}"),
        // A busy machine may have left the servers too little time; then the row has a reason.
        Some(4) => assert!(row["verdict"].is_null() && row["why"].is_string(), "{found}"),
        code => panic!("{code:?}: {text}"),
    }
    let held = row["new"].as_f64().zip(row["base"].as_f64());
    assert!(held.is_some_and(|(new, base)| new > 1.2 * base), "{found}");
}

#[test]
fn what_is_no_side_says_how_to_make_one() {
    for (sides, part) in [
        (["no-such-commit", C10K], "git worktree add ../no-such-commit no-such-commit\n"),
        (["origin/none", C10K], "git worktree add ../origin-none origin/none\n"),
        (["/none/release/c10k", C10K], "/none/release/c10k is not a program. Build it first"),
        (["old/c10k", C10K], "old/c10k is not a program. Build it first"),
        ([C10K, "src"], "leave --interleaved out"),
        ([C10K, "cmd:./server {port}"], "two programs or two commands"),
    ] {
        let output =
            c10k().args(["compare", "--interleaved"]).args(sides).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{sides:?}: {stderr}");
        assert!(stderr.contains(part), "{sides:?}: {stderr}");
    }
    let lone = c10k().args(["compare", "a", "b", "--plan", "quick"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&lone.stderr).contains("--interleaved"));
}
