//! Completions and manual pages, as shells and man(1) take them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{fails, run};
use crate::support::C10K;

/// The commands that help lists.
fn commands() -> Vec<String> {
    let (_, help, _) = run(&["--help"]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).map(Into::into);
    names.filter(|name| name != "help").collect()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_completes_commands_models_and_options() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c10k.bash");
    fs::write(&file, run(&["completions", "bash"]).1).expect("written");
    let bash = |script: &str| {
        text(&Command::new("bash").args(["-c", script]).arg(&file).output().expect("bash runs"))
    };
    bash("bash -n \"$0\"");
    // As bash asks when the user presses the tab key.
    let completed = |words: &[&str]| {
        let last = words.len() - 1;
        let (word, before) = (words[last], words[last - 1]);
        let words = words.join(" ");
        bash(&format!(
            "source \"$0\"; COMP_WORDS=({words}); [ -n '{word}' ] || COMP_WORDS+=(''); \
             COMP_CWORD={last}; _c10k c10k '{word}' '{before}'; echo \"${{COMPREPLY[@]}}\""
        ))
    };
    assert_eq!(completed(&["c10k", "so"]).trim(), "soak");
    let all = completed(&["c10k", ""]);
    for command in commands() {
        assert!(all.split_whitespace().any(|word| word == command), "no {command} in {all}");
    }
    assert!(completed(&["c10k", "serve", "--frami"]).contains("--framing"));
    assert!(completed(&["c10k", "serve", "--model", "epoll-e"]).contains("epoll-edge"));
}

#[test]
fn other_shells_have_completions_too() {
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let (exit, script, _) = run(&["completions", shell]);
        assert!(exit == 0 && script.contains("soak"), "{shell}");
        // If the shell is installed, it parses the script.
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), script).expect("written");
        if let Ok(output) = Command::new(shell).arg("-n").arg(file.path()).output() {
            text(&output);
        }
    }
    fails(&["completions", "command.com"], 2, &["bash", "zsh", "fish"]);
}

/// A page as man(1) shows it, without a complaint.
fn shown(page: &Path) -> Option<String> {
    let man = Command::new("man").args(["--warnings", "-P", "cat", "-l"]).arg(page).output();
    let Ok(output) = man else { return None };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(complaints.is_empty(), "{}: {complaints}", page.display());
    // A letter that is printed over itself is bold.
    let text = text(&output);
    let mut plain = String::new();
    for letter in text.chars() {
        if letter == '\u{8}' { _ = plain.pop() } else { plain.push(letter) }
    }
    Some(plain)
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let (exit, stdout, _) = run(&["man", folder.path().to_str().expect("text")]);
    assert_eq!((exit, stdout.as_str()), (0, ""));
    let names = commands();
    assert!(names.len() > 15, "{names:?}");
    let pages = fs::read_dir(folder.path()).expect("listed").count();
    assert_eq!(pages, names.len() + 1, "one for each command and one for the program");
    for name in &names {
        let page = folder.path().join(format!("c10k-{name}.1"));
        let source = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(source.contains(&format!(".TH c10k-{name} 1")), "{name}: {source}");
        assert_eq!(run(&["man", name]).1, source, "the same on standard output");
        if let Some(text) = shown(&page) {
            // Lines are filled with spaces.
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in ["NAME", "SYNOPSIS", &format!("c10k {name}")] {
                assert!(text.contains(part), "{name}: no {part} in {text}");
            }
        }
    }
    let page = folder.path().join("c10k.1");
    assert_eq!(run(&["man"]).1, fs::read_to_string(&page).expect("it is there"));
    if let Some(text) = shown(&page) {
        let kept = "c10k serve epoll                             one server, at 127.0.0.1:9000";
        assert!(text.contains(kept), "examples keep their lines: {text}");
        assert!(text.contains("EXIT STATUS") && text.contains("c10k-soak(1)"), "{text}");
    }
}

#[test]
fn what_is_neither_a_command_nor_a_folder_has_no_page() {
    fails(&["man", "sokk"], 2, &["'sokk' is neither a command nor a folder", "c10k man run"]);
    let output = Command::new(C10K).args(["man", "version"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "hidden commands have none");
}
