//! `chat`: every client receives what one client sends.

#[path = "chat/trouble.rs"]
mod trouble;

use std::io::Write;
use std::thread;

use protocol::App;
use servers::Model;

use crate::served::{LineClient, Served, serve};
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Chat, "tells_everyone_who_comes_what_is_said_and_who_leaves", transcript),
    row(App::Chat, "tells_all_in_one_order_however_many_speak_at_once", one_order),
    row(App::Chat, "disconnects_who_reads_nothing_and_tells_the_others_on", trouble::slow_reader),
    row(App::Chat, "goes_on_when_a_member_vanishes_while_it_is_told", trouble::vanishing),
    row(App::Chat, "says_and_delivers_what_had_come_before_it_stops", stop),
    row(App::Chat, "is_cut_while_a_member_takes_nothing", trouble::cut),
    row(App::Chat, "sheds_newcomers_when_descriptors_run_out_and_goes_on", trouble::descriptors),
    row(App::Chat, "sheds_newcomers_when_there_is_no_thread_for_them", trouble::threads).threaded(),
    row(App::Chat, "takes_a_read_for_a_message_and_adds_nothing_to_it", raw),
    row(App::Chat, "uses_the_words_it_is_told_to", labels),
    row(App::Chat, "refuses_a_line_that_is_too_long_and_ends_only_its_member", too_long),
    row(App::Chat, "takes_silence_for_no_fault_and_taking_nothing_for_one", trouble::silence),
    row(App::Chat, "holds_a_crowd_and_tells_each_of_it", crowd),
];

/// A member that has received the notice of its own joining.
fn member(server: &Served) -> LineClient {
    let mut client = server.client();
    let address = client.address();
    assert_eq!(client.line(), format!("[{address}] (connected)\n"));
    client
}

fn transcript(model: &'static Model) {
    let server = serve(model, &["--app", "chat"]);
    let (mut a, mut b) = (member(&server), member(&server));
    let (first, second) = (a.address(), b.address());
    assert_eq!(a.line(), format!("[{second}] (connected)\n"));
    a.send("hej\n");
    let said = format!("[{first}] hej\n");
    assert_eq!((a.line(), b.line()), (said.clone(), said));
    // A line in pieces, several at once, an empty one, and one with the line end of telnet.
    b.send("on");
    b.send("e\r\n\ntwo\nlast");
    for line in ["one", "", "two"] {
        let said = format!("[{second}] {line}\n");
        assert_eq!((a.line(), b.line()), (said.clone(), said));
    }
    // The end of its input ends its last line. It receives everything up to there, but not the notice
    // of its own leaving.
    b.half_close();
    let last = format!("[{second}] last\n");
    assert_eq!(String::from_utf8_lossy(&b.rest()), last);
    assert_eq!(a.line(), last);
    assert_eq!(a.line(), format!("[{second}] (disconnected)\n"));
    // Bytes that are not text pass unchanged.
    a.stream.write_all(b"\xff\xfe\0\x80\n").expect("it takes all bytes");
    a.half_close();
    assert_eq!(a.rest(), [format!("[{first}] ").as_bytes(), b"\xff\xfe\0\x80\n"].concat());
    let ended = server.stop().well();
    let counts = ["accepted", "finished", "requests", "requests_refused"];
    assert_eq!(counts.map(|name| ended.count(name)), [2, 2, 6, 0]);
    assert_eq!(ended.errors, "", "the room tells its members and not the log");
}

const SPEAKERS: usize = 6;
const MESSAGES: usize = 300;

fn one_order(model: &'static Model) {
    let server = serve(model, &["--app", "chat"]);
    let mut members: Vec<LineClient> = (0..SPEAKERS).map(|_| member(&server)).collect();
    for (n, member) in members.iter_mut().enumerate() {
        // The notices of all members that joined after it.
        (n + 1..SPEAKERS).for_each(|_| drop(member.line()));
    }
    let speak = |client: &LineClient, who: usize| {
        let mut stream = client.stream.try_clone().expect("a handle");
        thread::spawn(move || {
            for n in 0..MESSAGES {
                stream.write_all(format!("{who} {n}\n").as_bytes()).expect("it is read");
            }
        })
    };
    let speakers: Vec<_> =
        members.iter().enumerate().map(|(who, client)| speak(client, who)).collect();
    let hear = |mut client: LineClient| {
        thread::spawn(move || -> Vec<String> {
            (0..SPEAKERS * MESSAGES).map(|_| client.line()).collect()
        })
    };
    let listeners: Vec<_> = members.into_iter().map(hear).collect();
    speakers.into_iter().for_each(|speaker| speaker.join().expect("a speaker"));
    let heard: Vec<_> = listeners.into_iter().map(|one| one.join().expect("a listener")).collect();
    for other in &heard[1..] {
        assert!(other[..] == heard[0][..], "two listeners were told in different orders");
    }
    let mut next = [0; SPEAKERS];
    for line in &heard[0] {
        let said = line.trim_end().split_once("] ").expect("a name").1;
        let (who, n) = said.split_once(' ').expect("two numbers");
        let who: usize = who.parse().expect("a speaker");
        assert_eq!(n, next[who].to_string(), "of speaker {who}");
        next[who] += 1;
    }
    assert_eq!(next, [MESSAGES; SPEAKERS]);
    server.stop().well();
}

fn stop(model: &'static Model) {
    let server = serve(model, &["--app", "chat"]);
    let mut members: Vec<LineClient> = (0..5).map(|_| member(&server)).collect();
    // Each member has sent something, and all but the last read nothing before the stop.
    for member in &mut members {
        let lines: String = (0..200).map(|n| format!("{n} {}\n", "x".repeat(100))).collect();
        member.send(lines);
        member.send("half a line");
    }
    let ended = thread::spawn(move || server.stop());
    let told: Vec<Vec<u8>> = members.iter_mut().map(LineClient::rest).collect();
    let ended = ended.join().expect("it ends").well();
    let last = String::from_utf8_lossy(&told[4]).into_owned();
    assert_eq!(last.lines().count(), 5 * 200, "complete lines are said, and no others");
    for told in &told {
        assert!(told.ends_with(last.as_bytes()), "each is told all of it, in one order");
    }
    let counts = ["finished", "requests", "cut"].map(|name| ended.count(name));
    assert_eq!(counts, [5, 1000, 0]);
}

fn raw(model: &'static Model) {
    let server = serve(model, &["--app", "chat", "--framing", "raw"]);
    let mut client = server.client();
    let name = format!("[{}] ", client.address());
    let mut told = format!("{name}(connected)").into_bytes();
    // Like the classroom's clients: the next message is sent when the last one has been delivered.
    let told_so_far = |client: &mut LineClient, told: &[u8]| {
        let mut read = vec![0; told.len()];
        std::io::Read::read_exact(&mut client.stream, &mut read).expect("it is told");
        assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(told));
    };
    told_so_far(&mut client, &told);
    for message in [&b"hola"[..], b"two\nlines", b"\xff\x00"] {
        client.send(message);
        told = [name.as_bytes(), message].concat();
        told_so_far(&mut client, &told);
    }
    client.half_close();
    assert_eq!(client.rest(), b"", "nothing was added");
    server.stop().well();
}

fn labels(model: &'static Model) {
    for (flags, joined, left) in [
        (&["--labels", "sv"][..], "ansluten", "frånkopplad"),
        (&["--labels", "es", "--left-label", "se fue"], "conectado", "se fue"),
    ] {
        let server = serve(model, &[&["--app", "chat"], flags].concat());
        let mut first = server.client();
        let name = format!("[{}]", first.address());
        assert_eq!(first.line(), format!("{name} ({joined})\n"));
        let mut second = server.client();
        let name = format!("[{}]", second.address());
        assert_eq!(second.line(), format!("{name} ({joined})\n"));
        drop(second);
        assert_eq!(first.line(), format!("{name} ({joined})\n"));
        assert_eq!(first.line(), format!("{name} ({left})\n"));
        assert_eq!(server.ready["settings"]["left_label"], left);
        server.stop().well();
    }
}

fn too_long(model: &'static Model) {
    let server = serve(model, &["--app", "chat"]);
    let mut listener = member(&server);
    let mut longest = member(&server);
    listener.line();
    // The longest possible line, and one byte more.
    let text = "x".repeat(64 * 1024 - 1);
    longest.send(format!("{text}\n"));
    let said = format!("[{}] {text}\n", longest.address());
    assert!(listener.line() == said && longest.line() == said);
    longest.send(format!("before\n{text}xx\nafter\n"));
    let name = format!("[{}] ", longest.address());
    let rest = String::from_utf8_lossy(&longest.rest()).into_owned();
    assert!(rest.starts_with(&format!("{name}before\nERR too-long ")), "{rest:.80}");
    assert_eq!(listener.line(), format!("{name}before\n"));
    assert_eq!(listener.line(), format!("{name}(disconnected)\n"));
    assert_eq!(listener.ask("on"), format!("[{}] on\n", listener.address()));
    let ended = server.stop().well();
    assert_eq!((ended.count("finished"), ended.count("requests_refused")), (2, 1));
}

fn crowd(model: &'static Model) {
    const CROWD: usize = 300;
    let server = serve(model, &["--app", "chat"]);
    let mut members: Vec<LineClient> = (0..CROWD).map(|_| member(&server)).collect();
    for n in 0..3 {
        members[n * 100].send(format!("message {n}\n"));
    }
    for (n, member) in members.iter_mut().enumerate() {
        for _ in n + 1..CROWD {
            assert!(member.line().ends_with("(connected)\n"));
        }
        let mut said: Vec<String> = (0..3).map(|_| member.line()).collect();
        said.sort_by_key(|line| line.split_once("] ").map(|(_, said)| said.to_string()));
        for (n, line) in said.iter().enumerate() {
            assert!(line.ends_with(&format!("] message {n}\n")), "{line}");
        }
    }
    drop(members);
    let ended = server.stop().well();
    let counts = ["finished", "reset"].map(|name| ended.count(name));
    assert_eq!(counts.iter().sum::<u64>(), CROWD as u64);
}
