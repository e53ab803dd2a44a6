//! `shell`: what clients may run, and what happens to their commands.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use protocol::App;
use rustix::process::{Pid, test_kill_process};
use servers::Model;
use tempfile::TempDir;

use crate::served::{LineClient, Served, serve_with, until};
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Shell, "runs_what_is_allowed_and_nothing_else", allowed),
    row(App::Shell, "a_command_inherits_nothing", inherits),
    row(App::Shell, "output_comes_as_it_is_written", streams),
    row(App::Shell, "a_command_that_never_ends_is_killed_with_all_it_started", time),
    row(App::Shell, "output_without_end_is_cut", output),
    row(App::Shell, "a_client_that_does_not_read_holds_its_command_up", held_up),
    row(App::Shell, "a_client_that_goes_takes_its_command_with_it", goes),
    row(App::Shell, "others_are_served_while_a_command_runs", others).concurrent(),
    row(App::Shell, "so_many_commands_run_at_a_time", at_once).concurrent(),
    row(App::Shell, "a_stop_waits_for_a_command_and_a_cut_does_not", stop),
];

/// What the commands of these tests do. It is found in the server's PATH.
const TOOL: &str = r#"#!/bin/sh
case $1 in
inherits)
    echo "secret: $SECRET$LD_LIBRARY_PATH"
    echo "input: $(cat)"
    for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c socket
    grep -E 'SigBlk|SigIgn' /proc/self/status
    echo "to standard error" >&2 ;;
stream) echo first; while ! test -e $2; do sleep 0.01; done; printf second ;;
hold) sleep 1000 & echo $! $$ > $2.new; mv $2.new $2; wait ;;
exit) printf 'no line end'; exit $2 ;;
die) kill -9 $$ ;;
esac
"#;

/// A server whose clients may run `tool` and `yes`, and a folder for what they leave.
struct Shell {
    server: Served,
    dir: TempDir,
}

fn shell(model: &Model, flags: &[&str]) -> Shell {
    let dir = tempfile::tempdir().expect("a folder");
    let tool = dir.path().join("tool");
    fs::write(&tool, TOOL).expect("a file");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("a mode");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").expect("a PATH"));
    let shell = ["--app", "shell", "--allow", "tool *", "--allow", "yes", "--allow", "echo *"];
    // So that no command times out on a slow machine, unless the test is about that.
    let patient = ["--command-timeout", "1h"];
    let timed = flags.contains(&patient[0]);
    let patient = if timed { &[] } else { &patient[..] };
    let server = serve_with(model, &[&shell[..], patient, flags].concat(), |command| {
        command.env("PATH", path).env("SECRET", "1").env("LD_LIBRARY_PATH", "/nowhere");
    });
    Shell { server, dir }
}

impl Shell {
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A client whose command runs until it is killed, and the command's two processes.
    fn holding(&self) -> (LineClient, [Pid; 2]) {
        let mut client = self.server.client();
        let file = self.path("held");
        client.send(format!("tool hold {file}\n"));
        until("it runs", || Path::new(&file).exists());
        (client, pids_in(&file))
    }
}

fn pids_in(file: &str) -> [Pid; 2] {
    let pids = fs::read_to_string(file).expect("two numbers");
    let pid = |text: &str| text.parse().ok().and_then(Pid::from_raw).expect("a number");
    let pids: Vec<Pid> = pids.split_whitespace().map(pid).collect();
    pids.try_into().expect("two")
}

/// Waits until neither process runs, and none is left as a zombie of the server.
fn are_gone(pids: [Pid; 2]) {
    let [started, command] = pids;
    until("the command is gone, and reaped", || test_kill_process(command).is_err());
    // Its parent was killed too, so the first process of the system has to reap it.
    let dead = |pid: Pid| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    until("what it has started is gone", || dead(started));
}

fn allowed(model: &'static Model) {
    let shell = shell(model, &["--status"]);
    let mut client = shell.server.client();
    assert_eq!(client.ask("echo  $HOME `id` > x"), "$HOME `id` > x\n");
    assert_eq!(client.line(), "END exit 0\n");
    let list = "allowed: tool *, yes, echo *\n";
    let refused = [
        ("rm -r /", "rm is"),
        ("", "an empty line is"),
        ("/bin/echo x", "/bin/echo is"),
        ("../tool", "../tool is"),
        ("echo -e x", "echo with these arguments is"),
        ("yes no", "yes with these arguments is"),
        ("sh -c id", "sh is"),
        ("tool\x0bx", "tool\\x0bx is"),
    ];
    for (line, what) in refused {
        assert_eq!(client.ask(line), format!("ERR not-allowed {what} not allowed; {list}"));
        assert_eq!(client.line(), "END not-allowed\n");
    }
    assert_eq!(client.ask("echo a\0b"), "ERR bad-argument a word contains a zero byte\n");
    assert_eq!(client.line(), "END bad-argument\n");
    // As many arguments as fit into a message.
    let many = "x ".repeat(32_000);
    assert_eq!(client.ask(&format!("echo {many}")).len(), many.len());
    assert_eq!(client.line(), "END exit 0\n");
    // Several at once, and the last one without a line feed.
    client.send("tool exit 3\ntool die\necho last");
    client.half_close();
    let rest = String::from_utf8(client.rest()).expect("text");
    let died = "ERR signal 9 has ended it\nEND signal 9\n";
    assert_eq!(rest, format!("no line end\nEND exit 3\n{died}last\nEND exit 0\n"));
    drop(client);
    let ended = shell.server.stop().well();
    assert_eq!((ended.count("requests"), ended.count("requests_refused")), (14, 9));
}

fn inherits(model: &'static Model) {
    let shell = shell(model, &["--status"]);
    let mut client = shell.server.client();
    client.send("tool inherits\n");
    let said: Vec<String> = (0..7).map(|_| client.line()).collect();
    let none = "\t0000000000000000\n";
    let signals = [format!("SigBlk:{none}"), format!("SigIgn:{none}")];
    assert_eq!(said[..3], ["secret: \n", "input: \n", "0\n"]);
    assert_eq!(said[3..5], signals);
    assert_eq!(said[5..], ["to standard error\n", "END exit 0\n"]);
    drop(client);
    shell.server.stop().well();
}

fn streams(model: &'static Model) {
    let shell = shell(model, &[]);
    let mut client = shell.server.client();
    let go = shell.path("go");
    assert_eq!(client.ask(&format!("tool stream {go}")), "first\n");
    fs::write(go, "").expect("a file");
    client.half_close();
    assert_eq!(client.rest(), b"second");
    drop(client);
    shell.server.stop().well();
}

fn time(model: &'static Model) {
    let shell = shell(model, &["--command-timeout", "200ms", "--status"]);
    let mut client = shell.server.client();
    let file = shell.path("held");
    until("it has said its numbers before its time was over", || {
        let said = client.ask(&format!("tool hold {file}"));
        assert_eq!(said, "ERR time killed after 200ms (--command-timeout)\n");
        assert_eq!(client.line(), "END time\n");
        Path::new(&file).exists()
    });
    are_gone(pids_in(&file));
    drop(client);
    shell.server.stop().well();
}

fn output(model: &'static Model) {
    let shell = shell(model, &["--command-output", "100001"]);
    let mut client = shell.server.client();
    client.send("yes\necho next\n");
    client.half_close();
    let rest = String::from_utf8(client.rest()).expect("text");
    let killed = "\nERR output killed after 100001 bytes (--command-output)\nnext\n";
    assert_eq!(rest, format!("{}y{killed}", "y\n".repeat(50_000)));
    drop(client);
    shell.server.stop().well();
}

fn held_up(model: &'static Model) {
    const BYTES: usize = 32 << 20;
    let most = BYTES.to_string();
    let shell = shell(model, &["--command-output", &most]);
    let mut client = shell.server.client();
    client.send("yes\n");
    client.half_close();
    // Until the command makes no more progress, because the client does not read.
    let written = || {
        let mut processes = fs::read_dir("/proc").expect("processes").flatten().filter(|entry| {
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            status.starts_with("Name:\tyes\n") && is_of(&status, shell.server.child.id())
        });
        let io = fs::read_to_string(processes.next()?.path().join("io")).ok()?;
        io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok())
    };
    let mut before = None;
    until("the command is held up", || {
        std::thread::sleep(Duration::from_millis(20));
        let now = written();
        let held = now.is_some() && now == before;
        before = now;
        held
    });
    let rest = client.rest();
    assert!(rest[..BYTES] == *"y\n".repeat(BYTES / 2).as_bytes(), "something is missing");
    assert!(rest[BYTES..].starts_with(b"ERR output "), "{:?}", rest[BYTES..].escape_ascii());
    let status = fs::read_to_string(format!("/proc/{}/status", shell.server.child.id()));
    let peak = status.expect("it lives");
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let peak: usize = peak.and_then(|kib| kib.trim().parse().ok()).expect("a number");
    assert!(peak < 40 << 10, "{peak} KiB");
    drop(client);
    shell.server.stop().well();
}

/// Whether a process is a child of the server or of one of its children.
fn is_of(status: &str, server: u32) -> bool {
    let parent = |status: &str| {
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok())
    };
    let Some(first) = parent(status) else { return false };
    let above = fs::read_to_string(format!("/proc/{first}/status")).unwrap_or_default();
    first == server || parent(&above) == Some(server)
}

fn goes(model: &'static Model) {
    let shell = shell(model, &[]);
    let (client, pids) = shell.holding();
    let linger = rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO));
    linger.expect("a socket");
    drop(client);
    are_gone(pids);
    let mut next = shell.server.client();
    assert_eq!(next.ask("echo next"), "next\n");
    drop(next);
    shell.server.stop().well();
}

fn others(model: &'static Model) {
    let shell = shell(model, &[]);
    let (client, pids) = shell.holding();
    let mut next = shell.server.client();
    assert_eq!(next.ask("echo next"), "next\n");
    drop((client, next));
    assert!(shell.server.cut().status.success());
    are_gone(pids);
}

fn at_once(model: &'static Model) {
    let shell = shell(model, &["--commands-max", "1"]);
    let (client, pids) = shell.holding();
    let mut next = shell.server.client();
    assert_eq!(
        next.ask("echo x"),
        "ERR commands-max 1 commands are running already; try again later\n"
    );
    let linger = rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO));
    linger.expect("a socket");
    drop(client);
    are_gone(pids);
    until("there is room again", || next.ask("echo next") == "next\n");
    drop(next);
    shell.server.stop().well();
}

fn stop(model: &'static Model) {
    let waits = shell(model, &["--drain-timeout", "1h"]);
    let mut client = waits.server.client();
    let go = waits.path("go");
    assert_eq!(client.ask(&format!("tool stream {go}")), "first\n");
    waits.server.signal(rustix::process::Signal::TERM);
    until("nobody is let in", || TcpStream::connect(waits.server.address).is_err());
    fs::write(go, "").expect("a file");
    assert_eq!(client.rest(), b"second");
    drop(client);
    waits.server.ended().well();
    let cut = shell(model, &["--drain-timeout", "1h"]);
    let (client, pids) = cut.holding();
    assert_eq!(cut.server.cut().well().count("cut"), 1);
    drop(client);
    are_gone(pids);
}
