//! `clock`: what it tells a client, and how its sessions end.

use std::os::fd::AsFd;
use std::process::Stdio;

use protocol::App;
use rustix::process::Signal;
use servers::Model;

use crate::served::{Served, serve, serve_with, until};
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Clock, "greets_confirms_and_ends_on_the_word", says),
    row(App::Clock, "tells_who_comes_and_goes", tells),
    row(App::Clock, "says_that_it_closes", closes),
    row(App::Clock, "serves_two_at_a_time", two).concurrent(),
    row(App::Clock, "is_not_stopped_by_who_does_not_read_what_it_tells", unread),
];

/// Whether this is a date and time with its offset from UTC.
pub(crate) fn is_date(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00 00:00:00 +00:00" || shape == "0000-00-00 00:00:00 -00:00"
}

fn start(model: &Model, flags: &[&str]) -> Served {
    serve(model, &[&["--app", "clock"], flags].concat())
}

fn says(model: &'static Model) {
    let server = start(model, &["--bye", "Adiós"]);
    let mut client = server.client();
    let welcome = client.line();
    let date = welcome.trim_end().strip_prefix("Welcome: you are connected since ");
    let date = date.unwrap_or_else(|| panic!("{welcome}")).to_string();
    assert!(is_date(&date), "{welcome}");
    let mut last = 0.0;
    for message in ["hello", "", "salir"] {
        let reply = client.ask(message);
        let begin = format!("Received: you are connected since {date}, for ");
        let seconds = reply.trim_end().strip_prefix(&begin).and_then(|s| s.strip_suffix(" s"));
        let seconds = seconds.and_then(|text| text.parse::<f64>().ok());
        let seconds = seconds.unwrap_or_else(|| panic!("{reply}"));
        assert!(seconds >= last, "{seconds} after {last}");
        last = seconds;
    }
    assert!(client.ask("ADIÓS").starts_with("Bye: you were connected since "));
    assert_eq!(client.rest(), b"");
    drop(client);
    let ended = server.stop().well();
    assert_eq!((ended.count("requests"), ended.count("finished")), (4, 1));
}

fn tells(model: &'static Model) {
    let server = start(model, &[]);
    let mut client = server.client();
    client.line();
    let came = format!("client {}  connected\n", client.address());
    let left = format!("client {}  disconnected\n", client.address());
    until("it says who has come", || server.errors() == came);
    drop(client);
    until("it says who has gone", || server.errors() == format!("{came}{left}"));
    server.stop().well();
}

fn closes(model: &'static Model) {
    let server = start(model, &[]);
    let mut client = server.client();
    client.line();
    server.signal(Signal::TERM);
    assert_eq!(client.line(), "Bye: the server is closing\n");
    assert_eq!(client.rest(), b"");
    drop(client);
    assert_eq!(server.ended().well().count("finished"), 1);
}

fn two(model: &'static Model) {
    let server = start(model, &[]);
    let mut clients = [server.client(), server.client()];
    for client in &mut clients {
        assert!(client.line().starts_with("Welcome: "));
    }
    for client in clients.iter_mut().rev() {
        assert!(client.ask("hello").starts_with("Received: "));
    }
    drop(clients);
    server.stop().well();
}

fn unread(model: &'static Model) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // The smallest pipe: one page.
    rustix::pipe::fcntl_setpipe_size(writer.as_fd(), 4096).expect("a size");
    let told = writer.try_clone().expect("a handle");
    let server = serve_with(model, &["--app", "clock"], |command| {
        command.stderr(Stdio::from(told));
    });
    let fill = |byte: &[u8]| rustix::io::write(writer.as_fd(), byte);
    rustix::io::ioctl_fionbio(writer.as_fd(), true).expect("a pipe");
    while fill(b".").is_ok() {}
    rustix::io::ioctl_fionbio(writer.as_fd(), false).expect("a pipe");
    let mut client = server.client();
    assert!(client.line().starts_with("Welcome: "));
    assert!(client.ask("hello").starts_with("Received: "));
    drop(client);
    server.stop().well();
    drop(reader);
}
