//! What is exported: a run, a trial or a comparison, recognised by the content of the file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::analysis::standings;
use crate::base::usage;
use crate::document::store;
use crate::document::{Cell, Comparison, SchemaId, Summary, Trial};

/// A document to export.
pub(crate) enum Source {
    /// A run.
    Run(Box<Run>),
    /// One trial.
    Trial(Box<Trial>),
    /// Two runs compared.
    Comparison(Box<Comparison>),
}

/// A run and its folder, which has the trials.
pub(crate) struct Run {
    pub(crate) dir: PathBuf,
    pub(crate) summary: Summary,
}

/// The fields that every document begins with.
#[derive(Deserialize)]
struct Any {
    schema: SchemaId,
}

impl Source {
    /// Reads a run's folder, or a document.
    ///
    /// # Errors
    /// When there is no document, or one of another kind; the message says what to give.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join("summary.json") } else { path.to_path_buf() };
        if path.is_dir() && !file.is_file() {
            return Err(usage(format!(
                "{} holds no summary.json: give the folder of a run, as in \
                 results/quick-20260101T120000Z",
                path.display()
            )));
        }
        let as_usage = |error: anyhow::Error| usage(format!("{error:#}"));
        let any: Any = store::read_json(&file).map_err(as_usage)?;
        match any.schema.name.as_str() {
            "c10k.summary" => {
                let mut summary: Summary = store::read_json(&file).map_err(as_usage)?;
                standings::derive(&mut summary);
                let dir = file.parent().context("a file is in a folder")?.to_path_buf();
                Ok(Self::Run(Box::new(Run { dir, summary })))
            }
            "c10k.trial" => store::read_json(&file).map(Self::Trial).map_err(as_usage),
            "c10k.comparison" => store::read_json(&file).map(Self::Comparison).map_err(as_usage),
            other => Err(usage(format!(
                "{} is a {other} document: give a run's folder, a trial, or a comparison from c10k compare --json",
                file.display()
            ))),
        }
    }

    /// Its kind, in one word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Trial(_) => "trial",
            Self::Comparison(_) => "comparison",
        }
    }
}

impl Run {
    /// A cell's trials, with the names of their files.
    ///
    /// # Errors
    /// When a trial is missing.
    pub(crate) fn trials<'a>(&self, cell: &'a Cell) -> Result<Vec<(&'a str, Trial)>> {
        cell.trials.iter().map(|name| Ok((name.as_str(), self.trial(name)?))).collect()
    }

    /// The trials of the null baseline; none where the run has none.
    ///
    /// # Errors
    /// When a trial is missing.
    pub(crate) fn reference(&self) -> Result<Vec<Trial>> {
        let trials = self.summary.reference.iter().flat_map(|reference| &reference.trials);
        trials.map(|trial| self.trial(&trial.file)).collect()
    }

    fn trial(&self, name: &str) -> Result<Trial> {
        store::read_json(&self.dir.join(name))
            .context("this format needs the trials: copy the run's whole folder, trials/ included")
    }
}
