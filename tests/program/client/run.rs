//! `c10k client --run`: what the server asks for is run here.

use std::io::{BufRead, BufReader, Read, Write};

use super::{piped, serve};
use crate::support::terminal::Terminal;

#[test]
fn what_is_allowed_is_run_for_the_server_and_nothing_else() {
    let (address, server) = serve(|mut client| {
        let mut results = BufReader::new(client.try_clone().expect("a descriptor"));
        for (command, expected) in [
            ("echo  one two\r\n", &["one two", ". exit 0"][..]),
            ("echo .\n", &["..", ". exit 0"]),
            ("false\n", &[". exit 1"]),
            ("cat\n", &[". exit 0"]),
            ("rm -r /\n", &[". not-allowed"]),
            ("echo $(id);id\n", &["$(id);id", ". exit 0"]),
            ("/bin/echo one\n", &[". not-allowed"]),
            ("\n", &[". not-allowed"]),
            ("sleep 1000\n", &[". time"]),
        ] {
            client.write_all(command.as_bytes()).expect("the client reads");
            for line in expected {
                let mut result = String::new();
                results.read_line(&mut result).expect("a line");
                assert_eq!(result, format!("{line}\n"), "of {command}");
            }
        }
    });
    let allow = ["echo *", "false", "cat", "sleep *"].map(|entry| ["--allow", entry]).concat();
    let options = [&["--run", "-q", "--command-timeout", "100ms"][..], &allow].concat();
    // Typed lines are not sent to the server.
    let (exit, stdout, stderr) = piped(address, &options, b"not a result\n");
    server.join().expect("the server had its results");
    assert_eq!(exit, 0, "{stderr}");
    assert!(String::from_utf8_lossy(&stdout).ends_with("\nsleep 1000\n"), "each line is shown");
}

#[test]
fn what_may_run_is_said_with_run_and_not_without() {
    let (address, _server) = serve(|_| {});
    for (options, part) in [
        (&["--run"][..], "--run runs allowed commands only"),
        (&["--allow", "date"], "--allow is for --run"),
        (&["--run", "--allow", "/bin/date"], "without a path"),
    ] {
        let (exit, _, stderr) = piped(address, options, b"");
        assert!(exit == 2 && stderr.contains(part), "{stderr}");
    }
}

#[test]
fn exit_leaves_whatever_is_left_to_run() {
    let (address, server) = serve(|mut client| {
        client.write_all(b"sleep 1000\nsleep 1001\n").expect("the client reads");
        let mut rest = Vec::new();
        // It may leave with a reset, because it has not read the second command.
        let _ = client.read_to_end(&mut rest);
        assert_eq!(rest, b"", "there is no result yet");
    });
    let run = ["client", &address.to_string(), "--run", "--allow", "sleep *", "--reverse"];
    let mut terminal = Terminal::new(&run);
    terminal.shows("0001 peels");
    terminal.shows("> ");
    terminal.types("hello\r");
    terminal.shows("with --run, typed lines are not sent; salir or exit ends the session");
    terminal.shows("> ");
    terminal.types("exit\r");
    terminal.shows("the client disconnects");
    assert_eq!(terminal.ends(), Some(0));
    server.join().expect("the client has left");
}
