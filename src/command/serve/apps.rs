//! The settings of the application, for the ready line.

use std::path::Path;

use protocol::App;
use protocol::app::chat::Rules;
use serde::Serialize;
use servers::{AppConfig, ShellConfig};

use crate::base::units::ns;

/// The application's settings; those of other applications are left out.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bye: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ns: Option<u64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    shell: Option<Box<ToldShell<'a>>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    room: Option<Box<ToldRoom<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a Path>,
}

/// The settings of a room.
#[derive(Serialize)]
struct ToldRoom<'a> {
    joined_label: &'a str,
    left_label: &'a str,
    max_behind_bytes: usize,
}

/// The settings of a shell.
#[derive(Serialize)]
struct ToldShell<'a> {
    allow: Vec<&'a str>,
    command_timeout_ns: u64,
    command_output_bytes: u64,
    commands_max: usize,
    status: bool,
    commands_from_anywhere: bool,
}

impl<'a> Told<'a> {
    pub(super) fn for_app(app: App, config: &'a AppConfig) -> Self {
        Self {
            bye: (app == App::Clock).then_some(&config.bye),
            delay_ns: (app == App::Daytime).then_some(ns(config.delay)),
            commands: (app == App::Dispatch).then_some(&config.dispatch.commands),
            log: config.dispatch.log.as_deref(),
            shell: (app == App::Shell).then(|| Box::new(ToldShell::from_config(&config.shell))),
            room: (app == App::Chat).then(|| Box::new(ToldRoom::from_rules(&config.room))),
        }
    }
}

impl<'a> ToldRoom<'a> {
    fn from_rules(Rules { labels, max_behind }: &'a Rules) -> Self {
        let (joined_label, left_label) = (&labels.joined, &labels.left);
        Self { joined_label, left_label, max_behind_bytes: *max_behind }
    }
}

impl<'a> ToldShell<'a> {
    fn from_config(config: &'a ShellConfig) -> Self {
        let ShellConfig { allow, limits, at_once, status, from_anywhere } = config;
        Self {
            allow: allow.entries().collect(),
            command_timeout_ns: ns(limits.time),
            command_output_bytes: limits.output,
            commands_max: *at_once,
            status: *status,
            commands_from_anywhere: *from_anywhere,
        }
    }
}
