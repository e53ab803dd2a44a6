//! Members that read nothing, vanish or send nothing, and a server that runs out of descriptors or threads.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Resource, Rlimit, prlimit};
use servers::Model;

use super::member;
use crate::served::{LineClient, serve, until};
use crate::support::DEADLINE;

/// A member that reads everything at once.
struct Reader {
    stream: TcpStream,
    name: String,
    lines: mpsc::Receiver<String>,
}

impl Reader {
    fn of(mut client: LineClient) -> Self {
        let name = format!("[{}]", client.address());
        let stream = client.stream.try_clone().expect("a handle");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let line = client.line();
                if line.is_empty() || sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { stream, name, lines }
    }

    fn say(&mut self, text: &str) {
        self.stream.write_all(format!("{text}\n").as_bytes()).expect("the server takes it");
    }

    /// The next line.
    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line in time")
    }

    /// Waits for this line.
    fn hears(&self, line: &str) {
        until(line, || self.line() == line);
    }
}

/// Sends this and waits until both have received it, so that neither falls behind, however busy the machine is.
/// Returns how many of them received something else before it.
fn in_step(speaker: &mut Reader, listener: &Reader, text: &str) -> usize {
    speaker.say(text);
    let said = format!("{} {text}\n", speaker.name);
    let others = |reader: &Reader| {
        let other = (0..).take_while(|_| reader.line() != said).count();
        usize::from(other > 0)
    };
    others(speaker) + others(listener)
}

/// In pieces, more than all buffers on the way hold.
const PIECES: usize = 1500;
const PIECE_BYTES: usize = 8 * 1024;

pub(super) fn slow_reader(model: &'static Model) {
    let server = serve(model, &["--app", "chat", "--max-behind", "256KiB"]);
    let mut speaker = Reader::of(member(&server));
    let slow = member(&server);
    let listener = Reader::of(member(&server));
    speaker.hears(&format!("{} (connected)\n", listener.name));
    let piece = "x".repeat(PIECE_BYTES);
    // Both receive the notice that it was disconnected, and no other lines but the messages.
    let mut told = 0;
    until("the slow one is disconnected", || {
        told += in_step(&mut speaker, &listener, &piece);
        told == 2
    });
    assert_eq!(in_step(&mut speaker, &listener, "still here"), 0);
    drop(slow);
    let ended = server.stop().well();
    assert_eq!((ended.count("too_slow"), ended.count("finished")), (1, 2));
}

/// Closes with a reset.
fn vanish(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket");
    drop(stream);
}

pub(super) fn vanishing(model: &'static Model) {
    let server = serve(model, &["--app", "chat"]);
    let mut speaker = member(&server);
    let mut listener = member(&server);
    speaker.line();
    const GUESTS: usize = 20;
    for n in 0..GUESTS {
        let guest = server.client();
        let name = format!("[{}]", guest.address());
        speaker.send(format!("{n}\n").repeat(50));
        vanish(guest.stream.try_clone().expect("a handle"));
        vanish(guest.stream);
        // If it was gone before the server asked for its address, there is no notice.
        let mut told = 0;
        while told < 50 {
            let line = listener.line();
            assert!(
                line.contains(&format!("] {n}\n")) || line.starts_with("[127"),
                "{name} {line}"
            );
            told += usize::from(line.ends_with(&format!("] {n}\n")));
        }
    }
    let everyone = format!("[{}] over\n", speaker.address());
    speaker.send("over\n");
    until("both are told", || speaker.line() == everyone);
    until("both are told", || listener.line() == everyone);
    let ended = server.stop().well();
    let gone = ["reset", "finished", "dead_on_arrival"].map(|name| ended.count(name));
    assert_eq!(gone.iter().sum::<u64>(), 2 + GUESTS as u64, "{ended:?}");
    assert_eq!(ended.count("too_slow"), 0);
}

pub(super) fn cut(model: &'static Model) {
    let flags = ["--app", "chat", "--max-behind", "64MiB", "--drain-timeout", "1h"];
    let server = serve(model, &flags);
    let mut speaker = member(&server);
    let stuck = member(&server);
    speaker.line();
    let message = "x".repeat(8 * 1024);
    // More than all buffers on the way hold.
    for _ in 0..1500 {
        speaker.send(format!("{message}\n"));
        speaker.line();
    }
    let ended = server.cut().well();
    drop(stuck);
    assert_eq!(ended.count("cut") + ended.count("finished"), 2);
    assert!(ended.count("cut") >= 1, "{ended:?}");
}

pub(super) fn descriptors(model: &'static Model) {
    let server = serve(model, &["--app", "chat"]);
    let open = format!("/proc/{}/fd", server.child.id());
    let open = std::fs::read_dir(open).expect("its descriptors").flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
    let numbers: Vec<u64> = numbers.collect();
    // Leave room for three more descriptors.
    let mut free = (0..).filter(|number| !numbers.contains(number));
    let limit = free.nth(3).expect("there are more than it has open");
    let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
    prlimit(Some(server.pid()), Resource::Nofile, limit).expect("it is ours");
    let mut members = Vec::new();
    let busy = loop {
        let mut client = server.client();
        let first = client.line();
        if !first.ends_with("(connected)\n") {
            break first;
        }
        members.push(client);
    };
    assert!(busy.starts_with("ERR busy "), "{busy}");
    assert_eq!(members.len(), 3);
    members[0].send("it is full\n");
    for member in &mut members {
        until("it is told", || member.line().ends_with("it is full\n"));
    }
    drop(members.pop());
    until("there is room again", || server.client().line().ends_with("(connected)\n"));
    assert!(server.stop().well().count("shed") >= 1);
}

/// The kernel gives a thread no stack if the process has reached its limit of data. A member needs two
/// threads, and each case lets a different part of them fail.
pub(super) fn threads(model: &'static Model) {
    const STEP_BYTES: u64 = 128 * 1024;
    for steps in (2..=16).step_by(2) {
        let server = serve(model, &["--app", "chat"]);
        let (mut first, mut second) = (member(&server), member(&server));
        let allow = |bytes| {
            let limit = Rlimit { current: bytes, maximum: None };
            prlimit(Some(server.pid()), Resource::Data, limit).expect("it is ours");
        };
        allow(Some(data_bytes(server.child.id()) + steps * STEP_BYTES));
        let mut newcomers = Vec::new();
        until("a newcomer is not let in", || {
            let mut client = server.client();
            let came = client.line().ends_with("(connected)\n");
            newcomers.push(client);
            !came
        });
        first.send("still here\n");
        for member in [&mut first, &mut second] {
            until("it is told", || member.line().ends_with("still here\n"));
        }
        drop(newcomers);
        allow(None);
        until("there is room again", || server.client().line().ends_with("(connected)\n"));
        assert!(server.stop().well().count("shed") >= 1);
    }
}

/// The private writable memory of a process, as the kernel counts it for the limit.
fn data_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).expect("VmData");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

pub(super) fn silence(model: &'static Model) {
    let flags = ["--app", "chat", "--idle-timeout", "200ms", "--max-behind", "64MiB"];
    let server = serve(model, &flags);
    let mut silent = Reader::of(member(&server));
    let mut speaker = Reader::of(member(&server));
    let stuck = member(&server);
    let came = format!("[{}] (connected)\n", stuck.address());
    speaker.hears(&came);
    silent.hears(&came);
    let piece = "x".repeat(PIECE_BYTES);
    let mut told = 0;
    for _ in 0..PIECES {
        told += in_step(&mut speaker, &silent, &piece);
    }
    // This takes at least the idle timeout, during which one member sends nothing and another half a line.
    silent.stream.write_all(b"I am ").expect("the server takes it");
    until("the one that takes nothing is idle", || {
        told += in_step(&mut speaker, &silent, "?");
        told == 2
    });
    silent.say("here");
    let said = format!("{} I am here\n", silent.name);
    speaker.hears(&said);
    silent.hears(&said);
    drop(stuck);
    let ended = server.stop().well();
    assert_eq!((ended.count("idle"), ended.count("finished")), (1, 2));
}
