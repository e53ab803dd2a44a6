//! `c10k merge`: the documents of several generators that loaded one server together, added up.
//!
//! Everything that is a count or a histogram is added; means, ratios and quantiles are computed
//! again from the sums, and all checks are made again. Slices of the measurement are put side by
//! side by the time of day at which they began, to the nearest slice. The order of the documents
//! does not matter, and a sum can be added to again.

mod sum;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::base::units::show_ns;
use crate::base::{Exit, usage};
use crate::command::load;
use crate::document::Trial;
use crate::document::store;

/// Generators that begin further apart than this share of the measurement did not load the server
/// together.
const APART_MAX_SHARE: u64 = 10;

/// `c10k merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Documents of `c10k load --shard K/N --json`
    #[arg(required = true, num_args = 1..)]
    pub documents: Vec<PathBuf>,
    /// Write the sum as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<PathBuf>,
}

/// Adds documents up, prints what they come to, and writes it down if asked to.
///
/// # Errors
/// When a document cannot be read, or they do not belong together; the message names the field.
pub fn merge(args: &MergeArgs) -> Result<Exit> {
    let read = |path: &PathBuf| store::read_json(path).map_err(|error| usage(format!("{error:#}")));
    let documents = args.documents.iter().map(read).collect::<Result<Vec<Trial>>>()?;
    load::finish(&add_up(documents)?, args.json.as_deref())
}

/// The sum of documents that belong together, whatever their order.
///
/// # Errors
/// When they do not, or a histogram in one of them is damaged.
pub fn add_up(mut documents: Vec<Trial>) -> Result<Trial> {
    documents.sort_by_key(|trial| trial.load.shard.as_ref().and_then(|s| s.parts.first().copied()));
    belong_together(&documents).map_err(usage)?;
    sum::merged_trial(&documents)
}

/// A field by its place in the document, and its value.
type Field = (&'static str, fn(&Trial) -> Value);

/// What has to be the same.
const SAME: [Field; 17] = [
    ("schema", |trial| json!(trial.schema)),
    ("run.program_version", |trial| json!(trial.run.program_version)),
    ("run.seed", |trial| json!(trial.run.seed)),
    ("target.address", |trial| json!(trial.target.address)),
    ("load.app", |trial| json!(trial.load.app)),
    ("load.framing", |trial| json!(trial.load.framing)),
    ("load.request", |trial| json!(trial.load.request)),
    ("load.arrivals", |trial| json!(trial.load.arrivals)),
    ("load.request_timeout_ns", |trial| json!(trial.load.request_timeout_ns)),
    ("load.greeting", |trial| json!(trial.load.greeting)),
    ("load.conduct", |trial| {
        // Source addresses, and who there is beside the load, are each generator's own.
        let conduct = trial.load.conduct.as_ref();
        json!(conduct.map(|conduct| (
            conduct.requests_per_connection,
            conduct.lifetime_ns,
            conduct.pipeline,
            conduct.think_time,
        )))
    }),
    ("load.shard.of", |trial| json!(trial.load.shard.as_ref().map(|shard| shard.of))),
    ("client.engine", |trial| json!(trial.client.engine)),
    ("client.pacing.kind", |trial| json!(trial.client.pacing.as_ref().map(|pacing| pacing.kind))),
    ("phases.warmup_ns", |trial| json!(trial.phases.warmup_ns)),
    ("phases.measure_ns", |trial| json!(trial.phases.measure_ns)),
    ("intervals", |trial| json!(sum::slice_ns(trial))),
];

/// Why they cannot be added up.
fn belong_together(documents: &[Trial]) -> Result<(), String> {
    let Some(first) = documents.first() else { return Err("there is nothing to merge".into()) };
    for trial in documents {
        if trial.load.shard.is_none() {
            return Err(
                "load.shard: a document is not a shard; make the shards with c10k load --shard \
                 0/N, 1/N and so on"
                    .into(),
            );
        }
        if trial.sums.is_none() {
            return Err("sums: a document of an earlier version has only means, which cannot be \
                added; measure again"
                .into());
        }
        if trial.server.is_some() {
            return Err("server: a document has a server's accounts, which cannot be merged".into());
        }
        for (field, value) in SAME {
            let (ours, theirs) = (value(first), value(trial));
            if ours != theirs {
                return Err(format!(
                    "{field}: {ours} in one document and {theirs} in another: they are not shards \
                     of one load"
                ));
            }
        }
    }
    let parts = documents.iter().filter_map(|trial| trial.load.shard.as_ref());
    let mut parts: Vec<u64> = parts.flat_map(|shard| &shard.parts).copied().collect();
    parts.sort_unstable();
    if let Some(twice) = parts.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("load.shard: shard {} appears twice", twice[0]));
    }
    at_the_same_time(documents)
}

fn at_the_same_time(documents: &[Trial]) -> Result<(), String> {
    let began = || documents.iter().filter_map(|trial| Some(trial.sums?.began_unix_ns));
    let apart = began().max().unwrap_or(0) - began().min().unwrap_or(0);
    let measure = documents.iter().map(|trial| trial.phases.measure_ns).max().unwrap_or(0);
    if apart > measure / APART_MAX_SHARE {
        return Err(format!(
            "sums.began_unix_ns: the measurements began {} apart and last {} each: start them \
             together with --start-at",
            show_ns(apart),
            show_ns(measure)
        ));
    }
    Ok(())
}
