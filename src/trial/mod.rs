//! One trial.

pub mod live;
#[cfg(test)]
pub(crate) mod made;
pub mod record;
pub(crate) mod room;

use loadgen::LoadError;

use crate::base::usage;

/// What cannot work is the caller's to mend; what did not is the world's.
#[must_use]
pub fn explain(error: LoadError) -> anyhow::Error {
    match error {
        LoadError::Invalid { .. }
        | LoadError::Descriptors { .. }
        | LoadError::Engine { .. }
        | LoadError::TooLate
        | LoadError::Ports { .. } => usage(error.to_string()),
        other => other.into(),
    }
}
