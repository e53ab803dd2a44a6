//! The trials of a run in one compressed file: a line of JSON for each, with their common members
//! stored once.
//!
//! The first line is `{"common": {...}}`: members that are the same in nearly all documents, such
//! as the host. Each other line is `{"file": "trials/NAME.json", "trial": {...}}`, a document
//! without the members that equal the common ones. If `trials/NAME.json` does not exist,
//! [`store::read_json`] reads it from here, so readers need no other code.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Component, Path, PathBuf};
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
/// Trials that were set aside, in a folder of their own below that.
pub const SPOILED: &str = "spoiled";
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
    let run = path.ancestors().skip(1).take(2).find(|folder| folder.ends_with(TRIALS))?.parent()?;
    let packed = run.join(PACKED);
    let name = path.strip_prefix(run).ok()?.to_string_lossy().into_owned();
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
    let damaged = || format!("{} is damaged: restore it from its source", path.display());
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

/// Packs the trials of a run into one file and removes their files. Returns their number.
///
/// # Errors
/// When the folder is not a run's, a document cannot be read, or the file cannot be written;
/// nothing has changed then.
pub fn pack(dir: &Path) -> Result<usize> {
    let folder = dir.join(TRIALS);
    let names = names(&folder)?;
    let documents: Vec<Map<String, Value>> =
        names.iter().map(|name| store::read_json(&folder.join(name))).collect::<Result<_>>()?;
    let common = common(&documents);
    let path = dir.join(PACKED);
    store::write(&path, &compressed(&common, &names, &documents)?)?;
    // Files are removed only after the packed file has been read back.
    let written = read(&path)?;
    for (name, document) in names.iter().zip(&documents) {
        let whole = written.document(&format!("{TRIALS}/{name}"));
        ensure!(
            whole.as_ref() == Some(document),
            "{name} did not unpack to the same bytes: no trial was removed"
        );
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(names.len())
}

/// The trials below that folder, by their paths from there: those that were set aside have a folder of their own.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !folder.ends_with(SPOILED) {
            let below = self::names(&entry.path())?;
            ensure!(
                name == SPOILED,
                "{} has a folder {name}, which is not a trial",
                folder.display()
            );
            names.extend(below.into_iter().map(|file| format!("{name}/{file}")));
        } else {
            ensure!(
                name.ends_with(".json"),
                "{} has {name}, which is not a trial",
                folder.display()
            );
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
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

/// Unpacks a packed run. Returns the number of trials.
///
/// # Errors
/// When there is no packed file, it is damaged, or a file cannot be written.
pub fn unpack(dir: &Path) -> Result<usize> {
    let path = dir.join(PACKED);
    let packed = read(&path)?;
    let folder = dir.join(TRIALS);
    for file in packed.trials.keys() {
        // A packed file must not write outside the folder.
        let name = Path::new(file).strip_prefix(TRIALS).context("a trial is below trials/")?;
        let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(inside, "{} is damaged: it has a trial {file}", path.display());
        let place = folder.join(name);
        let parent = place.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let document = find(&place)?.context("it is in the file")?;
        store::write_json(&place, &document)?;
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
    fn trials_that_were_set_aside_are_packed_too() {
        let dir = run_of(&documents());
        let aside = dir.path().join(TRIALS).join(SPOILED);
        fs::create_dir(&aside).expect("made");
        store::write_json(&aside.join("a.json"), &json!({"load": 9})).expect("written");
        assert_eq!(pack(dir.path()).expect("packed"), 6);
        let load = |name: &str| {
            let read: Value = store::read_json(&dir.path().join(TRIALS).join(name)).expect("read");
            read["load"].clone()
        };
        assert_eq!((load("a.json"), load("spoiled/a.json")), (json!(0.1), json!(9)));
        assert_eq!(unpack(dir.path()).expect("unpacked"), 6);
        assert!(aside.join("a.json").is_file() && aside.with_file_name("a.json").is_file());
        fs::create_dir(dir.path().join(TRIALS).join("other")).expect("made");
        assert!(pack(dir.path()).is_err(), "nothing that is no trial is thrown away");
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
