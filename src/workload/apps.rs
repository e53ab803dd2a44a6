//! Options of the classroom applications, and what follows from them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use protocol::{App, Context};
use servers::{AppConfig, DispatchConfig, ShellConfig};

use crate::base::units::parse_duration;
use crate::base::usage;
use crate::base::values::positive;
use crate::workload::commands::CommandArgs;
use crate::workload::room::RoomArgs;

/// Options of the classroom applications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct AppArgs {
    /// clock: word that ends a session, in upper or lower case [default: salir]
    #[arg(long, value_name = "WORD")]
    pub bye: Option<String>,
    /// daytime: delay before the date is sent [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub delay: Option<Duration>,
    /// shell: allowed commands
    #[command(flatten)]
    pub commands: CommandArgs,
    /// shell: maximum number of commands that run at once, over all clients [default: 32]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub commands_max: Option<usize>,
    /// shell: end each reply with a line about how its command ended
    #[arg(long)]
    pub status: bool,
    /// chat: rules of the room
    #[command(flatten)]
    pub room: RoomArgs,
    /// dispatch: command line for each client to run; may be given several times
    #[arg(long, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// dispatch: append a line to this file for each client that connects, each result and each
    /// client that leaves [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

impl AppArgs {
    /// The settings of the application.
    ///
    /// # Errors
    /// When an option belongs to another application, or an allowed command does not exist.
    pub fn config(&self, app: App) -> Result<AppConfig> {
        let Self { bye, delay, commands, commands_max, status, room, command, log } = self;
        let own = [
            ("--bye", bye.is_some(), App::Clock),
            ("--delay", delay.is_some(), App::Daytime),
            ("--commands-max", commands_max.is_some(), App::Shell),
            ("--status", *status, App::Shell),
            ("--command", !command.is_empty(), App::Dispatch),
            ("--log", log.is_some(), App::Dispatch),
        ];
        let of_commands = commands.given().map(|(option, given)| (option, given, App::Shell));
        // What a client returns is bounded too.
        let of_commands = of_commands
            .into_iter()
            .filter(|(option, ..)| app != App::Dispatch || *option != "--command-output");
        let of_room = room.options().map(|(option, given)| (option, given.is_some(), App::Chat));
        for (option, given, owner) in own.into_iter().chain(of_commands).chain(of_room) {
            if given && app != owner {
                let (owner, app) = (owner.name(), app.name());
                return Err(usage(format!("{option} is for --app {owner}, not {app}")));
            }
        }
        Ok(AppConfig {
            bye: bye.clone().unwrap_or_else(|| Context::BYE.into()),
            delay: delay.unwrap_or_default(),
            shell: ShellConfig {
                allow: commands.list()?,
                limits: commands.limits(),
                at_once: commands_max.unwrap_or(ShellConfig::default().at_once),
                status: *status,
                from_anywhere: commands.commands_from_anywhere,
            },
            room: room.rules(),
            dispatch: DispatchConfig {
                commands: command.clone(),
                log: log.clone(),
                result_bytes: commands
                    .command_output
                    .unwrap_or(DispatchConfig::default().result_bytes),
            },
        })
    }

    /// As it is typed, without what goes without saying.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let Self { bye, delay, commands, commands_max, status, room, command, log } = self;
        let time = |time: &Duration| humantime::format_duration(*time).to_string();
        let options = [
            ("--bye", bye.clone()),
            ("--delay", delay.as_ref().map(time)),
            ("--commands-max", commands_max.map(|n| n.to_string())),
            ("--log", log.as_ref().map(|path| path.display().to_string())),
        ];
        let command = command.iter().map(|line| ("--command", Some(line.clone())));
        let said = command
            .chain(options)
            .chain(room.options())
            .filter_map(|(flag, value)| Some([flag.into(), value?]));
        let mut words: Vec<String> = said.flatten().collect();
        words.extend(commands.words());
        words.extend(status.then(|| "--status".into()));
        words
    }
}
