//! How a server ends without a signal: `--once`, `--until-idle`, `--console`.

use std::fs;
use std::net::{SocketAddr, TcpStream};

use protocol::App;
use rustix::process::{Pid, test_kill_process};
use servers::{Family, Model};

use crate::served::{LineClient, serve, until};
use crate::support::terminal::Terminal;
use crate::{Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(App::Echo, "once_serves_one_client_and_ends_with_it", once),
    row(App::Echo, "once_admits_one_of_many", once_of_many),
    row(App::Echo, "until_idle_ends_with_the_last_of_several", until_idle),
    row(App::Clock, "enter_closes_all", enter),
    row(App::Clock, "a_console_that_ignores_hangups_serves", ignoring),
    row(App::Clock, "the_menu_closes_the_listening_socket_alone", menu_1).concurrent(),
    row(App::Clock, "the_menu_closes_all_whatever_was_answered_before", menu_2),
    row(App::Clock, "the_menu_leaves_without_closing_anything", menu_3),
    row(App::Clock, "a_terminal_that_goes_away_closes_all", gone),
];

/// Whether no server listens there any more.
fn refuses(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

fn once(model: &'static Model) {
    let server = serve(model, &["--app", "echo", "--once"]);
    let mut client = server.client();
    assert_eq!(client.ask("hello"), "hello\n");
    let address = server.address;
    until("nobody else is let in", || refuses(address));
    assert_eq!(client.ask("still there"), "still there\n");
    drop(client);
    let ended = server.ended().well();
    assert_eq!((ended.count("accepted"), ended.count("finished")), (1, 1));
}

fn once_of_many(model: &'static Model) {
    let server = serve(model, &["--app", "echo", "--once"]);
    let clients: Vec<TcpStream> =
        (0..20).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    drop(clients);
    assert_eq!(server.ended().well().count("accepted"), 1);
}

fn until_idle(model: &'static Model) {
    let server = serve(model, &["--app", "echo", "--until-idle"]);
    let mut first = server.client();
    assert_eq!(first.ask("one"), "one\n");
    if model.family != Family::Sequential {
        let mut second = server.client();
        assert_eq!(second.ask("two"), "two\n");
        drop(first);
        assert_eq!(second.ask("still there"), "still there\n");
        first = second;
    }
    drop(first);
    let ended = server.ended().well();
    assert_eq!(ended.count("finished"), ended.count("accepted"));
}

/// A server with its console on a terminal.
struct Attended {
    terminal: Terminal,
    address: SocketAddr,
    pid: Pid,
}

fn attend(model: &Model) -> Attended {
    attend_started_by(&[], model)
}

fn attend_started_by(command: &[&str], model: &Model) -> Attended {
    let serve = ["serve", "--console", "--model", model.name, "--listen", "127.0.0.1:0"];
    let mut terminal = Terminal::started_by(command, &[&serve[..], &["--app", "clock"]].concat());
    terminal.shows(" listens at ");
    let address = terminal.shows(" (process ").parse().expect("an address");
    let pid = terminal.shows(",").parse().ok().and_then(Pid::from_raw).expect("a process id");
    if model.family == Family::Process {
        let threads = fs::read_dir(format!("/proc/{}/task", pid.as_raw_pid()));
        assert_eq!(threads.expect("it lives").count(), 1, "a server that forks has one thread");
    }
    Attended { terminal, address, pid }
}

impl Attended {
    fn client(&self) -> LineClient {
        let mut client = LineClient::connect(self.address);
        assert!(client.line().starts_with("Welcome: "));
        client
    }

    fn opens_menu(&mut self) {
        self.terminal.types("\x03");
        self.terminal.shows("Your choice: ");
    }

    /// Asserts that it has ended with this exit code, and that no process of it is left.
    fn ends(&mut self, code: i32) {
        assert_eq!(self.terminal.ends(), Some(code));
        let pid = self.pid;
        until("the server is gone", || test_kill_process(pid).is_err());
    }
}

fn enter(model: &'static Model) {
    serves_until_enter(attend(model));
}

/// Started as nohup(1) starts a program.
fn ignoring(model: &'static Model) {
    serves_until_enter(attend_started_by(&["env", "--ignore-signal=HUP"], model));
}

fn serves_until_enter(mut console: Attended) {
    let mut client = console.client();
    console.terminal.types("\r");
    assert_eq!(client.line(), "Bye: the server is closing\n");
    assert_eq!(client.rest(), b"");
    drop(client);
    console.terminal.shows("has stopped after");
    console.ends(0);
}

fn menu_1(model: &'static Model) {
    let mut console = attend(model);
    let mut clients = [console.client(), console.client()];
    console.opens_menu();
    console.terminal.types("1\r");
    let address = console.address;
    until("nobody is let in", || refuses(address));
    for client in &mut clients {
        assert!(client.ask("hello").starts_with("Received: "), "the connected go on");
    }
    drop(clients);
    console.terminal.shows("has stopped after");
    console.ends(0);
}

fn menu_2(model: &'static Model) {
    let mut console = attend(model);
    let mut client = console.client();
    console.opens_menu();
    // After nonsense the menu asks again, and Enter alone leads back to serving.
    console.terminal.types("4 please\r");
    console.terminal.shows("Your choice: ");
    console.terminal.types("\r");
    assert!(client.ask("hello").starts_with("Received: "), "it serves on");
    console.opens_menu();
    console.terminal.types("2\r");
    assert_eq!(client.line(), "Bye: the server is closing\n");
    assert_eq!(client.rest(), b"");
    drop(client);
    console.terminal.shows("has stopped after");
    console.ends(0);
}

fn menu_3(model: &'static Model) {
    let mut console = attend(model);
    let mut client = console.client();
    console.opens_menu();
    console.terminal.types("3\r");
    assert_eq!(client.rest(), b"", "the kernel closes, and nothing is said");
    console.ends(0);
}

fn gone(model: &'static Model) {
    let mut console = attend(model);
    let mut client = console.client();
    console.terminal.screen = fs::File::open("/dev/null").expect("it is there");
    assert_eq!(client.line(), "Bye: the server is closing\n", "closed, and not cut");
    assert_eq!(client.rest(), b"");
    drop(client);
    // Its last words go nowhere.
    console.terminal.ends();
    until("the server is gone", || test_kill_process(console.pid).is_err());
}
