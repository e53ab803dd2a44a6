//! `sink`: what clients send goes to standard output.

use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use protocol::App;
use servers::Model;

use crate::served::{serve, serve_with, until};
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Sink, "writes_what_clients_send_and_nothing_else", writes),
    row(App::Sink, "waits_for_its_own_reader_and_loses_nothing", slow_reader),
    row(App::Sink, "is_cut_while_it_waits_for_its_reader", cut),
    row(App::Sink, "ends_when_nobody_reads_and_says_so", no_reader),
];

/// Bytes in which any loss, repetition or reordering shows.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

fn writes(model: &'static Model) {
    let server = serve(model, &["--app", "sink"]);
    let mut expected = Vec::new();
    for part in [&b"one\n"[..], b"two without a line feed", &bytes(70_000)] {
        let mut client = server.client();
        client.send(part);
        client.half_close();
        assert_eq!(client.rest(), b"", "it has nothing to say");
        expected.extend_from_slice(part);
    }
    until("all is written", || server.output().len() >= expected.len());
    let ended = server.stop().well();
    assert_eq!(ended.output, expected);
    assert_eq!(ended.count("finished"), 3);
}

fn slow_reader(model: &'static Model) {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let server = serve_with(model, &["--app", "sink"], |command| {
        command.stdout(Stdio::from(writer));
    });
    // More than all buffers on the way hold, so the client is stopped until the pipe is read.
    let expected = bytes(16 << 20);
    let mut client = server.client();
    let sender = {
        let bytes = expected.clone();
        thread::spawn(move || {
            client.send(bytes);
            client.half_close();
            client.rest()
        })
    };
    let mut read = vec![0; expected.len()];
    reader.read_exact(&mut read).expect("all that was sent");
    assert!(read == expected, "something was lost or changed");
    assert_eq!(sender.join().expect("the sender"), b"");
    let ended = server.stop().well();
    assert_eq!(ended.count("finished"), 1);
}

fn cut(model: &'static Model) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let flags = ["--app", "sink", "--drain-timeout", "1h"];
    let server = serve_with(model, &flags, |command| {
        command.stdout(Stdio::from(writer));
    });
    let mut client = server.client();
    let stuck = client.stream.try_clone().expect("a handle");
    let sender = thread::spawn(move || {
        let bytes = bytes(64 << 20);
        // It fails when the server is cut.
        let _ = std::io::Write::write_all(&mut client.stream, &bytes);
    });
    until("the pipe is full", || {
        rustix::io::ioctl_fionread(&reader).is_ok_and(|there| there >= 60 * 1024)
    });
    assert_eq!(server.cut().well().count("cut"), 1);
    sender.join().expect("the sender");
    drop(stuck);
}

fn no_reader(model: &'static Model) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let server = serve_with(model, &["--app", "sink"], |command| {
        command.stdout(Stdio::from(writer));
    });
    drop(reader);
    let mut client = server.client();
    let sender = thread::spawn(move || {
        // Programs that other tests start hold copies of the pipe's read end for a moment.
        while std::io::Write::write_all(&mut client.stream, b"lost").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let ended = server.ended();
    sender.join().expect("the sender");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let words = "error: cannot write to standard output: Broken pipe";
    assert!(ended.errors.contains(words), "{}", ended.errors);
}
