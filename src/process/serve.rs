//! The options of `c10k serve`: the command reads them, and commands that start a server as a child
//! process write them.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use protocol::{App, Framing};
use rustix::process::Signal;

use crate::base::target::address;
use crate::base::units::show_cpus;
use crate::base::values::{
    CpuList, any_app, broken_names, cpu_list, framing, positive, positive_duration, read,
    servable_names,
};
use crate::process::parent::end_with_parent;
use crate::workload::apps::AppArgs;
use crate::workload::state::StateArgs;

/// `c10k serve`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(group = clap::ArgGroup::new("kind").required(true), after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The concurrency model; `c10k models` lists them
    #[arg(value_name = "MODEL", group = "kind", value_parser = servable_names())]
    #[arg(hide_possible_values = true)]
    pub named: Option<String>,
    /// The model, as an option
    #[arg(long, short, group = "kind", value_parser = servable_names(), help_heading = SERVER)]
    #[arg(hide_possible_values = true)]
    pub model: Option<String>,
    /// A server with a deliberate fault; `c10k models --broken` lists the faults and their symptoms
    #[arg(long, group = "kind", value_name = "NAME", value_parser = broken_names(), help_heading = SERVER)]
    pub broken: Option<String>,
    /// Address to listen on; port 0 picks a free port, which the ready line names
    #[arg(long, default_value = "127.0.0.1:9000", value_parser = address, help_heading = SERVER)]
    pub listen: SocketAddr,
    /// Meaning of a request: bench, echo, multiply, or a classroom application: clock, daytime,
    /// sink, shell, chat, dispatch
    #[arg(long, default_value = "bench", value_parser = any_app, help_heading = PROTOCOL)]
    pub app: App,
    /// How the byte stream is divided into requests: line, raw or http
    #[arg(long, default_value = "line", value_parser = framing, help_heading = PROTOCOL)]
    pub framing: Framing,
    /// Number of workers, for models that have them: threads or processes of a pool, event loops,
    /// or threads of a runtime
    #[arg(long, value_parser = positive, help_heading = SERVER)]
    pub workers: Option<usize>,
    /// Maximum number of live connections [default: as many as the descriptor limit allows]
    #[arg(long, value_name = "N", value_parser = positive, help_heading = LIMITS)]
    pub max_connections: Option<usize>,
    /// Length of the kernel's queue of connections not yet accepted
    #[arg(long, default_value_t = 4096, help_heading = LIMITS)]
    pub backlog: u32,
    /// Close a connection that completes no request, or reads no reply, for this long
    #[arg(long, default_value = "60s", value_parser = positive_duration, help_heading = LIMITS)]
    pub idle_timeout: Duration,
    /// Time for connections to finish after SIGTERM; a second signal closes them at once
    #[arg(long, default_value = "5s", value_parser = positive_duration, help_heading = LIMITS)]
    pub drain_timeout: Duration,
    /// Close each connection after K replies
    #[arg(long, value_name = "K", help_heading = PROTOCOL)]
    pub close_after: Option<NonZeroU32>,
    /// Serve one connection, then exit
    #[arg(long, help_heading = LIMITS)]
    pub once: bool,
    /// Exit when the last connection has closed
    #[arg(long, help_heading = LIMITS)]
    pub until_idle: bool,
    /// Show a console: Enter stops the server, Ctrl-C opens a menu
    #[arg(long, help_heading = OUTPUT)]
    pub console: bool,
    /// Greet every connection with a line that names its worker and the times of accept and service
    #[arg(long, help_heading = PROTOCOL)]
    pub greeting: bool,
    /// Print each request to standard error: the client, the request, the reply and the time it
    /// took; lines that do not fit into the output are dropped and counted
    #[arg(long, help_heading = OUTPUT)]
    pub verbose: bool,
    /// Print JSON lines even on a terminal
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// Where the state of sessions is kept
    #[command(flatten, next_help_heading = "Sessions")]
    pub state: StateArgs,
    /// Pin the server to these processors, as in 0 or 0,2 or 0-3
    #[arg(long, value_parser = cpu_list, default_value = "", hide_default_value = true, help_heading = SERVER)]
    pub cpus: CpuList,
    /// A console controls this server; it may close the listening socket alone
    #[arg(long, hide = true)]
    pub attended: bool,
    /// End when the parent process ends
    #[arg(long, hide = true)]
    pub stop_with_parent: bool,
    /// Options of the application
    #[command(flatten, next_help_heading = "Classroom applications")]
    pub apps: AppArgs,
}

const SERVER: &str = "Server";
const PROTOCOL: &str = "Protocol";
const LIMITS: &str = "Limits";
const OUTPUT: &str = "Console and output";

const EXAMPLES: &str = "\
Examples:
  c10k serve epoll                                    at 127.0.0.1:9000, for c10k client or telnet
  c10k serve epoll --framing http                     for curl or a browser: /mul/6/7
  c10k serve thread-pool --workers 8 --listen 0.0.0.0:9000
  c10k serve fork --app clock --console               a classroom application; Enter stops it
  c10k serve --broken pool-of-four                    a server with a fault to find
  c10k serve epoll --state table --history 1KiB       sessions in a table

On a terminal it prints where it listens. In a pipe, or with --json, it prints one JSON line when it is ready and one when it has stopped.";

/// What is so if nothing but the model is said.
static DEFAULT: LazyLock<ServeArgs> = LazyLock::new(|| {
    read(&["--model", servers::MODELS[0].name]).expect("a model needs no other settings")
});

impl ServeArgs {
    /// A server to be started as a child on a free port of loopback, which ends with its parent;
    /// `words` are its kind and what else is to be said, as they are typed.
    ///
    /// # Errors
    /// What is wrong with the words, as `c10k serve` says it.
    pub fn child(words: &[&str]) -> Result<Self> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { listen, stop_with_parent: true, ..read(words)? })
    }

    /// The command that starts it: `program` is this program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.arg("serve").args(self.words());
        if self.stop_with_parent {
            end_with_parent(&mut command, Signal::TERM);
        }
        command
    }

    /// The model that is named, in either way.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.named.as_deref().or(self.model.as_deref())
    }

    /// As it is typed, without what goes without saying.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        // Each field is named, so that a new one is not forgotten.
        let Self {
            named: _, model: _, broken, listen, app, framing, workers, max_connections, ..
        } = self;
        let Self { backlog, idle_timeout, drain_timeout, close_after, .. } = self;
        let Self { greeting, verbose, state, apps, cpus, stop_with_parent, .. } = self;
        let Self { once, until_idle, console, attended, json, .. } = self;
        let default = &*DEFAULT;
        let time = |time: Duration| humantime::format_duration(time).to_string();
        let changed = |value: String, default: String| (value != default).then_some(value);
        let count = |value: &Option<usize>| value.map(|n| n.to_string());
        let options = [
            ("--model", self.model().map(Into::into)),
            ("--broken", broken.clone()),
            ("--listen", changed(listen.to_string(), default.listen.to_string())),
            ("--app", changed(app.name().into(), default.app.name().into())),
            ("--framing", changed(framing.name().into(), default.framing.name().into())),
            ("--workers", count(workers)),
            ("--max-connections", count(max_connections)),
            ("--backlog", changed(backlog.to_string(), default.backlog.to_string())),
            ("--idle-timeout", changed(time(*idle_timeout), time(default.idle_timeout))),
            ("--drain-timeout", changed(time(*drain_timeout), time(default.drain_timeout))),
            ("--close-after", close_after.map(|replies| replies.to_string())),
            ("--cpus", changed(show_cpus(cpus), show_cpus(&default.cpus))),
        ];
        let said = options.into_iter().filter_map(|(flag, value)| Some([flag.into(), value?]));
        let mut words: Vec<String> = said.flatten().collect();
        words.extend(state.words());
        words.extend(apps.words());
        let flags = [
            ("--once", *once),
            ("--until-idle", *until_idle),
            ("--console", *console),
            ("--attended", *attended),
            ("--greeting", *greeting),
            ("--verbose", *verbose),
            ("--json", *json),
            ("--stop-with-parent", *stop_with_parent),
        ];
        words.extend(flags.into_iter().filter(|(_, said)| *said).map(|(flag, _)| flag.into()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_what_was_meant() {
        let all = [
            "--model thread-pool --listen 127.0.0.1:81 --app multiply --framing raw --workers 3",
            "--max-connections 9 --backlog 5 --idle-timeout 1500ms --drain-timeout 90s",
            "--close-after 2 --greeting --verbose --state client --history 64 --state-key /key",
            "--state-lock one --sessions-max 7 --session-ttl 61s --cpus 0,2 --stop-with-parent",
            "--allow date --allow uptime --command-timeout 3s --command-output 77 --commands-max 5",
            "--status --commands-from-anywhere --command date --command uptime --log /log",
            "--bye adiós --delay 1500ms --once --until-idle --console --attended",
            "--labels sv --joined-label in --left-label out --max-behind 300000",
        ];
        let all = all.join(" ");
        let typed: Vec<&str> = all.split(' ').collect();
        let args: ServeArgs = read(&typed).expect("it can be said");
        let words = args.words();
        let flags = |words: &[String]| words.iter().filter(|word| word.starts_with("--")).count();
        assert_eq!(flags(&words), all.matches("--").count(), "nothing is left out: {words:?}");
        let again: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(read::<ServeArgs>(&again).expect("it is read"), args);
        let broken = ServeArgs::child(&["--broken", servers::BROKEN[0].model.name]);
        let words = broken.expect("it is listed").words();
        let name = servers::BROKEN[0].model.name;
        assert_eq!(words, ["--broken", name, "--listen", "127.0.0.1:0", "--stop-with-parent"]);
    }

    #[test]
    fn what_goes_without_saying_is_not_said() {
        assert_eq!(DEFAULT.words(), ["--model", servers::MODELS[0].name]);
        let error = ServeArgs::child(&["--model", "epol"]).expect_err("no such model");
        assert!(error.to_string().contains("epol"), "{error}");
    }
}
