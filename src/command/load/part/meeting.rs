//! The parts of a load meet before it: part 0 listens, the others connect.
//!
//! Each part says which part of which load it sends, compares its clock with that of part 0, and
//! reports when its connections to the server are open. When all are open, part 0 announces the
//! start, and the meeting ends. If a part is missing, comes twice or has another load, all parts
//! name it, and there is no start. docs/decisions.md says why the parts meet instead of using a
//! file or the start of the job.

mod clock;
mod first;
mod other;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use loadgen::Agreement;
use serde_json::Value;

use crate::base::untrusted;
use crate::document::ClockRecord;

/// Between two looks at whether something has happened.
const LOOK: Duration = Duration::from_millis(5);

/// What a part brings to the meeting.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) k: u64,
    pub(crate) n: u64,
    pub(crate) place: (String, u16),
    /// The machine that it runs on.
    pub(crate) host: String,
    /// How long it waits for the others.
    pub(crate) gather: Duration,
    /// When the load is to begin, if that is given.
    pub(crate) start_at: Option<Duration>,
    pub(crate) version: String,
    /// Settings that must be equal in all parts, by name.
    pub(crate) load: BTreeMap<String, Value>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// When the load begins, by the clock of part 0.
    pub(crate) at: Duration,
    /// The same by the clock of this part.
    pub(crate) here: Duration,
    /// The clock of this part beside that one.
    pub(crate) clock: ClockRecord,
    /// The machines of all parts, in their order.
    pub(crate) hosts: Vec<String>,
}

/// A part at its meeting, on a thread of its own while connections are opened.
pub(crate) struct Meeting {
    agreement: Arc<Agreement>,
    gone: Arc<OnceLock<String>>,
    thread: JoinHandle<Result<Agreed, String>>,
}

/// What the thread shares with the generator.
struct Link {
    agreement: Arc<Agreement>,
    /// Why the generator is not there any more.
    gone: Arc<OnceLock<String>>,
    until: Instant,
}

impl Link {
    fn gone(&self) -> Option<&str> {
        self.gone.get().map(String::as_str)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Why a generator is gone that does not say so.
pub(super) const GONE: &str = "its generator ended before the start";

impl Meeting {
    /// Goes there.
    ///
    /// # Errors
    /// Where part 0 cannot listen.
    pub(crate) fn begin(terms: Terms) -> Result<Self> {
        let agreement = Arc::new(Agreement::default());
        let gone = Arc::new(OnceLock::new());
        let link = Link {
            agreement: Arc::clone(&agreement),
            gone: Arc::clone(&gone),
            until: Instant::now() + terms.gather,
        };
        let listener = (terms.k == 0).then(|| first::listen(&terms)).transpose()?;
        let thread = std::thread::spawn(move || {
            let found = match &listener {
                Some(listener) => first::host(listener, &terms, &link),
                None => other::join(&terms, &link),
            };
            match &found {
                Ok(agreed) => link.agreement.begin_at(agreed.here),
                Err(_) => link.agreement.call_off(),
            }
            found
        });
        Ok(Self { agreement, gone, thread })
    }

    /// What the generator waits for.
    pub(crate) fn agreement(&self) -> Arc<Agreement> {
        Arc::clone(&self.agreement)
    }

    /// Leaves, after the load or without one, and says why to those who still wait.
    ///
    /// # Errors
    /// Why there was no start.
    pub(crate) fn end(self, why: &str) -> Result<Agreed> {
        self.gone.get_or_init(|| why.into());
        let found = self.thread.join().map_err(|_| anyhow!("the meeting's thread panicked"))?;
        found.map_err(|why| untrusted(format!("no start: {why}")))
    }
}

/// The time of day, since the Unix epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Parts by their numbers, as a sentence has them.
fn listed(parts: &[u64]) -> String {
    let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("part {one}"),
        all => format!("parts {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests;
