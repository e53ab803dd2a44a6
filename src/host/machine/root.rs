//! The root of the kernel's files: `/`, or a prepared tree in tests.

use std::fs;
use std::path::PathBuf;

/// A folder with `proc` and `sys` in it.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// This machine.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::at("/")
    }

    /// Whatever is below this folder.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// A file's text without the space around it; `None` where there is none, or nothing in it.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.0.join(path)).ok()?;
        Some(text.trim().to_string()).filter(|text| !text.is_empty())
    }

    /// A file that is one number.
    pub(crate) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.parse().ok()
    }

    /// The names in a folder, in order; none where it cannot be read.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    /// The value of the first `name: value` line of a file.
    pub(crate) fn field(&self, path: &str, name: &str) -> Option<String> {
        let text = self.read(path)?;
        let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_string())
    }

    /// The folders of this process's control group and of those above it, for a controller: of
    /// the second version, and of the first where that is mounted.
    pub(crate) fn cgroups(&self, controller: &str) -> Vec<String> {
        let text = self.read("proc/self/cgroup").unwrap_or_default();
        let mut folders = Vec::new();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let mounts: &[&str] = match names {
                "" => &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
                names if names.split(',').any(|name| name == controller) => &["sys/fs/cgroup"],
                _ => continue,
            };
            let mount_of = |mount: &str| match names {
                "" => mount.to_string(),
                _ => format!("{mount}/{controller}"),
            };
            for mount in mounts.iter().map(|mount| mount_of(mount)) {
                let mut below = path.trim_matches('/');
                loop {
                    folders.push(format!("{mount}/{below}").trim_end_matches('/').to_string());
                    if below.is_empty() {
                        break;
                    }
                    below = below.rsplit_once('/').map_or("", |(above, _)| above);
                }
            }
        }
        folders
    }
}
