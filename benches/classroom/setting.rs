//! What is measured, where, and what came of it.

use crate::comparison::Comparison;

/// What was measured.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) skipped: Vec<String>,
}

/// What is measured, and where.
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

    /// So many in earnest, and so many to see whether it works.
    pub(crate) fn so_many(&self, in_earnest: usize, quick: usize) -> usize {
        if self.quick { quick } else { in_earnest }
    }
}
