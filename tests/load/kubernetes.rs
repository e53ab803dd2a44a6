//! `scripts/kubernetes`, with a `kubectl` that runs the pods as processes of this machine: the commands of
//! the manifest are those of this program, and the script does things in their order.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{C10K, free_port};

const MANIFEST: &str = include_str!("../../scripts/kubernetes/c10k.yaml");
const PARTS: usize = 4;

/// Plays kubectl(1). It knows the calls of the script and no others.
const KUBECTL: &str = r#"#!/bin/sh
echo "$*" >>"$PODS/calls"
case "$*" in
"apply "*" -l role=server")
    sh -c "exec $SERVER" >"$PODS/server.log" &
    echo $! >"$PODS/server.pid" ;;
"rollout status deployment/c10k-server --timeout=5m")
    until grep -q '"ready"' "$PODS/server.log"; do sleep 0.05; done ;;
"apply "*" -l role=load")
    for index in 0 1 2 3; do
        (JOB_COMPLETION_INDEX=$index sh -c "$LOAD" >"$PODS/pod-$index.log"; touch "$PODS/over-$index") &
    done ;;
"get job c10k-load -o jsonpath="*)
    [ "$(find "$PODS" -name 'over-*' | wc -l)" = 4 ] && echo Complete ;;
"get pods -l app=c10k,role=load -o name")
    for index in 3 1 0 2; do echo "pod/c10k-load-$index"; done ;;
"get pod/c10k-load-"*" -o jsonpath="*) pod=${2#pod/c10k-load-}; echo "$pod" ;;
"logs pod/c10k-load-"*) cat "$PODS/pod-${2#pod/c10k-load-}.log" ;;
"delete --ignore-not-found -f "*) kill "$(cat "$PODS/server.pid")" ;;
*) echo "kubectl: not played: $*" >&2; exit 64 ;;
esac
"#;

/// The words of the server's command.
fn server_command() -> String {
    let list = MANIFEST.split("command: [").nth(1).and_then(|rest| rest.split(']').next());
    list.expect("a server").replace([',', '"'], "")
}

/// The shell's words of a generator.
fn load_command() -> String {
    let words = MANIFEST.split("- >-\n").nth(1).and_then(|rest| rest.split("env:").next());
    words.expect("a generator").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each `from` is there and becomes `to`.
fn with(text: String, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "no {from} in {text}");
        text.replace(from, to)
    })
}

fn play(folder: &Path) -> (Option<i32>, String) {
    let kubectl = folder.join("kubectl");
    fs::write(&kubectl, KUBECTL).expect("written");
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).expect("executable");
    let (port, meeting) = (free_port(), free_port());
    let (here, log) = (format!("127.0.0.1:{port}"), folder.join("said").display().to_string());
    let server = with(server_command(), &[("0.0.0.0:9000", &here)]);
    let load = with(
        load_command(),
        &[
            ("c10k-server:9000", &here),
            ("--rate 400k", "--rate 2k"),
            ("-c 250", "-c 8"),
            ("-d 30s", "-d 500ms"),
            ("/dev/termination-log", &log),
        ],
    );
    let program = Path::new(C10K).parent().expect("a folder");
    let path = [folder, program].map(|folder| folder.display().to_string()).join(":");
    let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/kubernetes/run.sh");
    let mut run = Command::new("sh");
    run.arg(script).arg(folder.join("out")).env("PATH", path).env("PODS", folder);
    run.env("SERVER", server).env("LOAD", load).env("C10K_PARTS", PARTS.to_string());
    run.env("C10K_RENDEZVOUS", format!("127.0.0.1:{meeting}"));
    let output = run.output().expect("sh runs");
    let said = fs::read_to_string(folder.join("said")).unwrap_or_default();
    let words = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    (output.status.code(), format!("{words}{said}"))
}

#[test]
fn the_script_loads_a_server_that_is_ready_and_merges_every_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, said) = play(folder.path());
    // On a busy machine the load may not be worth anything, and it is merged all the same.
    assert!(matches!(code, Some(0 | 4)), "{code:?}: {said}");
    let whole = fs::read(folder.path().join("out/whole.json")).expect(&said);
    let whole: Value = serde_json::from_slice(&whole).expect("JSON");
    assert_eq!(whole["merged"].as_array().map(Vec::len), Some(PARTS), "{said}");
    assert!(whole["census"]["ok"].as_u64() > Some(0), "{}", whole["census"]);
    let calls = fs::read_to_string(folder.path().join("calls")).expect("kubectl was called");
    let verbs: Vec<&str> = calls.lines().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(verbs[..3], ["apply", "rollout", "apply"], "{calls}");
    assert_eq!(verbs.last(), Some(&"delete"), "{calls}");
}
