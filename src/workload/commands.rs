//! Which commands may run for the other end, and their limits.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use servers::ShellConfig;
use servers::commands::{AllowList, Limits};

use crate::base::units::parse_bytes;
use crate::base::usage;
use crate::base::values::positive_duration;

/// Options of programs that run commands for the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct CommandArgs {
    /// Allow this command, as in date or 'date -u'; 'ls *' allows any further words except options,
    /// 'ls -*' any words; may be given several times
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub allow: Vec<String>,
    /// Kill a command after this time [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub command_timeout: Option<Duration>,
    /// Bytes of a command's output that are passed on [default: 1MiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub command_output: Option<usize>,
    /// Run commands even if the other end is on another machine
    #[arg(long)]
    pub commands_from_anywhere: bool,
}

impl CommandArgs {
    /// The allowed commands, looked up in PATH now.
    ///
    /// # Errors
    /// When an entry names no program.
    pub fn list(&self) -> Result<AllowList> {
        AllowList::read(&self.allow, std::env::var_os("PATH").as_deref()).map_err(usage)
    }

    /// The limits of one command.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let default = ShellConfig::default().limits;
        Limits {
            time: self.command_timeout.unwrap_or(default.time),
            output: self.command_output.map_or(default.output, |bytes| bytes as u64),
        }
    }

    /// Each option, and whether it was given.
    pub(crate) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--allow", !self.allow.is_empty()),
            ("--command-timeout", self.command_timeout.is_some()),
            ("--command-output", self.command_output.is_some()),
            ("--commands-from-anywhere", self.commands_from_anywhere),
        ]
    }

    /// The options as command-line words.
    pub(crate) fn words(&self) -> Vec<String> {
        let Self { allow, command_timeout, command_output, commands_from_anywhere } = self;
        let time = command_timeout.map(|time| humantime::format_duration(time).to_string());
        let options = [
            ("--command-timeout", time),
            ("--command-output", command_output.map(|bytes| bytes.to_string())),
        ];
        let allow = allow.iter().map(|entry| ("--allow", Some(entry.clone())));
        let said = allow.chain(options).filter_map(|(flag, value)| Some([flag.into(), value?]));
        let mut words: Vec<String> = said.flatten().collect();
        words.extend(commands_from_anywhere.then(|| "--commands-from-anywhere".into()));
        words
    }
}
