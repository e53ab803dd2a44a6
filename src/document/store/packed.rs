//! The trials of a run in one file: a line of JSON each, compressed, with what they have in common
//! stored once.
//!
//! The first line is `{"common": {...}}`: members of documents that are the same in nearly all trials,
//! such as the host. Each other line is `{"file": "trials/NAME.json", "trial": {...}}`, a document
//! without the members that equal the common ones. [`store::read_json`] reads
//! `trials/NAME.json` from here when there is no such file, so that no reader needs to know.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::document::store;

/// The file's name, in the folder of a run.
pub const PACKED: &str = "trials.jsonl.gz";
/// The folder that it stands for.
pub const TRIALS: &str = "trials";
/// Members that are stored once where they are equal.
const COMMON: &[&str] = &["schema", "host", "run"];

/// A line of the file after the first.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    file: String,
    trial: Map<String, Value>,
    /// Common members that this document does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lacks: Vec<String>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    common: Map<String, Value>,
}

/// The trials of a packed run by their names, in the order of the file.
#[derive(Debug)]
struct Packed {
    common: Map<String, Value>,
    trials: HashMap<String, Line>,
}

impl Packed {
    /// A document as it was.
    fn document(&self, file: &str) -> Option<Map<String, Value>> {
        let line = self.trials.get(file)?;
        let mut whole = self.common.clone();
        whole.retain(|name, _| !line.lacks.contains(name));
        whole.extend(line.trial.clone());
        Some(whole)
    }
}

/// The packed run that was read last: a reader asks for one trial after the other.
static LAST: Mutex<Option<(PathBuf, Arc<Packed>)>> = Mutex::new(None);

/// The packed file that the file `path` of a trial would be in, and its name there; `None` where no run is
/// packed.
fn place(path: &Path) -> Option<(PathBuf, String)> {
    let folder = path.parent().filter(|folder| folder.ends_with(TRIALS))?;
    let packed = folder.with_file_name(PACKED);
    let name = format!("{TRIALS}/{}", path.file_name()?.to_string_lossy());
    packed.exists().then_some((packed, name))
}

/// The document that would be in the file `path` had its run not been packed; `None` when it has not.
///
/// # Errors
/// When the packed file is damaged.
pub(super) fn find(path: &Path) -> Result<Option<Value>> {
    let Some((packed, name)) = place(path) else { return Ok(None) };
    Ok(read_cached(&packed)?.document(&name).map(Value::Object))
}

/// Whether it is there.
///
/// # Errors
/// When the packed file is damaged.
pub(super) fn has(path: &Path) -> Result<bool> {
    let Some((packed, name)) = place(path) else { return Ok(false) };
    Ok(read_cached(&packed)?.trials.contains_key(&name))
}

fn read_cached(path: &Path) -> Result<Arc<Packed>> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, packed)) = &*last
        && known == path
    {
        return Ok(Arc::clone(packed));
    }
    let packed = Arc::new(read(path)?);
    *last = Some((path.into(), Arc::clone(&packed)));
    Ok(packed)
}

fn read(path: &Path) -> Result<Packed> {
    let damaged = || format!("{} is damaged: restore it from where it came from", path.display());
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = BufReader::new(GzDecoder::new(file)).lines();
    let head = lines.next().with_context(damaged)?.with_context(damaged)?;
    let Head { common } = serde_json::from_str(&head).with_context(damaged)?;
    let mut trials = HashMap::new();
    for line in lines {
        let line = line.with_context(damaged)?;
        let line: Line = serde_json::from_str(&line).with_context(damaged)?;
        trials.insert(line.file.clone(), line);
    }
    Ok(Packed { common, trials })
}

/// Puts the trials of a run into one file and removes theirs. Returns how many there were.
///
/// # Errors
/// When the folder is no run's, a document cannot be read, or the file cannot be written; then
/// nothing has changed.
pub fn pack(dir: &Path) -> Result<usize> {
    let folder = dir.join(TRIALS);
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(name.ends_with(".json"), "{} has {name}, which is no trial", folder.display());
        names.push(name);
    }
    names.sort();
    let documents: Vec<Map<String, Value>> =
        names.iter().map(|name| store::read_json(&folder.join(name))).collect::<Result<_>>()?;
    let common = common(&documents);
    let path = dir.join(PACKED);
    store::write(&path, &compressed(&common, &names, &documents)?)?;
    // Nothing is removed before what was written has been read again.
    let written = read(&path)?;
    for (name, document) in names.iter().zip(&documents) {
        let whole = written.document(&format!("{TRIALS}/{name}"));
        ensure!(
            whole.as_ref() == Some(document),
            "{name} did not come out as it went in: nothing was removed"
        );
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(names.len())
}

/// The members that the first document shares with most others.
fn common(documents: &[Map<String, Value>]) -> Map<String, Value> {
    let Some(first) = documents.first() else { return Map::new() };
    let shared = |(name, value): &(&String, &Value)| {
        let alike = documents.iter().filter(|other| other.get(*name) == Some(value)).count();
        COMMON.contains(&name.as_str()) && alike * 2 > documents.len()
    };
    first.iter().filter(shared).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn compressed(
    common: &Map<String, Value>,
    names: &[String],
    documents: &[Map<String, Value>],
) -> Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    let mut line = |value: Value| -> Result<()> { Ok(writeln!(out, "{value}")?) };
    line(serde_json::to_value(Head { common: common.clone() })?)?;
    for (name, document) in names.iter().zip(documents) {
        let mut trial = document.clone();
        trial.retain(|name, value| common.get(name) != Some(value));
        let lacks = common.keys().filter(|name| !document.contains_key(*name)).cloned().collect();
        line(serde_json::to_value(Line { file: format!("{TRIALS}/{name}"), trial, lacks })?)?;
    }
    Ok(out.finish()?)
}

/// Takes a packed run apart again. Returns how many trials there are.
///
/// # Errors
/// When there is no packed file, it is damaged, or a file cannot be written.
pub fn unpack(dir: &Path) -> Result<usize> {
    let path = dir.join(PACKED);
    let packed = read(&path)?;
    let folder = dir.join(TRIALS);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in packed.trials.keys() {
        let name = Path::new(file).file_name().context("a trial has a name")?;
        let document = find(&folder.join(name))?.context("it is in the file")?;
        store::write_json(&folder.join(name), &document)?;
    }
    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    Ok(packed.trials.len())
}

/// Whether the trials of a run are in one file.
#[must_use]
pub fn is_packed(dir: &Path) -> bool {
    dir.join(PACKED).exists() && !dir.join(TRIALS).exists()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run_of(documents: &[(&str, Value)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join(TRIALS)).expect("made");
        for (name, document) in documents {
            store::write_json(&dir.path().join(TRIALS).join(name), document).expect("written");
        }
        dir
    }

    fn documents() -> Vec<(&'static str, Value)> {
        let host = json!({"kernel": "6.1", "cpus": 2});
        vec![
            ("a.json", json!({"host": host, "load": 0.1, "gaps": null})),
            ("b.json", json!({"host": host, "load": 1e-300})),
            ("c.json", json!({"host": {"kernel": "6.2"}, "load": 2})),
            ("d.json", json!({"host": host, "load": 3})),
            ("e.json", json!({"load": 4})),
        ]
    }

    #[test]
    fn a_packed_run_is_read_as_if_its_files_were_there() {
        let dir = run_of(&documents());
        assert_eq!(pack(dir.path()).expect("packed"), 5);
        assert!(!dir.path().join(TRIALS).exists());
        for (name, document) in documents() {
            let read: Value = store::read_json(&dir.path().join(TRIALS).join(name)).expect(name);
            assert_eq!(read, document, "{name}");
        }
        let error = store::read_json::<Value>(&dir.path().join("trials/f.json"));
        assert!(error.expect_err("none").to_string().contains("cannot read"));
        assert!(is_packed(dir.path()));
        assert!(store::is_there(&dir.path().join("trials/a.json")));
        assert!(!store::is_there(&dir.path().join("trials/f.json")));
    }

    #[test]
    fn what_most_trials_share_is_stored_once() {
        let dir = run_of(&documents());
        pack(dir.path()).expect("packed");
        let packed = read(&dir.path().join(PACKED)).expect("read");
        assert!(packed.common.contains_key("host") && !packed.common.contains_key("load"));
        assert!(!packed.trials["trials/a.json"].trial.contains_key("host"));
        assert_eq!(packed.trials["trials/c.json"].trial["host"]["kernel"], "6.2");
    }

    #[test]
    fn a_packed_run_is_taken_apart_again() {
        let dir = run_of(&documents());
        pack(dir.path()).expect("packed");
        assert_eq!(unpack(dir.path()).expect("unpacked"), 5);
        assert!(!dir.path().join(PACKED).exists());
        let read: Value = store::read_json(&dir.path().join("trials/e.json")).expect("read");
        assert_eq!(read, json!({"load": 4}));
    }

    #[test]
    fn a_damaged_file_is_said_to_be_one_and_no_folder_is_removed_for_a_stranger() {
        let dir = run_of(&documents());
        fs::write(dir.path().join(PACKED), b"no gzip").expect("written");
        let error = find(&dir.path().join("trials/z.json")).expect_err("damaged");
        assert!(error.to_string().contains("is damaged"), "{error}");
        fs::write(dir.path().join("trials/notes.txt"), b"mine").expect("written");
        let error = pack(dir.path()).expect_err("a stranger");
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert!(dir.path().join("trials/notes.txt").exists());
    }
}
