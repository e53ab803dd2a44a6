//! The documents: one JSON document for each trial, one that summarises a run, and one for each
//! check.
//!
//! All have had a schema name and version from the first release on. The JSON Schema is generated
//! from these types (`c10k schema`) and kept in `results/schema/`. Names carry units. Durations are
//! whole nanoseconds.

mod capacity;
mod cell;
mod check;
mod client;
mod comparison;
mod conduct;
mod connections;
mod contender;
mod contention;
mod derived;
mod distribution;
mod doctor;
mod draw;
#[cfg(test)]
pub(crate) mod example;
mod factor;
mod figures;
mod finding;
mod greetings;
pub mod histogram;
mod host;
mod lab;
mod lesson;
mod load;
mod measured;
mod pacing;
mod pooled;
mod reference;
mod room;
mod rounds;
mod server;
mod sessions;
mod shard;
mod soak;
mod standstill;
mod steadiness;
mod steps;
pub mod store;
mod summary;
mod syscalls;
mod trial;
mod turnaround;

pub use capacity::{CapacityFound, CapacityKind, CapacityProbe, CapacityReport, CapacityVerdict};
pub use cell::{Cell, CellQuantile, Estimate, Flag, RankBy, name_of};
pub use check::{CheckReport, CheckSubject, CheckTest};
pub use client::ClientAccount;
pub use comparison::{Change, Compared, Comparison};
pub use conduct::{ConductRecord, IdleConnections, MisbehavingClients, ThinkRecord};
pub use connections::Connections;
pub use contender::{Contender, ContenderState, ContenderWarmup};
pub use contention::Contention;
pub use derived::{Ceiling, Crossover, NoiseFloor, Recommendation, Scaling, ScalingLaw, Sureness};
pub use distribution::{Distribution, QUANTILES, Quantile, SAMPLES_BEYOND, is_admitted};
pub use doctor::{DoctorReport, Finding, Noise, Ratio};
pub use draw::DrawRecord;
pub use factor::Factor;
pub use figures::{
    Colours, Figure, FigureSet, Label, Line, Mark, Marks, Point, QuantileRow, Row, Series,
    SettingAxis, SweepLine, Unit,
};
pub use finding::{About, Check, Status, Validity};
pub use greetings::{Greetings, Imbalance, Worker};
pub use host::{Conditions, Host, Pressure};
pub use lab::{
    CLIENTS, CONNECTION, ClientMemory, CostPart, CostSplit, Decomposition, DesignFactor,
    DesignRecord, EffectRecord, InteractionRecord, KEPT, Killed, LabModel, LabNoise, LabReport,
    LabSessions, LabTail, Naive, ShareRecord,
};
pub use lesson::LessonReport;
pub use load::{ArrivalsRecord, LoadRecord, RequestRecord};
pub use measured::{Census, Interval, Latency};
pub use pacing::{PacingKind, PacingRecord};
pub use pooled::{Pooled, Shown};
pub use reference::{GeneratorBound, Reference, ReferenceChange, ReferenceTrial, Spell, Widened};
pub use room::{RoomFound, RoomLoadRecord, RoomTrial};
pub use rounds::{Ended, LookRecord, RoundsRecord, SpoiledTrial};
pub use server::{CpuSplit, Faults, Memory, PortSockets, ServerAccount, Switches, Tcp};
pub use sessions::SessionsRecord;
pub use shard::{ClockRecord, LauncherRecord, Part, ShardRecord, StartBy, StartRecord, Sums};
pub use soak::{
    SoakAnswer, SoakDrift, SoakPiece, SoakReport, SoakRequests, SoakSample, SoakSettings,
    SoakSubject, SoakVerdict,
};
pub use standstill::StandstillRecord;
pub use steadiness::{SentGaps, Steadiness};
pub use steps::{CellStep, StepRecord};
pub use summary::{Excluded, RunRecord, Standing, Standings, Summary};
pub use syscalls::{Syscall, Syscalls};
pub use trial::{Phases, Target, Trial, TrialRecord};
pub use turnaround::{CellTurnaround, Turnaround};

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which document this is, and which edition of its format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SchemaId {
    /// `c10k.trial`, `c10k.summary`, `c10k.comparison`, `c10k.check`, `c10k.capacity`, `c10k.doctor`,
    /// `c10k.figures`, `c10k.lab`, `c10k.lesson`, `c10k.room` or `c10k.soak`.
    pub name: String,
    /// Raised when a field changes its meaning or goes away; not when one is added.
    pub version: u32,
}

impl SchemaId {
    /// Of [`Trial`].
    #[must_use]
    pub fn trial() -> Self {
        Self { name: "c10k.trial".into(), version: 1 }
    }

    /// Of [`Summary`].
    #[must_use]
    pub fn summary() -> Self {
        Self { name: "c10k.summary".into(), version: 1 }
    }

    /// Of [`Comparison`].
    #[must_use]
    pub fn comparison() -> Self {
        Self { name: "c10k.comparison".into(), version: 2 }
    }

    /// Of [`CapacityReport`].
    #[must_use]
    pub fn capacity() -> Self {
        Self { name: "c10k.capacity".into(), version: 1 }
    }

    /// Of [`RoomTrial`].
    #[must_use]
    pub fn room() -> Self {
        Self { name: "c10k.room".into(), version: 1 }
    }

    /// Of [`SoakReport`].
    #[must_use]
    pub fn soak() -> Self {
        Self { name: "c10k.soak".into(), version: 1 }
    }

    /// Of [`DoctorReport`].
    #[must_use]
    pub fn doctor() -> Self {
        Self { name: "c10k.doctor".into(), version: 1 }
    }

    /// Of [`FigureSet`].
    #[must_use]
    pub fn figures() -> Self {
        Self { name: "c10k.figures".into(), version: 1 }
    }

    /// Of [`LessonReport`].
    #[must_use]
    pub fn lesson() -> Self {
        Self { name: "c10k.lesson".into(), version: 1 }
    }

    /// Of [`LabReport`].
    #[must_use]
    pub fn lab() -> Self {
        Self { name: "c10k.lab".into(), version: 2 }
    }

    /// Of [`CheckReport`].
    #[must_use]
    pub fn check() -> Self {
        Self { name: "c10k.check".into(), version: 1 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}
