//! Manifests: how a contender is built and started, and what it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use protocol::Framing;
use serde::Deserialize;

use crate::base::usage;

/// The file in each contender's folder.
pub(super) const MANIFEST: &str = "contender.toml";

/// A folder of contenders, one language each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Manifest {
    /// The language, for people.
    pub(super) language: String,
    /// Programs that must be in `PATH`.
    pub(super) needs: Vec<String>,
    /// The command that installs them.
    pub(super) install: String,
    /// A command that prints the version of what builds or runs it.
    pub(super) version: Vec<String>,
    /// Commands that build it, in its folder.
    #[serde(default)]
    pub(super) build: Vec<Vec<String>>,
    /// Its servers.
    #[serde(rename = "server")]
    pub(super) servers: Vec<Entry>,
}

/// One server of a manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Entry {
    /// In the place of a model's name.
    pub(super) name: String,
    /// What it is, in a line.
    pub(super) what: String,
    /// The model of ours of the same shape.
    pub(super) compare: String,
    /// How it is set where that is not its defaults.
    #[serde(default)]
    pub(super) settings: Option<String>,
    /// What starts it; `{port}`, `{build}` and `{folder}` in it are filled in.
    pub(super) start: Vec<String>,
    /// How it cuts the stream into requests.
    #[serde(default = "line")]
    pub(super) framing: String,
    /// In HTTP: a page that is answered with a status from 200 to 299.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// A command that ends with 0 where this server can run.
    #[serde(default)]
    pub(super) only_if: Vec<String>,
    /// What to say where it cannot.
    #[serde(default)]
    pub(super) otherwise: String,
    /// Behaviours that it need not show, each with the reason.
    #[serde(default)]
    pub(super) exempt: BTreeMap<String, String>,
}

fn line() -> String {
    Framing::Line.name().into()
}

/// Every manifest below a folder, with its own folder, in the order of their names.
///
/// # Errors
/// When there is none, or one makes no sense.
pub(super) fn all(folder: &Path) -> Result<Vec<(PathBuf, Manifest)>> {
    let there_is_none = || {
        usage(format!(
            "there are no contenders in {}: run this in the folder of the project, or set folder in the plan's \
             [contenders]",
            folder.display()
        ))
    };
    let entries = fs::read_dir(folder).map_err(|_| there_is_none())?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join(MANIFEST).is_file());
    folders.sort();
    if folders.is_empty() {
        return Err(there_is_none());
    }
    let read = |folder: PathBuf| {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let manifest =
            toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))?;
        Ok((folder, manifest))
    };
    folders.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contenders_of_the_project_are_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/contenders");
        let all = all(&folder).expect("in order");
        assert!(all.len() >= 9);
        for (folder, manifest) in all {
            assert!(!manifest.needs.is_empty() && !manifest.install.is_empty(), "{folder:?}");
            for server in manifest.servers {
                assert!(servers::models::find(&server.compare).is_some(), "{}", server.compare);
                assert!(server.start.iter().any(|word| word.contains("{port}")), "{}", server.name);
                assert_eq!(server.framing == "http", server.path.is_some(), "{}", server.name);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = all(folder.path()).expect_err("there is none").to_string();
        assert!(said.contains("there are no contenders"), "{said}");
        fs::create_dir(folder.path().join("x")).expect("made");
        fs::write(folder.path().join("x").join(MANIFEST), "langage = 'C'\n").expect("written");
        let said = all(folder.path()).expect_err("misspelt").to_string();
        assert!(said.contains("contender.toml") && said.contains("langage"), "{said}");
    }
}
