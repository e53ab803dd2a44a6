//! `c10k merge`: adds up the documents of several generators that loaded one server together.
//!
//! Counts and histograms are added; means, ratios and quantiles are computed again from the sums,
//! and all checks are repeated. Slices of the measurement are aligned by the time of day at which
//! they began, to the nearest slice. The order of the documents does not matter, and a sum can be
//! merged again. `belong` rejects documents that do not belong to one load.

mod belong;
mod sum;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::base::{Exit, note, untrusted, usage};
use crate::command::load;
use crate::document::store;
use crate::document::{ClockRecord, SchemaId, Trial};

/// `c10k merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The documents that `c10k load --json` wrote for each part
    #[arg(required = true, num_args = 1..)]
    pub documents: Vec<PathBuf>,
    /// Write the sum as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<PathBuf>,
}

/// A document with the name of its file.
#[derive(Clone, Debug)]
pub(super) struct Named {
    name: String,
    trial: Trial,
}

/// Adds documents up, prints the sum, and writes it to a file on request.
///
/// # Errors
/// When a document cannot be read, or they do not belong to one load; the message names each of
/// them.
pub fn merge(args: &MergeArgs) -> Result<Exit> {
    let (mut documents, mut absent, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for path in &args.documents {
        let name = path.display().to_string();
        match store::read_json::<Trial>(path) {
            Ok(trial) => documents.push(Named { name, trial }),
            Err(_) if !path.exists() => absent.push(name),
            Err(error) => match other_version(path) {
                Some(version) => wrong.push(format!("{name}: {version}")),
                None => return Err(usage(format!("{error:#}"))),
            },
        }
    }
    if documents.is_empty() && wrong.is_empty() {
        return Err(usage(format!("no document to merge: {} does not exist", absent.join(", "))));
    }
    wrong.extend(belong::strangers(&documents));
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    for name in &absent {
        note!(
            "{name}: missing; a generator that ends before its measurement is over writes no document"
        );
    }
    let exit = load::finish(&add_up(documents)?, args.json.as_deref())?;
    // What is missing from a complete sum was not needed for it, and yet somebody expected it.
    Ok(if absent.is_empty() || exit != Exit::Ok { exit } else { Exit::Untrusted })
}

/// The sum of documents that belong together, whatever their order.
///
/// # Errors
/// When they do not, or a histogram in one of them is damaged.
fn add_up(mut documents: Vec<Named>) -> Result<Trial> {
    let wrong = belong::strangers(&documents);
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    documents.sort_by_key(|one| belong::parts(&one.trial).first().copied());
    let trials = documents.into_iter().map(|one| on_the_clock_of_part_0(one.trial));
    sum::merged_trial(&trials.collect::<Vec<_>>())
}

fn refused(wrong: &[String]) -> anyhow::Error {
    untrusted(format!("these are not the parts of one load:\n  {}", wrong.join("\n  ")))
}

/// What is known of a clock is taken into account once: a sum has none.
fn on_the_clock_of_part_0(mut trial: Trial) -> Trial {
    let start = trial.load.shard.as_ref().and_then(|shard| shard.start);
    if let (Some(start), Some(sums)) = (start, &mut trial.sums)
        && let ClockRecord::Compared { offset_ns, .. } = start.clock
    {
        sums.began_unix_ns = sums.began_unix_ns.saturating_add_signed(offset_ns);
    }
    trial
}

/// What a document says of itself that this version cannot read; `None` of one that is damaged.
fn other_version(path: &Path) -> Option<String> {
    let document: Value = store::read_json(path).ok()?;
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let mine = SchemaId::trial();
    let (name, version) = (text("/schema/name")?, document.pointer("/schema/version")?);
    if name != mine.name {
        return Some(format!("it is a {name} document, not that of a load"));
    }
    let program = text("/run/program_version")?;
    Some(format!(
        "it is from another version: c10k {program} wrote it, document version {version}; this is c10k {}, document \
         version {}",
        env!("CARGO_PKG_VERSION"),
        mine.version
    ))
}
