//! Waiting for something outside this process.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Waits for a condition, for so long at most.
///
/// # Errors
/// When it does not come true; the message says what was waited for.
pub fn until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !condition() {
        ensure!(start.elapsed() < patience, "waited {patience:?} in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
