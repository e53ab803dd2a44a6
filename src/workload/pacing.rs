//! How the generator waits for due times: as it is asked for.

use clap::ValueEnum;
use loadgen::{Ground, Load, Pacing};
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PacingArg {
    /// Spin where every thread has a processor of its own, else sleep
    #[default]
    Auto,
    /// Spin: poll for replies until the next request is due
    Spin,
    /// Sleep until then, and wake a little late
    Sleep,
}

impl PacingArg {
    /// Whether nothing in particular is asked for, which is not written down in plans.
    #[must_use]
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// What comes of it for a load, and why; `server_cpus` is empty for any processor and `None`
    /// when nobody knows.
    #[must_use]
    pub fn choose(self, load: &Load, server_cpus: Option<&[usize]>, processors: usize) -> Pacing {
        let ground = Ground {
            open_loop: load.arrivals != loadgen::Arrivals::Closed,
            threads: load.threads,
            cpus: &load.cpus,
            server_cpus,
            processors,
        };
        match self {
            _ if !ground.open_loop => Pacing::choose(&ground),
            Self::Auto => Pacing::choose(&ground),
            Self::Spin => Pacing::SPIN,
            Self::Sleep => Pacing::SLEEP,
        }
    }
}
