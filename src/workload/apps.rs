//! What the classroom applications are told.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use protocol::{App, Context};
use servers::AppConfig;

use crate::base::units::parse_duration;
use crate::base::usage;

/// Options of the classroom applications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct AppArgs {
    /// clock: the word that ends a session, in any letter case [default: salir]
    #[arg(long, value_name = "WORD")]
    pub bye: Option<String>,
    /// daytime: wait so long before the date is sent [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub delay: Option<Duration>,
}

impl AppArgs {
    /// What the application is told.
    ///
    /// # Errors
    /// When an option belongs to another application.
    pub fn config(&self, app: App) -> Result<AppConfig> {
        let Self { bye, delay } = self;
        for (option, given, owner) in
            [("--bye", bye.is_some(), App::Clock), ("--delay", delay.is_some(), App::Daytime)]
        {
            if given && app != owner {
                let (owner, app) = (owner.name(), app.name());
                return Err(usage(format!("{option} is for --app {owner}, and this is {app}")));
            }
        }
        Ok(AppConfig {
            bye: bye.clone().unwrap_or_else(|| Context::BYE.into()),
            delay: delay.unwrap_or_default(),
        })
    }

    /// As it is typed, without what goes without saying.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let Self { bye, delay } = self;
        let time = |time: &Duration| humantime::format_duration(*time).to_string();
        let options = [("--bye", bye.clone()), ("--delay", delay.as_ref().map(time))];
        let said = options.into_iter().filter_map(|(flag, value)| Some([flag.into(), value?]));
        said.flatten().collect()
    }
}
