//! `c10k report`: a saved run again.

use std::path::Path;

use anyhow::Result;

use crate::analysis::{pooled, standings};
use crate::base;
use crate::base::usage;
use crate::document::Summary;
use crate::document::store;
use crate::view::{page, table};

/// Prints the comparison of a saved run again and rewrites its page. A summary that lacks what
/// follows from its values or from its trials, as earlier versions wrote it, gets it too: the page
/// shows nothing that is not in a document.
///
/// # Errors
/// When there is no run in that folder, or a trial in it cannot be read.
pub(crate) fn report(dir: &Path) -> Result<()> {
    let path = dir.join("summary.json");
    if !path.is_file() {
        return Err(usage(format!(
            "{} holds no summary.json: give the folder of a run, as in \
             results/quick-20260101T120000Z",
            dir.display()
        )));
    }
    let written: Summary = store::read_json(&path)?;
    let mut summary = written.clone();
    if let Some(missing) = pooled::again(&mut summary, dir)? {
        eprintln!("{missing}");
    }
    standings::derive(&mut summary);
    if summary != written {
        store::write_json(&path, &summary)?;
    }
    page::write(&summary, dir)?;
    base::print(&table::summary(&summary))
}
