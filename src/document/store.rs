//! Writing results without loss: each file is written under a temporary name, synced and renamed.
//! So every existing file is complete.

mod lines;
pub mod packed;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::usage;

/// Writes `text` to `path`, whole or not at all.
///
/// # Errors
/// When the folder cannot be written to or the disk is full; the message says which file.
pub fn write(path: &Path, text: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if is_special(path) {
            return fs::write(path, text);
        }
        let path = through_links(path)?;
        let folder = folder_of(&path);
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        // Results are for everyone to read; a temporary file is not.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| {
        format!("cannot write {}: check the free space and the permissions", path.display())
    })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Links that lead to one another, at most, as in the kernel.
const LINKS_MAX: usize = 40;

/// Where a path leads if it is a symbolic link, be there a file or not. A link stays one.
fn through_links(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            // No link, or nothing there.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::from(rustix::io::Errno::LOOP))
}

/// A pipe or a device is written to. It is not to be replaced by a file, as root could.
fn is_special(path: &Path) -> bool {
    path.starts_with("/dev")
        || fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Checks that a file can be written; standard output (`-`) always can. Commands check before they
/// measure, so no measurement is lost.
///
/// # Errors
/// When not, with what to do about it.
pub fn can_be_written(path: &Path) -> Result<()> {
    if path == Path::new("-") || is_special(path) {
        return Ok(());
    }
    let target = through_links(path)
        .map_err(|error| usage(format!("cannot write {}: {error}", path.display())))?;
    let folder = folder_of(&target);
    let why = match tempfile::NamedTempFile::new_in(folder) {
        Ok(_) if path.is_dir() => "it is a folder".into(),
        Ok(_) => return Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => format!("there is no folder {}", folder.display()),
            ErrorKind::PermissionDenied => {
                format!("you have no permission to write to {}", folder.display())
            }
            _ => error.to_string(),
        },
    };
    Err(usage(format!("cannot write {}: {why}; choose another file", path.display())))
}

/// Writes a document as indented JSON.
///
/// # Errors
/// As [`write()`].
pub fn write_json(path: &Path, document: &impl Serialize) -> Result<()> {
    write(path, &json(document)?)
}

/// Writes the summary of a run as JSON, with a line for each of its many values.
///
/// # Errors
/// As [`write()`].
pub fn write_lines(path: &Path, document: &impl Serialize) -> Result<()> {
    write(path, &lines(document)?)
}

/// The same as text.
///
/// # Errors
/// When it has no JSON form, which is a bug.
pub fn lines(document: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let writer = &mut serde_json::Serializer::with_formatter(&mut text, lines::Lines::default());
    document.serialize(writer).context("the result has no JSON form")?;
    text.push(b'\n');
    Ok(text)
}

/// A document as indented JSON, with a final line feed.
///
/// # Errors
/// When it has no JSON form, which is a bug.
pub fn json(document: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(document).context(
        "the result cannot be written as \
        JSON",
    )?;
    text.push(b'\n');
    Ok(text)
}

/// Reads a document. A trial of a [packed] run is read from there.
///
/// # Errors
/// When the file does not exist or is not such a document; the message says where in the file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let packed = if path.exists() { None } else { packed::find(path)? };
    let text = if let Some(document) = packed {
        // As text again: a second way to read each type would make the program a tenth longer to
        // build.
        document.to_string().into_bytes()
    } else {
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    serde_json::from_slice(&text).with_context(|| {
        format!("{} is not a result of this version{}", path.display(), version_of(&text))
    })
}

/// Whether a document exists, as a file or in a [packed] run. A damaged document exists too:
/// reading it reports the damage.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    path.is_file() || packed::has(path).unwrap_or(true)
}

/// The name and version that an unreadable document gives for itself, if any.
fn version_of(text: &[u8]) -> String {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(text) else {
        return String::new();
    };
    let schema = &document["schema"];
    let (Some(name), Some(version)) = (schema["name"].as_str(), schema["version"].as_u64()) else {
        return String::new();
    };
    let program = document["run"]["program_version"].as_str();
    let program = program.or(document["program_version"].as_str());
    let program = program.map_or(String::new(), |by| format!(" by c10k {by}"));
    format!(
        ": it is a {name} of version {version}, written{program}, and this is c10k {}",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        write_json(&path, &[1, 2, 3]).expect("written");
        write_json(&path, &[4]).expect("written again");
        assert_eq!(read_json::<Vec<u32>>(&path).expect("read"), [4]);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let old = r#"{"schema": {"name": "c10k.trial", "version": 7},
                      "run": {"program_version": "0.0.1"}}"#;
        fs::write(&path, old).expect("written");
        let error = format!("{:#}", read_json::<Vec<u32>>(&path).expect_err("it is no list"));
        let says =
            "not a result of this version: it is a c10k.trial of version 7, written by c10k 0.0.1";
        assert!(error.contains(says), "{error}");
        fs::write(&path, "[1, 2").expect("written");
        let error = format!("{:#}", read_json::<Vec<u32>>(&path).expect_err("half a list"));
        assert!(error.contains("not a result of this version: EOF"), "{error}");
    }

    #[test]
    fn a_pipe_is_written_to_and_stays_one() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a pipe");
        can_be_written(&path).expect("it can");
        let reads = std::thread::spawn({
            let path = path.clone();
            move || fs::read(path).expect("read")
        });
        write(&path, b"all of it").expect("written");
        assert!(fs::metadata(&path).expect("it is there").file_type().is_fifo());
        assert_eq!(reads.join().expect("it reads"), b"all of it");
    }

    #[test]
    fn what_cannot_be_written_is_told_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        can_be_written(&path).expect("it can");
        assert!(!path.exists());
        let error = can_be_written(folder.path()).expect_err("a folder").to_string();
        assert!(error.contains("it is a folder"), "{error}");
        let error = can_be_written(&folder.path().join("none/a.json")).expect_err("no folder");
        assert!(error.to_string().contains("there is no folder"), "{error}");
        assert!(can_be_written(Path::new("-")).is_ok());
    }

    #[test]
    fn an_unwritable_folder_is_named_with_what_to_do() {
        let error = write(Path::new("/proc/none/a.json"), b"x").expect_err("no such folder");
        let text = format!("{error:#}");
        assert!(text.contains("/proc/none/a.json") && text.contains("the free space"), "{text}");
        // Whoever can go on with something says so where that is.
        assert!(!text.contains("--resume") && !text.contains("--out"), "{text}");
    }

    #[test]
    fn a_symbolic_link_is_written_through_and_stays_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("far")).expect("a folder");
        let is_link = |name: &str| fs::symlink_metadata(at(name)).expect("there").is_symlink();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, at(name)).expect("a link");
        };
        link("far/result.json", "link.json");
        link("link.json", "second.json");
        for number in 1..3 {
            // At first nothing is there that it leads to.
            can_be_written(&at("second.json")).expect("it can");
            write_json(&at("second.json"), &[number]).expect("written");
            assert_eq!(read_json::<Vec<u32>>(&at("far/result.json")).expect("read"), [number]);
            assert!(is_link("link.json") && is_link("second.json"));
            assert_eq!(fs::read_dir(at("far")).expect("listed").count(), 1);
        }
        link("none/a.json", "lost.json");
        let error = can_be_written(&at("lost.json")).expect_err("no folder").to_string();
        assert!(error.contains("there is no folder"), "{error}");
        link("round.json", "round.json");
        assert!(can_be_written(&at("round.json")).is_err());
        assert!(write(&at("round.json"), b"x").is_err());
    }
}
