//! What the application was told, in the ready line.

use protocol::App;
use serde::Serialize;
use servers::AppConfig;

use crate::base::units::ns;

/// What the application was told; what is not for it is left out.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bye: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ns: Option<u64>,
}

impl<'a> Told<'a> {
    pub(super) fn of(app: App, config: &'a AppConfig) -> Self {
        Self {
            bye: (app == App::Clock).then_some(&config.bye),
            delay_ns: (app == App::Daytime).then_some(ns(config.delay)),
        }
    }
}
