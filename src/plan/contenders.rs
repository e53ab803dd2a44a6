//! Servers in other languages: where a plan finds them. `c10k run` builds and checks them, and adds
//! those that can be measured to the plan as `[[external]]`s.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Exclude, External, Plan, durations};
use protocol::Framing;

/// Where contenders are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContendersPlan {
    /// A folder with a folder for each, which has a `contender.toml`.
    pub folder: String,
    /// Where they are built.
    pub build: String,
    /// The longest warm-up of a contender.
    #[serde(with = "durations::human", default = "thirty_seconds")]
    pub warmup_max: Duration,
    /// Behaviours that they must show; left out, all that fit them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behaviours: Vec<String>,
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

impl Plan {
    /// Adds a contender, except to workloads whose framing it does not support.
    pub fn admit(&mut self, contender: External) {
        let own = contender.framing.clone().unwrap_or_else(|| Framing::Line.name().into());
        let foreign = |framing: &str| framing != own;
        let workloads: Vec<String> = self
            .workloads
            .iter()
            .filter(|workload| foreign(&self.server_of(workload).framing))
            .map(|workload| workload.name.clone())
            .collect();
        if !workloads.is_empty() {
            let reason = match own.as_str() {
                "http" => "it speaks HTTP only".into(),
                own => format!("it speaks {own} framing only"),
            };
            self.exclude.push(Exclude { models: vec![contender.name.clone()], workloads, reason });
        }
        self.externals.push(contender);
    }
}
