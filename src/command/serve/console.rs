//! `c10k serve --console`: a server that is ended from its keyboard.
//!
//! The console is a process of its own, and the server is its child: a server that forks must have
//! one thread, so nothing in it may read a keyboard, and a loop must not wait for one. It tells the
//! server what to do with the signals that anybody else could send too.
//!
//! | key | signal | the server |
//! | --- | --- | --- |
//! | Enter; menu 2 | SIGTERM | closes all connections and the listening sockets |
//! | menu 1 | SIGUSR2 | closes the listening sockets |
//! | menu 3 | SIGKILL | is gone; the kernel closes what was open |

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::base::Exit;
use crate::process::{ServeArgs, is_ignored, this_program};

const WELCOME: &str = "Enter stops the server, Ctrl-C opens a menu.\n";
const MENU: &str = "
1      close the listening socket; connected clients stay
2      close all connections and the listening socket
3      leave without closing anything
Enter  go on
Your choice: ";
const NO_CHOICE: &str = "Please choose 1, 2, 3 or Enter. Your choice: ";
const STOPS: &str =
    "All connections are being closed. Press Enter again to stop without waiting for replies.\n";
const CLOSED: &str = "The listening socket is closed. The server ends with its last client.\n";
const LEFT: &str = "The server exits without closing anything; the kernel closes the sockets.\n";
const GONE: &str = "The terminal was closed, so the server stops.\n";

/// Serves in a child process until it ends, and tells it what the keyboard says.
///
/// # Errors
/// When there is no process for it.
pub(super) fn attend(args: &ServeArgs) -> Result<Exit> {
    let signals = Signals::new().context("cannot handle Ctrl-C")?;
    let args = ServeArgs { console: false, attended: true, stop_with_parent: true, ..args.clone() };
    let program = this_program()?;
    let mut command = args.command(program);
    // Ctrl-C goes to the whole group of the terminal, and is the console's alone.
    command.stdin(Stdio::null()).process_group(0);
    let server = ConsoleServer::start(command.spawn().context("cannot start a server process")?)?;
    let mut console = Console {
        server,
        mode: Mode::Serving,
        keyboard: Some(keyboard().context("cannot read the keyboard")?),
        input: Vec::new(),
        stops: false,
        left: false,
    };
    console.attend(&signals)
}

/// Pipes that are readable after a signal.
struct Signals {
    interrupted: UnixStream,
    terminated: UnixStream,
    hung_up: UnixStream,
    /// The other end of `hung_up` where that signal is ignored: closed, it would be readable.
    _ignored: Option<UnixStream>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let pipe_of = |signal| {
            let (reader, writer) = UnixStream::pair()?;
            pipe::register(signal, writer)?;
            io::Result::Ok(reader)
        };
        let (interrupted, terminated) = (pipe_of(SIGINT)?, pipe_of(SIGTERM)?);
        // nohup(1) starts a program that is not to end with its terminal.
        let (hung_up, ignored) = if is_ignored(SIGHUP) {
            let (reader, writer) = UnixStream::pair()?;
            (reader, Some(writer))
        } else {
            (pipe_of(SIGHUP)?, None)
        };
        Ok(Self { interrupted, terminated, hung_up, _ignored: ignored })
    }
}

/// The server process.
struct ConsoleServer {
    child: Child,
    descriptor: OwnedFd,
}

impl ConsoleServer {
    fn start(child: Child) -> Result<Self> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        Ok(Self { child, descriptor: pidfd_open(pid, PidfdFlags::empty())? })
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself, which the console is told of.
        let _ = pidfd_send_signal(&self.descriptor, signal);
    }
}

/// What the console asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Enter, which stops.
    Serving,
    /// A choice from the menu.
    Menu,
}

struct Console {
    server: ConsoleServer,
    mode: Mode,
    /// `None` once it is gone.
    keyboard: Option<OwnedFd>,
    /// The beginning of a line.
    input: Vec<u8>,
    /// Whether the server was told to stop.
    stops: bool,
    /// Whether it was left without closing anything.
    left: bool,
}

impl Console {
    fn attend(&mut self, signals: &Signals) -> Result<Exit> {
        say(WELCOME);
        loop {
            let [ended, interrupted, terminated, hung_up, typed] = self.wait(signals)?;
            if ended {
                let status = self.server.child.wait()?;
                return Ok(self.exit(status));
            }
            if interrupted {
                take(&signals.interrupted);
                self.open_menu();
            }
            if terminated {
                take(&signals.terminated);
                self.stop();
            }
            if hung_up {
                take(&signals.hung_up);
                self.lose_keyboard();
            }
            if typed {
                self.read();
            }
        }
    }

    /// Waits for the end of the server, a signal, or a key; one of each kind, in this order.
    fn wait(&self, signals: &Signals) -> Result<[bool; 5]> {
        let Signals { interrupted, terminated, hung_up, .. } = signals;
        let mut lines = vec![PollFd::new(&self.server.descriptor, PollFlags::IN)];
        let pipes = [interrupted, terminated, hung_up].map(|pipe| PollFd::new(pipe, PollFlags::IN));
        lines.extend(pipes);
        lines.extend(self.keyboard.iter().map(|keys| PollFd::new(keys, PollFlags::IN)));
        rustix::io::retry_on_intr(|| poll(&mut lines, None))?;
        let said = |line: usize| lines.get(line).is_some_and(|line| !line.revents().is_empty());
        Ok([0, 1, 2, 3, 4].map(said))
    }

    fn open_menu(&mut self) {
        self.mode = Mode::Menu;
        // The terminal has dropped what was typed of a line, and so does this.
        self.input.clear();
        say(MENU);
    }

    fn read(&mut self) {
        let mut bytes = [0; 1024];
        let Some(keyboard) = &self.keyboard else { return };
        match rustix::io::read(keyboard, &mut bytes) {
            Ok(n @ 1..) => self.input.extend_from_slice(&bytes[..n]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Its end, or that of the terminal.
            Ok(_) | Err(_) => self.lose_keyboard(),
        }
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            self.hear(line.trim_ascii());
        }
        // No choice is that long: it is a file, or somebody leans on the keyboard.
        if self.input.len() > bytes.len() {
            self.input.clear();
        }
    }

    fn hear(&mut self, line: &[u8]) {
        match (self.mode, line) {
            (Mode::Serving, _) | (Mode::Menu, b"2") => self.stop(),
            (Mode::Menu, b"1") => {
                self.server.signal(Signal::USR2);
                say(CLOSED);
            }
            (Mode::Menu, b"3") => {
                self.left = true;
                self.server.signal(Signal::KILL);
                say(LEFT);
            }
            (Mode::Menu, b"") => {}
            (Mode::Menu, _) => return say(NO_CHOICE),
        }
        self.mode = Mode::Serving;
    }

    fn stop(&mut self) {
        self.stops = true;
        self.server.signal(Signal::TERM);
        say(STOPS);
    }

    /// Nobody could stop the server any more, so it stops; once, however that shows.
    fn lose_keyboard(&mut self) {
        self.keyboard = None;
        if !self.stops {
            say(GONE);
            self.stop();
        }
    }

    fn exit(&self, status: ExitStatus) -> Exit {
        match status.code() {
            Some(code) => Exit::Server(u8::try_from(code).unwrap_or(1)),
            None if self.left => Exit::Ok,
            // It was told before it could hear.
            None if self.stops && status.signal() == Some(SIGTERM) => Exit::Ok,
            // Somebody else has killed it.
            None => Exit::Server(1),
        }
    }
}

/// Standard input, opened once more so that it does not block here and stays as it is for others: Ctrl-C
/// drops what was typed before it, and a read that was about to take that would wait for the next key. What
/// cannot be opened, such as a socket, is read as it is.
fn keyboard() -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open("/proc/self/fd/0", flags, rustix::fs::Mode::empty()) {
        Ok(keyboard) => Ok(keyboard),
        Err(_) => Ok(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 0)?),
    }
}

/// Empties a pipe of signals.
fn take(signals: &UnixStream) {
    // Several signals that came meanwhile are one.
    let _ = rustix::io::read(signals.as_fd(), &mut [0; 64]);
}

/// On standard error: standard output is the server's.
fn say(text: &str) {
    // Whether somebody reads it or not, the server is served.
    let _ = io::stderr().write_all(text.as_bytes());
}
