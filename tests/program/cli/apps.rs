//! Options of `c10k serve` for classroom applications, mostly with mistakes.

use serde_json::Value;
use servers::MODELS;

use super::{fails, run};

#[test]
fn each_model_lists_the_applications_it_runs_and_why_it_runs_no_other() {
    let (_, json, _) = run(&["models", "--json"]);
    let list: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    let (_, table, _) = run(&["models"]);
    for (model, entry) in MODELS.iter().zip(&list) {
        let names = |value: &Value| -> Vec<String> {
            let names = value.as_array().expect("a list").iter();
            names.map(|name| name.as_str().expect("a name").into()).collect()
        };
        let apps = names(&entry["apps"]);
        let cannot = entry["cannot"].as_object().expect("reasons");
        for (name, app) in protocol::App::ALL {
            assert_eq!(apps.contains(&name.into()), model.cannot_run(app).is_none(), "{entry}");
            assert_eq!(cannot.contains_key(name), model.cannot_run(app).is_some(), "{entry}");
            if let Some(reason) = model.cannot_run(app) {
                assert_eq!(cannot[name], reason);
                assert!(table.contains(&format!("cannot run {name}")), "{table}");
            }
        }
    }
}

#[test]
fn a_console_without_a_keyboard_says_so_and_stops() {
    let serve = ["serve", "--model", "epoll", "--listen", "127.0.0.1:0", "--console"];
    let mut command = super::c10k();
    command.args(serve).stdin(std::process::Stdio::null());
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("The terminal was closed, so the server stops."), "{said}");
}

#[test]
fn what_no_server_can_be_is_refused_with_what_to_do() {
    let serve = |more: &[&str], parts: &[&str]| {
        fails(&[&["serve", "--listen", "127.0.0.1:0"], more].concat(), 2, parts);
    };
    let broken = ["--broken", servers::BROKEN[0].model.name];
    for (app, _) in protocol::App::ALL.into_iter().filter(|(_, app)| !app.is_request_reply()) {
        let refused = format!("cannot run {app}: its fault shows in requests and replies");
        serve(&[&broken[..], &["--app", app]].concat(), &[&refused]);
        let http = ["--model", "epoll", "--framing", "http", "--app", app];
        serve(&http, &[&format!("{app} is not served over HTTP"), "--framing line or raw"]);
        if app == "chat" {
            continue;
        }
        let load = ["load", "--target", "127.0.0.1:9", "--app", app];
        fails(&load, 2, &[&format!("'{app}' is not one of bench, echo, multiply")]);
    }
    serve(&["--model", "epoll", "--bye", "ciao"], &["--bye is for --app clock, not bench"]);
    let delay = ["--model", "epoll", "--app", "clock", "--delay", "1s"];
    serve(&delay, &["--delay is for --app daytime, not clock"]);
    for model in MODELS.iter().filter(|model| model.chat.is_none()) {
        let refused =
            format!("the model {} cannot run chat: a chat room waits for all clients", model.name);
        serve(&["--model", model.name, "--app", "chat"], &[&refused, "or tokio-multi"]);
    }
    let chat = ["--model", "epoll", "--app", "chat"];
    for (more, said) in [
        (&["--greeting"][..], "chat has no greeting"),
        (&["--labels", "tlh"], "'tlh' is not one of en, sv, es, de, fr, pt"),
        (&["--joined-label", ""], "a label is one line"),
        (&["--left-label", "two\nlines"], "a label is one line"),
        (&["--max-behind", "1KiB"], "--max-behind 1024 is too small: the minimum is 131072"),
        (&["--delay", "1s"], "--delay is for --app daytime, not chat"),
    ] {
        serve(&[&chat[..], more].concat(), &[said]);
    }
    serve(&["--model", "epoll", "--labels", "sv"], &["--labels is for --app chat, not bench"]);
    let crowd = ["--model", "select", "--app", "chat", "--max-connections", "5000"];
    serve(&crowd, &["the model select holds at most 992 connections"]);
    serve(&["--model", "epoll", "--app", "clock", "--bye", " "], &["--bye needs a word"]);
    let delay = ["--model", "epoll", "--app", "daytime", "--delay", "soon"];
    serve(&delay, &["--delay"]);
}

#[test]
fn a_shell_runs_what_it_was_allowed_here_and_says_what_is_wrong_with_the_list() {
    let shell = |more: &[&str], parts: &[&str]| {
        let serve = ["serve", "--model", "epoll", "--app", "shell"];
        fails(&[&serve[..], more].concat(), 2, parts);
    };
    shell(&[], &["name one, as in --allow date"]);
    for (entry, part) in [
        ("/bin/date", "without a path"),
        ("../date", "without a path"),
        ("no-such-program", "there is no such program in PATH"),
        ("", "--allow needs a command"),
        ("-*", "--allow needs a command"),
    ] {
        shell(&["--allow", entry], &[part]);
    }
    let date = ["--allow", "date"];
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        shell(&[&date[..], &["--listen", listen]].concat(), &["--commands-from-anywhere"]);
    }
    shell(&[&date[..], &["--command-timeout", "0s"]].concat(), &["--command-timeout"]);
    shell(&[&date[..], &["--commands-max", "0"]].concat(), &["--commands-max"]);
    let http = ["--framing", "http"];
    shell(&[&date[..], &http].concat(), &["shell is not served over HTTP"]);
    for option in
        [&date[..], &["--status"], &["--commands-max", "2"], &["--commands-from-anywhere"]]
    {
        let clock = ["serve", "--model", "epoll", "--app", "clock"];
        let owner = format!("{} is for --app shell, not clock", option[0]);
        fails(&[&clock[..], option].concat(), 2, &[&owner]);
    }
    let dispatch = ["serve", "--model", "epoll", "--app", "dispatch"];
    fails(&dispatch, 2, &["dispatch needs a command for its clients"]);
    fails(&[&dispatch[..], &["--command", " "]].concat(), 2, &["--command takes a command line"]);
    let log = ["--command", "date", "--log", "/nowhere/log"];
    fails(&[&dispatch[..], &log].concat(), 2, &["cannot write to the log /nowhere/log"]);
    let signal_driven = ["serve", "--model", "signal-driven", "--app", "shell", "--allow", "date"];
    fails(&signal_driven, 2, &["the kernel sends no such signal when a process ends"]);
}
