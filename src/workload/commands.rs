//! What may be run for somebody else, and how much of it.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use servers::ShellConfig;
use servers::commands::{AllowList, Limits};

use crate::base::units::parse_bytes;
use crate::base::usage;
use crate::base::values::positive_duration;

/// Options of those who run commands of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct CommandArgs {
    /// A command that may run, as in date or 'date -u'; 'ls *' has any further words but options,
    /// 'ls -*' any; may be given several times
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub allow: Vec<String>,
    /// Kill a command after so long [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub command_timeout: Option<Duration>,
    /// So much of what a command writes is passed on, or kept [default: 1MiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub command_output: Option<usize>,
    /// Run commands although the other end may be on another machine
    #[arg(long)]
    pub commands_from_anywhere: bool,
}

impl CommandArgs {
    /// What may run, found now.
    ///
    /// # Errors
    /// When an entry names no program.
    pub fn list(&self) -> Result<AllowList> {
        AllowList::read(&self.allow, std::env::var_os("PATH").as_deref()).map_err(usage)
    }

    /// What one command may use up.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let default = ShellConfig::default().limits;
        Limits {
            time: self.command_timeout.unwrap_or(default.time),
            output: self.command_output.map_or(default.output, |bytes| bytes as u64),
        }
    }

    /// Which of them were given.
    pub(crate) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--allow", !self.allow.is_empty()),
            ("--command-timeout", self.command_timeout.is_some()),
            ("--command-output", self.command_output.is_some()),
            ("--commands-from-anywhere", self.commands_from_anywhere),
        ]
    }

    /// As they are typed.
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
