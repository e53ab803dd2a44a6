//! What is shipped: the archive, the container's files, continuous integration, and the issue template.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{C10K, c10k};

fn root(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(place)
}

fn read(place: &str) -> String {
    fs::read_to_string(root(place)).unwrap_or_else(|e| panic!("{place}: {e}"))
}

fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}: {stderr}");
    String::from_utf8_lossy(&stdout).into_owned()
}

#[test]
fn the_archive_has_all_that_it_promises_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = |out: &str| {
        let out = folder.path().join(out);
        let mut script = Command::new(root("scripts/release.sh"));
        script.arg("--binary").arg(C10K).arg(&out);
        // Nothing is downloaded.
        succeeds(script.env("CARGO", env!("CARGO")).env("CARGO_NET_OFFLINE", "true"));
        succeeds(Command::new("sh").current_dir(&out).args(["-c", "sha256sum -c *.sha256"]));
        let files = fs::read_dir(&out).expect("listed").map(|file| file.expect("one").path());
        let mut archives = files.filter(|path| path.extension().is_some_and(|end| end == "gz"));
        archives.next().expect("an archive")
    };
    let (one, again) = (archive("one"), archive("again"));
    assert!(fs::read(&one).expect("read") == fs::read(&again).expect("read"), "it differs");

    let unpacked = folder.path().join("unpacked");
    fs::create_dir(&unpacked).expect("a folder");
    succeeds(Command::new("tar").arg("-C").arg(&unpacked).arg("-xzf").arg(&one));
    let name = one.file_name().expect("a name").to_string_lossy().replace(".tar.gz", "");
    assert!(name.starts_with(concat!("c10k-", env!("CARGO_PKG_VERSION"), "-")), "{name}");
    let top = unpacked.join(name);
    succeeds(Command::new("sha256sum").current_dir(&top).args(["--quiet", "-c", "SHA256SUMS"]));
    let sums = fs::read_to_string(top.join("SHA256SUMS")).expect("read");
    for file in [
        "c10k",
        "README.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "man/c10k.1",
        "man/c10k-soak.1",
        "completions/c10k.bash",
        "completions/_c10k",
        "completions/c10k.fish",
        "licenses/THIRD-PARTY.txt",
        "licenses/plotly-LICENSE.txt",
    ] {
        assert!(top.join(file).is_file(), "{file} is missing");
        assert!(sums.lines().any(|line| line.ends_with(&format!("  {file}"))), "{file} has no sum");
    }
    let third = fs::read_to_string(top.join("licenses/THIRD-PARTY.txt")).expect("read");
    assert!(third.contains("tokio-") && third.contains("clap-"), "{third}");
    assert!(!third.contains("proptest-"), "what only tests need is not linked: {third}");
    let notices = fs::read_dir(top.join("licenses")).expect("listed").count();
    assert!(notices > third.lines().count(), "{notices} notices");
    let size = |file: &Path| fs::metadata(file).expect("it is there").len();
    assert!(size(&top.join("c10k")) < size(Path::new(C10K)), "it is stripped");
    let version = succeeds(Command::new(top.join("c10k")).arg("--version"));
    assert_eq!(version, succeeds(c10k().arg("--version")));
}

#[test]
fn what_the_images_copy_is_there_and_not_ignored() {
    let ignored = read(".dockerignore");
    for file in ["Dockerfile", "labs/autograder/Containerfile"] {
        let text = read(file);
        let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
        for copy in copies.filter(|copy| !copy.starts_with("--from")) {
            let words: Vec<&str> = copy.split_whitespace().collect();
            for source in words.iter().rev().skip(1).filter(|source| **source != ".") {
                assert!(root(source).exists(), "{file}: {source} is missing");
                let allowed = ignored.lines().any(|line| line == format!("!{source}"));
                assert!(allowed, "{file}: .dockerignore hides {source}");
            }
        }
    }
}

#[test]
fn a_release_that_makes_no_sense_is_refused() {
    for arguments in [&["--binary"][..], &["--fast"], &["--binary", "/dev/null"]] {
        let output = Command::new(root("scripts/release.sh")).args(arguments).output();
        let output = output.expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains("release: "), "{stderr}");
    }
}

/// The lines of the Dockerfile that begin with a word, without it.
fn lines<'a>(text: &'a str, word: &str) -> Vec<Vec<&'a str>> {
    let rest = text.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    rest.map(|rest| rest.split_whitespace().collect()).collect()
}

#[test]
fn what_the_container_is_built_from_is_there_and_not_ignored() {
    let (docker, ignore) = (read("Dockerfile"), read(".dockerignore"));
    let copies = lines(&docker, "COPY");
    let own = copies.iter().filter(|words| !words[0].starts_with("--from"));
    let sources: Vec<&str> = own.flat_map(|words| &words[..words.len() - 1]).copied().collect();
    assert!(sources.len() > 8, "{sources:?}");
    for source in &sources {
        assert!(root(source).exists(), "COPY {source}: it is not there");
        assert!(ignore.lines().any(|line| line == format!("!{source}")), "{source} is ignored");
    }
    // Cargo needs everything that the manifest names.
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let members = manifest["workspace"]["members"].as_array().expect("a list");
    for member in members.iter().filter_map(|member| member.as_str()).chain(["src", "tests"]) {
        assert!(sources.contains(&member), "{member} is not copied");
    }
    for note in ["seccomp=unconfined", "io_uring", "--ulimit nofile=", "--cpuset-cpus"] {
        assert!(docker.contains(note), "the notes do not name {note}");
    }
    let stages = lines(&docker, "FROM");
    let named = |name: &str| stages.iter().any(|words| words[1..] == ["AS", name]);
    let container: Value =
        serde_json::from_str(&read(".devcontainer/devcontainer.json")).expect("JSON");
    assert!(named(container["build"]["target"].as_str().expect("a stage")), "{stages:?}");
    let file = container["build"]["dockerfile"].as_str().expect("a file");
    assert!(root(".devcontainer").join(file).is_file(), "{file}");
}

#[test]
fn continuous_integration_runs_what_contributors_run() {
    use std::os::unix::fs::PermissionsExt;
    let workflow = read(".github/workflows/ci.yml");
    for script in [".ci/run", "scripts/release.sh"] {
        assert!(workflow.contains(script), "{script} is not run");
        let mode = fs::metadata(root(script)).expect(script).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is no program");
    }
    // One version of Rust is tested, and every file names the same one.
    let tested = workflow.split("RUST: \"").nth(1).and_then(|rest| rest.split('"').next());
    let tested = tested.expect("a version");
    let image = format!("rust:{tested}-slim");
    assert!(read("Dockerfile").contains(&image), "the container has not {image}");
    // It is the oldest supported version, because nothing older is tested.
    assert_eq!(tested, env!("CARGO_PKG_RUST_VERSION"), "Cargo.toml");
    for document in ["README.md", "docs/tutorial.md"] {
        assert!(read(document).contains(&format!("({tested} or newer)")), "{document}");
    }
}

#[test]
fn issues_ask_for_the_machine_by_a_command_that_there_is() {
    let template = read(".github/ISSUE_TEMPLATE/bug.yml");
    assert!(template.contains("`c10k doctor --json -`"), "{template}");
    let help = succeeds(c10k().args(["doctor", "--help"]));
    assert!(help.contains("--json <FILE|->"), "{help}");
}
