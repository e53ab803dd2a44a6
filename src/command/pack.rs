//! `c10k pack`: packs the trials of a saved run into one file, so that runs can be committed with
//! the sources.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::base::{Exit, note, usage};
use crate::document::store::packed::{PACKED, TRIALS, pack, unpack};

/// `c10k pack`.
#[derive(Debug, Args)]
pub struct PackArgs {
    /// Folders of runs
    #[arg(required = true, value_name = "DIR")]
    pub runs: Vec<PathBuf>,
    /// Unpack the trials again
    #[arg(long)]
    pub undo: bool,
}

/// Packs or unpacks runs.
///
/// # Errors
/// When a folder is not a run's, or its files cannot be read or written; nothing is lost then.
pub fn run(args: &PackArgs) -> Result<Exit> {
    for dir in &args.runs {
        let (needed, what) = if args.undo { (PACKED, "packed") } else { (TRIALS, "to be packed") };
        if !dir.join(needed).exists() {
            return Err(usage(format!(
                "{} is not a run {what}: it has no {needed}; name a folder that c10k run made",
                dir.display()
            )));
        }
        let trials = if args.undo { unpack(dir)? } else { pack(dir)? };
        let into = if args.undo { TRIALS } else { PACKED };
        note!("{}: {trials} trials are now in {into}", dir.display());
    }
    Ok(Exit::Ok)
}
