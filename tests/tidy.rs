//! Rules for the layout of the sources.

#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/heads.rs"]
mod heads;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/length.rs"]
mod length;
#[path = "tidy/map.rs"]
mod map;

use std::path::{Path, PathBuf};

/// A place in the repository.
fn root(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(place)
}
