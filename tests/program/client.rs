//! `c10k client` from a pipe and on a terminal, with servers that behave in different ways.

mod run;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::c10k;
use crate::support::terminal::Terminal;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcgetattr;

/// A server of one client, which it handles as the test says.
fn serve(manner: impl FnOnce(TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (address, thread::spawn(move || manner(listener.accept().expect("a client").0)))
}

/// Answers each line with itself, as echo does, and closes when the client has ended.
fn echo(client: TcpStream) {
    let mut out = client.try_clone().expect("a descriptor");
    let mut lines = BufReader::new(client);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        out.write_all(&line).expect("the client reads");
        line.clear();
    }
}

/// Starts the client on pipes.
fn start(address: SocketAddr, options: &[&str]) -> Child {
    let mut command = c10k();
    command.args(["client", &address.to_string()]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// Runs the client on a pipe. Returns the exit code, standard output and standard error.
fn piped(address: SocketAddr, options: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
    // On a busy machine a reply may take longer than the default wait.
    let patient: &[&str] = if options.contains(&"--wait") { &[] } else { &["--wait", "60s"] };
    let mut child = start(address, &[options, patient].concat());
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // It may end before it has read everything.
    let writing = thread::spawn(move || stdin.write_all(&input));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let _ = writing.join();
    (status.code().expect("not killed"), stdout, String::from_utf8(stderr).expect("text"))
}

#[test]
fn lines_of_a_pipe_are_answered_and_timed_and_the_end_of_input_half_closes() {
    let (address, server) = serve(echo);
    let (exit, stdout, stderr) = piped(address, &[], b"one\ntwo\nand no line feed");
    assert_eq!((exit, &stdout[..]), (0, &b"one\ntwo\nand no line feed"[..]), "{stderr}");
    for part in [
        "connected to 127.0.0.1:",
        "reply 3 after ",
        "the client ended its input, then the server closed",
        "3 messages, 3 replies: median ",
    ] {
        assert!(stderr.contains(part), "no '{part}' in {stderr}");
    }
    server.join().expect("the server saw the end");
}

#[test]
fn quiet_leaves_only_what_the_server_says() {
    let (address, _server) = serve(echo);
    assert_eq!(piped(address, &["--quiet"], b"one\n"), (0, b"one\n".to_vec(), String::new()));
}

#[test]
fn bytes_that_are_no_text_pass_a_pipe_unchanged() {
    let (address, _server) = serve(echo);
    let bytes = b"\xff\xfe\0 \x1b[2J\r\nlast\n";
    assert_eq!(piped(address, &["-q"], bytes).1, bytes);
}

#[test]
fn a_server_without_line_ends_is_asked_one_message_at_a_time() {
    let (address, _server) = serve(|mut client| {
        let mut buffer = [0; 100];
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            client.write_all(format!("<{text}>").as_bytes()).expect("the client reads");
        }
    });
    let (exit, stdout, stderr) = piped(address, &["--raw"], b"22 9\n3 4\n");
    assert_eq!((exit, &stdout[..]), (0, &b"<22 9>\n<3 4>\n"[..]), "{stderr}");
}

#[test]
fn a_reply_without_a_line_end_is_shown_all_the_same() {
    let (address, server) = serve(|mut client| {
        let mut buffer = [0; 100];
        client.read_exact(&mut buffer[..5]).expect("a message");
        client.write_all(b"198").expect("the client reads");
        // The server keeps the connection until the client has ended, which must not wait for it.
        while !matches!(client.read(&mut buffer), Ok(0) | Err(_)) {}
    });
    let (exit, stdout, stderr) = piped(address, &[], b"22 9\n");
    assert_eq!((exit, &stdout[..]), (0, &b"198"[..]), "{stderr}");
    assert!(stderr.contains("reply 1 after"), "{stderr}");
    server.join().expect("the client ended");
}

#[test]
fn a_word_in_any_letter_case_ends_the_session_after_it_was_sent() {
    for (options, word) in [(&[][..], "Salir"), (&[], "exit"), (&["--bye", "FIN"], "fin")] {
        let (address, _server) = serve(echo);
        let input = format!("one\n{word}\nnever sent\n");
        let (exit, stdout, stderr) = piped(address, options, input.as_bytes());
        assert_eq!((exit, stdout), (0, format!("one\n{word}\n").into_bytes()), "{stderr}");
    }
}

#[test]
fn a_server_that_answers_nothing_gets_everything_without_more_waiting() {
    let (address, server) = serve(|mut client| {
        let mut got = Vec::new();
        client.read_to_end(&mut got).expect("the client's end");
        assert_eq!(got.len(), 30_000);
    });
    let (exit, stdout, stderr) = piped(address, &["--wait", "50ms"], &b"123456789\n".repeat(3000));
    assert_eq!((exit, stdout), (0, vec![]), "{stderr}");
    assert!(stderr.contains("no reply for 50ms (--wait)"), "{stderr}");
    server.join().expect("all of it arrived");
}

#[test]
fn a_server_that_reads_nothing_while_it_writes_stops_neither_end() {
    const BYTES: usize = 30_000_000;
    let (address, _server) = serve(|mut client| {
        // Neither end can write all of this before the other reads.
        client.write_all(&vec![b'x'; BYTES]).expect("the client reads");
        echo(client);
    });
    let (exit, stdout, _) = piped(address, &["-q", "--wait", "50ms"], &vec![b'y'; BYTES]);
    assert_eq!((exit, stdout.len()), (0, 2 * BYTES));
}

#[test]
fn a_server_that_closes_first_is_named_and_what_was_not_sent_is_an_error() {
    let once = |client: TcpStream| {
        let mut lines = BufReader::new(client.try_clone().expect("a descriptor"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        (&client).write_all(line.as_bytes()).expect("the client reads");
    };
    let (address, _server) = serve(once);
    let (exit, stdout, stderr) = piped(address, &[], b"one\n");
    assert_eq!((exit, stdout), (0, b"one\n".to_vec()), "{stderr}");
    let (address, _server) = serve(once);
    let (exit, stdout, stderr) = piped(address, &[], b"one\ntwo\nthree\n");
    assert_eq!((exit, stdout), (1, b"one\n".to_vec()), "{stderr}");
    let told = "the server closed before all input was sent";
    let reset = "the server reset the connection";
    assert!(stderr.contains(told) || stderr.contains(reset), "{stderr}");
}

#[test]
fn a_reset_is_told_from_an_end() {
    let (address, _server) = serve(|mut client| {
        client.read_exact(&mut [0; 4]).expect("a message");
        let linger = rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO));
        linger.expect("allowed");
    });
    let (exit, _, stderr) = piped(address, &[], b"one\n");
    assert_eq!(exit, 1);
    assert!(stderr.contains("reset the connection: it closed with unread input"), "{stderr}");
}

#[test]
fn a_server_that_never_closes_is_left_after_the_end_of_input() {
    let (go, wait) = std::sync::mpsc::channel();
    let (address, _server) = serve(move |client| {
        let _ = wait.recv();
        drop(client);
    });
    let (exit, _, stderr) = piped(address, &["--patience", "50ms", "--wait", "1ms"], b"one\n");
    drop::<std::sync::mpsc::Sender<()>>(go);
    assert_eq!(exit, 1);
    assert!(stderr.contains("kept the connection open for 50ms after the end"), "{stderr}");
}

#[test]
fn no_server_is_an_error_that_says_what_to_do() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gone.local_addr().expect("bound");
    drop(gone);
    let (exit, _, stderr) = piped(address, &[], b"");
    assert_eq!(exit, 1);
    assert!(stderr.contains("is a server listening there?"), "{stderr}");
    let output = c10k().args(["client", "localhost"]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && stderr.contains("an address and a port"), "{stderr}");
}

#[test]
fn each_line_of_the_server_is_shown_reversed_too() {
    let (address, _server) = serve(echo);
    let (_, stdout, _) = piped(address, &["-q", "--reverse"], "date -u\nan\u{303}o\n".as_bytes());
    assert_eq!(
        String::from_utf8(stdout).expect("text"),
        "date -u\nu- etad\nan\u{303}o\non\u{303}a\n"
    );
}

/// The client on a terminal of its own.
fn on_terminal(address: SocketAddr) -> Terminal {
    Terminal::new(&["client", &address.to_string()])
}

#[test]
fn on_a_terminal_lines_are_edited_and_answered_and_control_d_ends_the_input() {
    let (address, server) = serve(echo);
    let mut terminal = on_terminal(address);
    terminal.shows("Ctrl-D or salir or exit ends the input");
    terminal.shows("> ");
    // Control-A goes to the beginning of the line.
    terminal.types("world\x01hello \r");
    terminal.shows("hello world  [");
    terminal.types("\x1b[A\r");
    terminal.shows("hello world  [");
    terminal.shows("> ");
    terminal.types("\x04");
    terminal.shows("the client ended its input, then the server closed");
    terminal.shows("2 messages, 2 replies");
    assert_eq!(terminal.ends(), Some(0));
    server.join().expect("the server saw the end");
    use rustix::termios::LocalModes;
    let modes = tcgetattr(&terminal.other_end).expect("the terminal").local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "{modes:?}");
}

#[test]
fn what_comes_while_a_line_is_edited_is_shown_above_it() {
    let (typed, tell) = std::sync::mpsc::channel::<()>();
    let (address, _server) = serve(move |mut client| {
        tell.recv().expect("told");
        client.write_all(b"news \x1b[2J\xff\n").expect("the client reads");
        echo(client);
    });
    let mut terminal = on_terminal(address);
    terminal.shows("> ");
    terminal.types("half a li");
    terminal.shows("half a li");
    typed.send(()).expect("it waits");
    // The terminal does not interpret anything that a server sends.
    terminal.shows("news \\u{1b}[2J\\xff");
    terminal.shows("> half a li");
    terminal.types("ne\r");
    terminal.shows("half a line  [");
    // A key between two prompts would go to the terminal's own line, and be lost.
    terminal.shows("> ");
    terminal.types("\x04");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn a_server_that_closes_is_told_to_who_sits_at_the_prompt_and_the_terminal_is_given_back() {
    let (close, told) = std::sync::mpsc::channel::<()>();
    let (address, _server) = serve(move |client| {
        let _ = told.recv();
        client.shutdown(Shutdown::Both).expect("connected");
    });
    let mut terminal = on_terminal(address);
    terminal.shows("> ");
    terminal.types("half a li");
    terminal.shows("half a li");
    close.send(()).expect("it waits");
    terminal.shows("the server closed first");
    assert_eq!(terminal.ends(), Some(0));
    use rustix::termios::LocalModes;
    let modes = tcgetattr(&terminal.other_end).expect("the terminal").local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "{modes:?}");
}

#[test]
fn control_c_leaves_at_once() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (address, _server) = serve(move |client| {
        let _ = wait.recv();
        drop(client);
    });
    let mut terminal = on_terminal(address);
    terminal.shows("> ");
    terminal.types("\x03");
    terminal.shows("the client disconnects");
    assert_eq!(terminal.ends(), Some(130));
    drop(go);
}

#[test]
fn a_signal_without_an_editor_ends_the_client_with_its_last_words_too() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (arrived, has_arrived) = std::sync::mpsc::channel::<()>();
        let (address, server) = serve(move |mut client| {
            client.read_exact(&mut [0; 4]).expect("a line");
            arrived.send(()).expect("it is waited for");
            let _ = client.read_to_end(&mut Vec::new());
        });
        let mut client = start(address, &[]);
        let mut stdin = client.stdin.take().expect("a pipe");
        stdin.write_all(b"one\n").expect("it is read");
        has_arrived.recv().expect("the line arrives");
        kill_process(Pid::from_child(&client), signal).expect("it is there");
        let status = client.wait().expect("it ends");
        drop(stdin);
        let mut said = String::new();
        client.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(130), "{signal:?}: {status}: {said}");
        assert!(said.contains("the client disconnects\n* 1 message"), "{signal:?}: {said}");
        server.join().expect("the connection ended");
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_client_and_its_connection() {
    let (arrived, has_arrived) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(move |mut client| {
        client.read_exact(&mut [0; 4]).expect("a line");
        arrived.send(()).expect("it is waited for");
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    });
    let mut terminal = on_terminal(address);
    terminal.shows("> ");
    terminal.types("one\r");
    // A prompt only shows that the line is on the screen. If the terminal goes away now, the line is lost with it.
    has_arrived.recv().expect("the line arrives");
    let Terminal { screen, child, .. } = &mut terminal;
    // Close the last descriptor of the terminal's side.
    *screen = File::open("/dev/null").expect("it is there");
    child.wait().expect("it ends");
    server.join().expect("the connection ended");
}

#[test]
fn a_server_on_a_terminal_says_in_words_where_it_listens_and_json_where_it_is_asked() {
    let mut terminal = Terminal::new(&["serve", "epoll", "--listen", "127.0.0.1:0"]);
    let before = terminal.shows("epoll listens at 127.0.0.1:");
    assert!(!before.contains('{'), "{before}");
    let port = terminal.shows(" (process");
    terminal.shows(&format!("Try c10k client 127.0.0.1:{port}; Ctrl-C stops it."));
    terminal.types("\x03");
    terminal.shows("epoll has stopped after");
    terminal.shows("0 connections, 0 requests.");
    assert_eq!(terminal.ends(), Some(0));
    let mut terminal = Terminal::new(&["serve", "epoll", "--listen", "127.0.0.1:0", "--json"]);
    terminal.shows(r#"{"event":"ready""#);
    terminal.types("\x03");
    terminal.shows(r#"{"event":"stopped""#);
    assert_eq!(terminal.ends(), Some(0));
}
