//! The documents with a schema, by their names on the command line.

use clap::ValueEnum;

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

/// A committed schema: its file and its text.
macro_rules! committed {
    ($name:literal) => {
        (
            concat!("results/schema/", $name, ".json"),
            include_str!(concat!("../../results/schema/", $name, ".json")),
        )
    };
}

impl SchemaOf {
    /// Its schema as JSON text.
    pub(crate) fn text(self) -> &'static str {
        self.committed().1
    }

    /// The committed file and its text, which a test compares with the types.
    fn committed(self) -> (&'static str, &'static str) {
        match self {
            Self::Trial => committed!("trial.v1"),
            Self::Summary => committed!("summary.v1"),
            Self::Comparison => committed!("comparison.v2"),
            Self::Figures => committed!("figures.v1"),
            Self::Lab => committed!("lab.v2"),
            Self::Lesson => committed!("lesson.v1"),
            Self::Check => committed!("check.v1"),
            Self::Capacity => committed!("capacity.v1"),
            Self::Room => committed!("room.v1"),
            Self::Soak => committed!("soak.v1"),
            Self::Doctor => committed!("doctor.v1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::{Schema, schema_for};

    use super::*;
    use crate::base::assert_committed;
    use crate::document::{
        CapacityReport, CheckReport, Comparison, DoctorReport, FigureSet, LabReport, LessonReport,
        RoomTrial, SoakReport, Summary, Trial, store,
    };

    /// What the types say.
    fn made(of: SchemaOf) -> Schema {
        match of {
            SchemaOf::Trial => schema_for!(Trial),
            SchemaOf::Summary => schema_for!(Summary),
            SchemaOf::Comparison => schema_for!(Comparison),
            SchemaOf::Figures => schema_for!(FigureSet),
            SchemaOf::Lab => schema_for!(LabReport),
            SchemaOf::Lesson => schema_for!(LessonReport),
            SchemaOf::Check => schema_for!(CheckReport),
            SchemaOf::Capacity => schema_for!(CapacityReport),
            SchemaOf::Room => schema_for!(RoomTrial),
            SchemaOf::Soak => schema_for!(SoakReport),
            SchemaOf::Doctor => schema_for!(DoctorReport),
        }
    }

    #[test]
    fn the_committed_schemas_are_those_of_the_types() {
        for of in SchemaOf::value_variants() {
            assert_committed(of.committed().0, &store::json(&made(*of)).expect("JSON"));
        }
    }
}
