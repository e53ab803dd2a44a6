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

impl SchemaOf {
    /// Its schema as JSON text: the committed file, which a test compares with the types.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Trial => include_str!("../../results/schema/trial.v1.json"),
            Self::Summary => include_str!("../../results/schema/summary.v1.json"),
            Self::Comparison => include_str!("../../results/schema/comparison.v2.json"),
            Self::Figures => include_str!("../../results/schema/figures.v1.json"),
            Self::Lab => include_str!("../../results/schema/lab.v2.json"),
            Self::Lesson => include_str!("../../results/schema/lesson.v1.json"),
            Self::Check => include_str!("../../results/schema/check.v1.json"),
            Self::Capacity => include_str!("../../results/schema/capacity.v1.json"),
            Self::Room => include_str!("../../results/schema/room.v1.json"),
            Self::Soak => include_str!("../../results/schema/soak.v1.json"),
            Self::Doctor => include_str!("../../results/schema/doctor.v1.json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use schemars::{Schema, schema_for};

    use super::*;
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
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema");
        for of in SchemaOf::value_variants() {
            let text = String::from_utf8(store::json(&made(*of)).expect("JSON")).expect("text");
            if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
                let name = of.to_possible_value().expect("it has a name").get_name().to_owned();
                let files = fs::read_dir(&folder).expect("a folder").flatten();
                let mut paths = files.map(|file| file.path());
                let begins = folder.join(format!("{name}.v")).display().to_string();
                let own = paths.find(|path| path.display().to_string().starts_with(&begins));
                fs::write(own.expect("a file"), &text).expect("written");
            } else {
                assert!(
                    of.text() == text,
                    "accept with INSTA_UPDATE=always cargo test --lib: {of:?}"
                );
            }
        }
    }
}
