//! `c10k pack`: the trials of a saved run in one file, so that runs can be kept with a program.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::base::{Exit, usage};
use crate::document::store::packed::{PACKED, TRIALS, pack, unpack};

/// `c10k pack`.
#[derive(Debug, Args)]
pub struct PackArgs {
    /// Folders of runs
    #[arg(required = true, value_name = "DIR")]
    pub runs: Vec<PathBuf>,
    /// Unpack them
    #[arg(long)]
    pub undo: bool,
}

/// Packs runs, or takes them apart.
///
/// # Errors
/// When a folder is no run's, or its files cannot be read or written; then nothing is lost.
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
        eprintln!("{}: {trials} trials are now in {into}", dir.display());
    }
    Ok(Exit::Ok)
}
