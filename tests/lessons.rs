//! The small labs as they are run: each in its quick form against real servers, and its page.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{c10k, page};

/// Runs a lab in its quick form; returns what it printed and its folder.
fn quick(lab: &str, out: &Path) -> (String, PathBuf) {
    let output = c10k().args(["lab", lab, "--quick", "--out"]).arg(out).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{lab}: {stdout}{stderr}");
    let mut folders =
        std::fs::read_dir(out).expect("listed").map(|entry| entry.expect("one").path());
    let dir = folders.next().expect("the lab's folder");
    assert_eq!(folders.next(), None, "one folder and nothing else");
    (stdout, dir)
}

/// The lab's document, after a look at its files.
fn document(dir: &Path) -> Value {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect(name);
    let lab: Value = serde_json::from_str(&read("lab.json")).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/lesson.v1.json");
    let schema: Value =
        serde_json::from_slice(&std::fs::read(schema).expect("committed")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(&lab).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let html = read("lab.html");
    page::assert_needs_nothing_else(&html);
    for sentence in lab["sentences"].as_array().expect("sentences") {
        let sentence = sentence.as_str().expect("text").replace(" us", " µs");
        assert!(html.contains(&escaped(&sentence)), "{sentence}");
    }
    assert!(read("lab.md").starts_with("# ") && read("lab.tex").starts_with("% Lab "));
    lab
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether a page can be written again, and is the same.
fn again(lab: &str, dir: &Path) {
    let before = std::fs::read(dir.join("lab.html")).expect("written");
    let output = c10k().args(["lab", lab, "--from"]).arg(dir).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(dir.join("lab.html")).expect("written"), before);
}

#[test]
fn concurrency_shows_who_waited_and_who_was_served() {
    let out = tempfile::tempdir().expect("a folder");
    let (stdout, dir) = quick("concurrency", out.path());
    assert!(stdout.contains("sequential:") && stdout.contains("thread-per-client:"), "{stdout}");
    let lab = document(&dir);
    let servers = lab["measured"]["servers"].as_array().expect("two");
    for server in servers {
        assert_eq!(server["visits"].as_array().expect("visits").len(), 3);
    }
    // Whatever the machine does, a sequential server greets nobody before the one it serves has said good-bye.
    let said = lab["sentences"][0].as_str().expect("text");
    assert!(said.contains("and 1 served at the same time"), "{said}");
    again("concurrency", &dir);
}
