//! `shell`: runs its clients' commands, and limits how many run at once in all processes of the
//! server.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use protocol::Ran;

use crate::commands::{
    Advance, AllowList, End, Limits, Refusal, Running, keep_inherited_descriptors,
    reap_in_background,
};
use crate::net::Server;
use crate::processes;
use crate::processes::shared::Page;

/// The settings of `shell`.
#[derive(Clone, Debug)]
pub struct ShellConfig {
    /// The allowed commands.
    pub allow: AllowList,
    /// The limits of one command.
    pub limits: Limits,
    /// Maximum number of commands that run at once.
    pub at_once: usize,
    /// Whether every reply ends with a line about how its command ended.
    pub status: bool,
    /// Whether clients of other machines may come too.
    pub from_anywhere: bool,
}

impl Default for ShellConfig {
    fn default() -> Self {
        Self {
            allow: AllowList::default(),
            limits: Limits { time: Duration::from_secs(10), output: 1 << 20 },
            at_once: 32,
            status: false,
            from_anywhere: false,
        }
    }
}

/// Descriptors that a command takes: its output, its end, its time; and for a moment the other end of
/// the first.
pub(crate) const DESCRIPTORS: usize = 4;

/// The server whose clients have commands run. A process has one.
static SERVER: OnceLock<(&Server, &Page)> = OnceLock::new();

/// Prepares for commands. Call it once signals are as the server needs them.
///
/// # Errors
/// When the kernel refuses a handler.
pub(crate) fn prepare(server: &'static Server, page: &'static Page) -> io::Result<()> {
    keep_inherited_descriptors();
    SERVER.get_or_init(|| (server, page));
    reap_in_background()
}

/// A command of a client.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) running: Running,
    // After it: what gives the place back comes when it is killed.
    _place: Place,
}

/// One of the commands that may run at a time.
#[derive(Debug)]
struct Place(&'static Page);

impl Place {
    fn take(page: &'static Page, most: usize) -> Option<Self> {
        let more = |running: usize| (running < most).then_some(running + 1);
        page.commands.fetch_update(SeqCst, SeqCst, more).ok()?;
        processes::this_one_runs(true);
        Some(Self(page))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        processes::this_one_runs(false);
        self.0.commands.fetch_sub(1, SeqCst);
    }
}

impl Command {
    /// Starts a client's command.
    ///
    /// # Errors
    /// The reason why it does not run, for the client.
    pub(crate) fn start(line: &[u8]) -> Result<Self, Ran> {
        let failed = |code, why: String| Ran::Failed { code, why };
        let (server, page) = SERVER.get().expect("a server of shell has prepared for it");
        let ShellConfig { allow, limits, at_once, .. } = &server.config.apps.shell;
        let command = allow.find(line).map_err(|refusal| match refusal {
            Refusal::NotAllowed(why) => failed("not-allowed", why),
            Refusal::ZeroByte => failed("bad-argument", "a word contains a zero byte".into()),
        })?;
        let place = Place::take(page, *at_once).ok_or_else(|| {
            failed(
                "commands-max",
                format!(
                    "{at_once} commands are running already; try again \
                later"
                ),
            )
        })?;
        let running = Running::start(&command, *limits);
        let running = running.map_err(|error| failed("cannot-run", error.to_string()))?;
        Ok(Self { running, _place: place })
    }

    /// Goes on with it into `space`; `Err` is how it ended.
    pub(crate) fn advance(&mut self, space: &mut [u8]) -> Result<Option<usize>, Ran> {
        let failed = |code, why: String| Err(Ran::Failed { code, why });
        match self.running.advance(space) {
            Ok(Advance::Printed(n)) => Ok(Some(n)),
            Ok(Advance::Blocked) => Ok(None),
            Ok(Advance::Ended(End::Exit(code))) => Err(Ran::Exit(code)),
            Ok(Advance::Ended(End::Signal(signal))) => Err(Ran::Signal(signal)),
            Ok(Advance::Ended(End::Time)) => {
                let time = limits().time;
                failed("time", format!("killed after {time:?} (--command-timeout)"))
            }
            Ok(Advance::Ended(End::Output)) => {
                let most = limits().output;
                failed("output", format!("killed after {most} bytes (--command-output)"))
            }
            Err(error) => failed("cannot-run", error.to_string()),
        }
    }
}

fn limits() -> Limits {
    SERVER.get().expect("a command runs").0.config.apps.shell.limits
}
