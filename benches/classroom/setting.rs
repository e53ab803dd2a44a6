//! The settings of a measurement, and its results.

use crate::comparison::Comparison;

/// What was measured, and what was skipped and why.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) skipped: Vec<String>,
}

/// How much is measured, of which models, and on which processors.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) rounds: u32,
    pub(crate) quick: bool,
    pub(crate) models: Vec<String>,
    pub(crate) server_cpu: usize,
    pub(crate) client_cpu: usize,
}

impl Setting {
    pub(crate) fn wants(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|name| name == model)
    }

    /// The number for a quick run, or the full one.
    pub(crate) fn so_many(&self, in_earnest: usize, quick: usize) -> usize {
        if self.quick { quick } else { in_earnest }
    }
}
