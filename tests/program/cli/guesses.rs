//! First guesses of people who know other programs.

use super::{fails, run};

#[test]
fn models_and_plans_are_plain_words() {
    let (exit, stdout, stderr) = run(&["run", "epoll", "tokio-multi", "--dry-run"]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stdout.contains("  epoll\n") && stdout.contains("  tokio-multi\n"), "{stdout}");
    assert!(!stdout.contains("thread-per-client"), "{stdout}");
    let (exit, stdout, stderr) = run(&["run", "churn", "epoll", "--dry-run"]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stdout.contains("  epoll\n") && !stdout.contains("  fork\n"), "{stdout}");
    let (_, with_option, _) = run(&["run", "churn", "--models", "epoll", "--dry-run"]);
    assert_eq!(stdout, with_option, "it is the same as an option");
    fails(&["run", "epoll", "churn"], 2, &["'churn' is not a model", "c10k run latency epoll"]);
    fails(&["run", "epol"], 2, &["'epol'", "did you mean epoll?", "built-in plans"]);
    fails(&["run", "epoll", "epol"], 2, &["did you mean epoll?"]);
    fails(&["run", "epoll", "--all"], 2, &["--all means every model"]);
    fails(&["run", "pool-of-four"], 2, &["broken on purpose"]);
}

#[test]
fn a_model_alone_is_described() {
    let (exit, stdout, _) = run(&["models", "epoll"]);
    assert_eq!(exit, 0);
    assert!(stdout.contains("c10k serve epoll") && !stdout.contains("tokio-multi"), "{stdout}");
    let (_, stdout, _) = run(&["models", "epoll", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((list.as_array().map(Vec::len), &list[0]["name"]), (Some(1), &"epoll".into()));
    fails(&["models", "epol"], 2, &["'epol'", "epoll"]);
}

#[test]
fn a_version_is_printed() {
    let (exit, stdout, _) = run(&["version"]);
    assert_eq!((exit, &stdout), (0, &run(&["--version"]).1));
}

#[test]
fn options_of_other_load_generators_say_what_to_type_instead() {
    for (option, part) in [
        ("--latency", "latencies are always printed"),
        ("--disable-keepalive", "--requests-per-connection 1"),
        ("--script", "scripts are not supported"),
        ("-k", "connections are kept open"),
        ("-D", "--body @FILE"),
    ] {
        fails(&["load", "http://127.0.0.1:1/", option], 2, &[option, part]);
    }
    fails(&["load", "-q", "100"], 2, &["--rate 100"]);
    fails(&["load", "-t", "127.0.0.1:9000"], 2, &["-t means threads"]);
}

#[test]
fn help_has_groups_and_examples() {
    for (command, groups) in [
        ("load", &["Server:", "Load:", "Generator:", "Output:", "Any HTTP server:"][..]),
        ("serve", &["Server:", "Protocol:", "Limits:", "Sessions:", "Classroom applications:"]),
        ("run", &["What is measured:", "How:", "Results:"]),
        ("check", &["Server:", "Behaviours:", "Reports:"]),
    ] {
        let (exit, stdout, _) = run(&[command, "--help"]);
        assert_eq!(exit, 0);
        for group in groups {
            assert!(stdout.contains(&format!("\n{group}\n")), "{command}: no {group}\n{stdout}");
        }
        assert!(stdout.contains(&format!("Examples:\n  c10k {command} ")), "{command}: {stdout}");
    }
}
