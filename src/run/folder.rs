//! The folder of a run: its lock, and the run that was started there.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::base::usage;

/// The plan of a run, with everything spelled out.
pub(crate) const PLAN: &str = "plan.toml";

/// A run's folder. No other process works in it while this is there, not even after a kill -9 of one
/// that did: the kernel lets go of the lock.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    _lock: Option<File>,
}

impl Folder {
    /// A new folder below `out`, with this one in it, and the run's id, which is its name. Two runs that
    /// begin in the same second have different ones.
    pub(crate) fn new(out: &Path, id: &str, inner: Option<&str>) -> Result<(Self, String)> {
        let cannot = |path: &Path| {
            format!("cannot create the folder {}: choose another with --out", path.display())
        };
        fs::create_dir_all(out).with_context(|| cannot(&out.join(id)))?;
        let mut name = id.to_owned();
        for next in 2.. {
            let path = out.join(&name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    name = format!("{id}-{next}");
                }
                made => {
                    made.and_then(|()| {
                        inner.map_or(Ok(()), |inner| fs::create_dir(path.join(inner)))
                    })
                    .with_context(|| cannot(&path))?;
                    break;
                }
            }
        }
        let path = out.join(&name);
        Ok((Self { _lock: lock(&path)?, path }, name))
    }

    /// That of a run that was begun.
    pub(crate) fn again(path: &Path) -> Result<Self> {
        Ok(Self { _lock: lock(path)?, path: path.into() })
    }

    /// What tells this plan from any other, as hexadecimal digits: trials of two plans are not those of
    /// one run.
    pub(super) fn plan_digest(&self) -> Result<String> {
        let path = self.path.join(PLAN);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(format!("{:016x}", fnv1a(&text)))
    }
}

/// The lock of a folder; none on a file system that has no locks.
fn lock(folder: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(usage(format!(
            "another c10k process is using {}: wait until it ends, or stop it with Ctrl-C",
            folder.display()
        ))),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Fowler, Noll and Vo's hash. It is to find changes, not forgeries.
fn fnv1a(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_have_folders_of_their_own() {
        let out = tempfile::tempdir().expect("a folder");
        let names = [(); 3].map(|()| Folder::new(out.path(), "a", None).expect("a folder").1);
        assert_eq!(names, ["a", "a-2", "a-3"]);
    }

    #[test]
    fn a_folder_is_of_one_run_at_a_time() {
        let out = tempfile::tempdir().expect("a folder");
        let (first, _) = Folder::new(out.path(), "a", None).expect("a folder");
        let path = first.path.clone();
        let error = Folder::again(&path).err().expect("it is taken").to_string();
        assert!(error.contains("another c10k process is using"), "{error}");
        drop(first);
        Folder::again(&path).expect("it is free");
    }

    #[test]
    fn every_change_of_a_plan_is_seen() {
        let out = tempfile::tempdir().expect("a folder");
        let (folder, _) = Folder::new(out.path(), "a", None).expect("a folder");
        let of = |text: &str| {
            fs::write(folder.path.join(PLAN), text).expect("written");
            folder.plan_digest().expect("read")
        };
        let one = of("trials = 3");
        assert_ne!(one, of("trials = 4"));
        assert_eq!(one, of("trials = 3"));
        // As published with the hash.
        assert_eq!(of("foobar"), "85944171f73967e8");
    }
}
