//! The built-in plans.

use std::path::Path;

use anyhow::Result;

use super::Plan;
use crate::base::{did_you_mean, usage};

/// The plan that runs when none is named.
const QUICK: &str = "quick";

/// Every plan by name, one question each.
pub const BUILT_IN: &[(&str, &str)] = &[
    (QUICK, include_str!("../../plans/quick.toml")),
    ("latency", include_str!("../../plans/latency.toml")),
    ("connections", include_str!("../../plans/connections.toml")),
    ("idle", include_str!("../../plans/idle.toml")),
    ("work", include_str!("../../plans/work.toml")),
    ("churn", include_str!("../../plans/churn.toml")),
    ("payload", include_str!("../../plans/payload.toml")),
    ("rings", include_str!("../../plans/rings.toml")),
    ("pool", include_str!("../../plans/pool.toml")),
    ("overload", include_str!("../../plans/overload.toml")),
    ("classroom", include_str!("../../plans/classroom.toml")),
    ("contenders", include_str!("../../plans/contenders.toml")),
    ("scaling", include_str!("../../plans/scaling.toml")),
    ("stateful", include_str!("../../plans/stateful.toml")),
];

impl Plan {
    /// The quick comparison.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn quick() -> Self {
        Self::built_in(QUICK).expect("it is in the list").expect("a built-in plan is in order")
    }

    /// The built-in plan of that name.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Result<Self>> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| Self::parse(text))
    }

    /// The plan of this name: a built-in one, or a file. `./quick` is always a file.
    ///
    /// # Errors
    /// What is wrong with it, where, and what may have been meant.
    pub fn named(path: &Path) -> Result<Self> {
        if let Some(plan) = path.to_str().and_then(Self::built_in) {
            return plan;
        }
        let is_name = path.components().count() == 1 && path.extension().is_none();
        if is_name && !path.exists() {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            let models = servers::MODELS.iter().map(|model| model.name);
            let hint = did_you_mean(&path.to_string_lossy(), names.iter().copied().chain(models));
            return Err(usage(format!(
                "there is no plan '{}', no file and no model of that name{hint}; built-in plans are {}",
                path.display(),
                names.join(", ")
            )));
        }
        Self::read(path)
    }
}
