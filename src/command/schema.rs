//! The documents with a schema, by their names on the command line.

use anyhow::Result;
use clap::ValueEnum;
use schemars::schema_for;

use crate::document::store;
use crate::document::{
    CapacityReport, CheckReport, Comparison, DoctorReport, FigureSet, LabReport, LessonReport,
    RoomTrial, SoakReport, Summary, Trial,
};

/// A document with a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// One trial, and `c10k load --json`
    Trial,
    /// The summary of a run
    Summary,
    /// `c10k check --json`
    Check,
    /// `c10k load --find-capacity --json`
    Capacity,
    /// `c10k load --app chat --json`
    Room,
    /// `soak.json` of `c10k soak`
    Soak,
    /// `c10k doctor --json`
    Doctor,
    /// `c10k compare --json`
    Comparison,
    /// `figures.json` of a run
    Figures,
    /// `lab.json` of the lab `stateful`
    Lab,
    /// `lab.json` of the other labs
    Lesson,
}

impl SchemaOf {
    /// Its schema as JSON text.
    pub(crate) fn schema(self) -> Result<String> {
        let schema = match self {
            Self::Trial => schema_for!(Trial),
            Self::Summary => schema_for!(Summary),
            Self::Comparison => schema_for!(Comparison),
            Self::Figures => schema_for!(FigureSet),
            Self::Lab => schema_for!(LabReport),
            Self::Lesson => schema_for!(LessonReport),
            Self::Check => schema_for!(CheckReport),
            Self::Capacity => schema_for!(CapacityReport),
            Self::Room => schema_for!(RoomTrial),
            Self::Soak => schema_for!(SoakReport),
            Self::Doctor => schema_for!(DoctorReport),
        };
        Ok(String::from_utf8(store::json(&schema)?)?)
    }
}
