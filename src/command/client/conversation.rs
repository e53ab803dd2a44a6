//! The loop: it serves the input or the socket, whichever is ready first.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::ClientArgs;
use super::input::Input;
use super::output::{Output, Said, times_in_words};
use super::runner::Runner;
use crate::base::Exit;
use crate::base::units::counted;

/// An incomplete line is shown after this time.
const BEGUN: Duration = Duration::from_millis(200);
/// A line longer than this is shown without its end.
const LINE_BYTES: usize = 64 * 1024;

/// One connection, from the first message to its end.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    stream: TcpStream,
    input: Input,
    output: Output,
    args: &'a ClientArgs,
    /// What runs the server's lines, with `--run`.
    runner: Option<Runner>,
    /// Whether the user has ended the session.
    leaves: bool,
    /// Input that is not yet passed to the kernel.
    unsent: Vec<u8>,
    /// A part of a line of the server.
    begun: Vec<u8>,
    /// When the first message was sent that nothing has come after yet.
    asked_at: Option<Instant>,
    /// How long after that something came; it is shown with what came first.
    after: Option<Duration>,
    /// The next message waits until then for a reply to the last.
    held_until: Option<Instant>,
    /// Whether messages wait for replies.
    holds: bool,
    /// When something last happened.
    active_at: Instant,
    half_closed: bool,
    messages: u64,
    times: Vec<f64>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The server closed.
    Closed,
    /// The server's end was a reset.
    Reset,
    /// The server does not close although there is nothing more to come.
    KeptOpen,
    /// The user pressed Ctrl-C, or another signal asked for the end.
    Left,
    /// The user said so, where what is typed is not sent.
    Bye,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        stream: TcpStream,
        input: Input,
        output: Output,
        args: &'a ClientArgs,
        runner: Option<Runner>,
    ) -> Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let holds = !input.is_typed() && runner.is_none();
        Ok(Self {
            stream,
            input,
            output,
            args,
            runner,
            leaves: false,
            unsent: Vec::new(),
            begun: Vec::new(),
            asked_at: None,
            after: None,
            held_until: None,
            holds,
            active_at: Instant::now(),
            half_closed: false,
            messages: 0,
            times: Vec::new(),
        })
    }

    /// Runs until either end is done, and returns which.
    ///
    /// # Errors
    /// When the session does not end normally.
    pub(super) fn hold(mut self) -> Result<Exit> {
        let ending = loop {
            if self.runner.is_some() {
                self.take_orders()?
            } else {
                self.take_messages()?
            }
            if self.input.was_interrupted() {
                break Ending::Left;
            }
            if self.leaves {
                break Ending::Bye;
            }
            self.run()?;
            let (input, server) = self.wait()?;
            if input {
                self.input.read();
            }
            if server && let Some(ending) = self.receive()? {
                break ending;
            }
            self.what_is_overdue()?;
            if self.half_closed && self.active_at.elapsed() >= self.args.patience {
                break Ending::KeptOpen;
            }
        };
        self.conclude(ending)
    }

    /// With `--run`: nothing that is typed is sent, and a word ends it all, whatever is left to run.
    fn take_orders(&mut self) -> Result<()> {
        while let Some(message) = self.input.next() {
            if self.is_bye(&message) {
                self.leaves = true;
            } else if !message.trim_ascii().is_empty() {
                let words = self.args.bye.join(" or ");
                self.output.note(&format!(
                    "with --run, typed lines are not sent; {words} ends the session"
                ))?;
            }
        }
        // The end of a file is no word of a user.
        self.leaves |= self.input.is_typed() && self.input.is_exhausted();
        Ok(())
    }

    /// Goes on with the server's commands, as long as it takes what they write.
    fn run(&mut self) -> Result<()> {
        while self.unsent.is_empty()
            && let Some(runner) = &mut self.runner
        {
            let ended = runner.advance(&mut self.unsent);
            if self.unsent.is_empty() {
                break;
            }
            self.send()?;
            if let Some(how) = ended {
                self.messages += 1;
                self.output.note(&format!("sent the result: {how}"))?;
            } else {
                // There may be more of it for ever, and the user has a word too.
                break;
            }
        }
        Ok(())
    }

    fn is_bye(&self, message: &[u8]) -> bool {
        let word = String::from_utf8_lossy(message).trim().to_lowercase();
        self.args.bye.iter().any(|bye| bye.to_lowercase() == word)
    }

    /// Takes messages off the input as long as they may be sent, and sends them.
    fn take_messages(&mut self) -> Result<()> {
        while self.unsent.is_empty()
            && self.held_until.is_none()
            && let Some(mut message) = self.input.next()
        {
            let ended = message.ends_with(b"\n");
            if self.is_bye(&message) {
                self.input.close();
            }
            if self.args.raw && ended {
                message.pop();
            }
            if !message.is_empty() {
                self.messages += 1;
                self.unsent = message;
                self.send()?;
            }
        }
        if self.input.is_exhausted() && self.unsent.is_empty() && !self.half_closed {
            self.half_closed = true;
            self.active_at = Instant::now();
            // The server may have closed already: then reading says so.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => {
                    self.unsent.drain(..n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the server said before it closed is still to be read.
                Err(_) => return Ok(()),
            }
        }
        let now = Instant::now();
        self.active_at = now;
        self.asked_at.get_or_insert(now);
        if self.holds {
            self.held_until = Some(now + self.args.wait);
        }
        Ok(())
    }

    /// Sleeps until the input or the server has something, or something is overdue.
    fn wait(&mut self) -> Result<(bool, bool)> {
        let free = self.unsent.is_empty() && self.held_until.is_none();
        let reads = !self.input.is_over() && (free || self.runner.is_some());
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, self.runner.as_ref().is_none_or(Runner::has_room));
        wanted.set(PollFlags::OUT, !self.unsent.is_empty());
        let timeout = self.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
        // Rounded up: a wait that ends too early would be repeated many times.
        let timeout = timeout.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        });
        let input = self.input.fd();
        let mut fds = vec![
            PollFd::new(&self.stream, wanted),
            PollFd::from_borrowed_fd(self.input.interrupts(), PollFlags::empty()),
        ];
        if reads {
            fds.push(PollFd::new(&input, PollFlags::IN));
        }
        // Not while the server does not take what the command has written already.
        let runner = self.runner.iter().filter(|_| self.unsent.is_empty());
        let commands = runner.flat_map(Runner::watched);
        fds.extend(commands.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => bail!("cannot wait: {error}"),
        }
        let ready: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        drop(fds);
        if ready[0].contains(PollFlags::OUT) {
            self.send()?;
        }
        let server = ready[0].intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
        Ok((reads && !ready[2].is_empty(), server))
    }

    fn next_deadline(&self) -> Option<Instant> {
        // A command is whole, or none.
        let begun =
            (!self.begun.is_empty() && self.runner.is_none()).then(|| self.active_at + BEGUN);
        let patience = self.half_closed.then(|| self.active_at + self.args.patience);
        [self.held_until, begun, patience].into_iter().flatten().min()
    }

    fn what_is_overdue(&mut self) -> Result<()> {
        let now = Instant::now();
        if !self.begun.is_empty() && self.runner.is_none() && now >= self.active_at + BEGUN {
            self.show_begun()?;
        }
        if self.held_until.is_some_and(|until| now >= until) {
            self.held_until = None;
            self.holds = false;
            let waited = humantime::format_duration(self.args.wait);
            self.output.note(&format!(
                "no reply for {waited} (--wait): sending the rest without waiting"
            ))?;
        }
        Ok(())
    }

    /// Reads once; says how it ended, if it did.
    fn receive(&mut self) -> Result<Option<Ending>> {
        let mut buffer = [0; LINE_BYTES];
        let n = match self.stream.read(&mut buffer) {
            Ok(0) => return Ok(Some(Ending::Closed)),
            Ok(n) => n,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(None);
            }
            Err(_) => return Ok(Some(Ending::Reset)),
        };
        self.active_at = Instant::now();
        self.held_until = None;
        if let Some(asked_at) = self.asked_at.take() {
            let after = self.active_at - asked_at;
            self.times.push(after.as_secs_f64() * 1e9);
            self.after = Some(after);
        }
        let mut rest = &buffer[..n];
        if self.args.raw {
            let bytes = rest.strip_suffix(b"\n").unwrap_or(rest);
            self.show(bytes, true, false)?;
            return Ok(None);
        }
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            let line = std::mem::take(&mut self.begun);
            self.show(&line, true, false)?;
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() >= LINE_BYTES {
            if self.runner.is_some() {
                bail!(
                    "the server sent {LINE_BYTES} bytes without a line end: that is not a command"
                );
            }
            self.show_begun()?;
        }
        Ok(None)
    }

    /// Shows a part of a line: it is long, or its end does not come.
    fn show_begun(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.begun);
        self.show(&line, false, line.len() < LINE_BYTES)
    }

    fn show(&mut self, bytes: &[u8], ended: bool, lacks_line_end: bool) -> Result<()> {
        let after = self.after.take();
        self.output.said(Said { bytes, ended, after, lacks_line_end })?;
        if self.args.reverse {
            self.output.reversed(bytes)?;
        }
        if let Some(runner) = self.runner.as_mut().filter(|_| ended) {
            runner.ask(bytes.strip_suffix(b"\r").unwrap_or(bytes));
        }
        Ok(())
    }

    fn conclude(mut self, ending: Ending) -> Result<Exit> {
        if !self.begun.is_empty() {
            self.show_begun()?;
        }
        let who = match ending {
            Ending::Closed if self.half_closed => {
                "the client ended its input, then the server closed"
            }
            Ending::Closed => "the server closed first",
            Ending::Reset => "the server reset the connection",
            Ending::KeptOpen => "the client disconnects before the server has closed",
            Ending::Left | Ending::Bye => "the client disconnects",
        };
        self.output.note(who)?;
        let what = if self.runner.is_some() { "result" } else { "message" };
        let counts = counted(self.messages, what) + &times_in_words(&self.times);
        self.output.note(&counts)?;
        if ending == Ending::Left {
            return Ok(Exit::Interrupted);
        }
        let owes = self.runner.as_ref().is_some_and(Runner::is_busy);
        let lost = !self.unsent.is_empty() || self.runner.is_none() && self.input.has_more();
        // The terminal is to be as it was before an error is printed.
        drop(self.input);
        match ending {
            Ending::Closed if owes => bail!("the server closed before the last result was sent"),
            Ending::Closed if lost => bail!("the server closed before all input was sent"),
            Ending::Reset => bail!(
                "the server reset the connection: it closed with unread input, or its process ended"
            ),
            Ending::KeptOpen => bail!(
                "the server kept the connection open for {} after the end of the input (--patience): a server \
                 should close when its client has closed",
                humantime::format_duration(self.args.patience)
            ),
            _ => Ok(Exit::Ok),
        }
    }
}
