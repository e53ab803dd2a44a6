//! The options of a room of `chat`.

use clap::Args;
use protocol::app::chat::{Labels, Rules};

use crate::base::units::parse_bytes;

/// Options of `chat`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct RoomArgs {
    /// chat: language of the notices (connected) and (disconnected): en, sv, es, de, fr or pt
    /// [default: en]
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    pub labels: Option<String>,
    /// chat: notice when a member joins, instead of the language's word
    #[arg(long, value_name = "TEXT")]
    pub joined_label: Option<String>,
    /// chat: notice when a member leaves
    #[arg(long, value_name = "TEXT")]
    pub left_label: Option<String>,
    /// chat: disconnect a member that falls this many bytes behind [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub max_behind: Option<usize>,
}

/// A language that has labels.
fn language(name: &str) -> Result<String, String> {
    let names: Vec<_> = Labels::languages().collect();
    let known = names.contains(&name).then(|| name.to_string());
    known.ok_or_else(|| format!("'{name}' is not one of {}", names.join(", ")))
}

impl RoomArgs {
    /// The rules of the room.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let usual = Rules::default();
        let language = self.labels.as_deref().and_then(Labels::in_language).unwrap_or(usual.labels);
        Rules {
            labels: Labels {
                joined: self.joined_label.clone().unwrap_or(language.joined),
                left: self.left_label.clone().unwrap_or(language.left),
            },
            max_behind: self.max_behind.unwrap_or(usual.max_behind),
        }
    }

    /// Each option with its value, if it was given.
    pub(crate) fn options(&self) -> [(&'static str, Option<String>); 4] {
        let Self { labels, joined_label, left_label, max_behind } = self;
        [
            ("--labels", labels.clone()),
            ("--joined-label", joined_label.clone()),
            ("--left-label", left_label.clone()),
            ("--max-behind", max_behind.map(|bytes| bytes.to_string())),
        ]
    }
}
