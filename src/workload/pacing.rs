//! The option `--pacing`: how the generator waits for due times.

use clap::ValueEnum;
use loadgen::{Ground, Load, Pacing};
use serde::{Deserialize, Serialize};

/// The value of the option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PacingArg {
    /// Spin if every thread has a processor of its own, else sleep
    #[default]
    Auto,
    /// Spin: poll for replies until the next request is due
    Spin,
    /// Sleep until then, and wake a little late
    Sleep,
}

impl PacingArg {
    /// Whether it is the default, which plans do not record.
    #[must_use]
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// The pacing of a load, and the reason. `server_cpus` is empty if the server may use any
    /// processor, and `None` if its processors are unknown.
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
