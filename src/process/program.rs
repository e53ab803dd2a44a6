//! The program's file, and copies of programs in memory, from which the servers of trials run.
//!
//! How many pages of a program a process has depends on how its file came into the page cache, and
//! each is divided among all processes that have it: a server shared them with its generator, and
//! of two files with the same bytes one seemed to need a third more. Of a copy in memory every page
//! is there, and only the server has it. A program that is built anew during a run changes nothing.

use std::fs::File;
use std::io::copy;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

use crate::base::note;

/// Each program that servers were started of, with its copy, if one could be made.
static COPIES: Mutex<Vec<(PathBuf, Option<OwnedFd>)>> = Mutex::new(Vec::new());

/// The file of this program, as it was called when this was first asked: the kernel marks the name of
/// one that is replaced.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn this_program() -> Result<PathBuf> {
    static NAME: OnceLock<PathBuf> = OnceLock::new();
    if let Some(name) = NAME.get() {
        return Ok(name.clone());
    }
    let name = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(NAME.get_or_init(|| name).clone())
}

/// A path by which a child may execute the program, as it was when this was first asked. That is the
/// program's own where no copy can be made; a note then says what that means.
pub(super) fn copy_of(program: &Path) -> PathBuf {
    let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = copies.iter().position(|(of, _)| of == program).unwrap_or_else(|| {
        let copy = in_memory(program).inspect_err(|error| {
            note!(
                "note: no copy of the program could be made ({error:#}), so servers share its pages \
                 with the generator, and their memory is shown too small"
            );
        });
        copies.push((program.into(), copy.ok()));
        copies.len() - 1
    });
    match &copies[known].1 {
        Some(copy) => format!("/proc/self/fd/{}", copy.as_raw_fd()).into(),
        None => program.into(),
    }
}

fn in_memory(program: &Path) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC;
    let memory = match memfd_create("c10k", flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the second flag, and do not need it.
        Err(Errno::INVAL) => memfd_create("c10k", flags),
        made => made,
    }?;
    let mut memory = File::from(memory);
    copy(&mut File::open(program)?, &mut memory)?;
    Ok(memory.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_that_is_replaced_goes_on_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        fs::copy("/bin/true", &program).expect("copied");
        let ends_well = || {
            let mut command = Command::new(copy_of(&program));
            command.arg0("program").status().expect("it runs").success()
        };
        assert!(ends_well());
        fs::remove_file(&program).expect("removed");
        fs::copy("/bin/false", &program).expect("copied");
        assert!(ends_well());
    }

    #[test]
    fn what_cannot_be_copied_is_started_itself() {
        let nowhere = Path::new("/nonexistent/program");
        assert_eq!(copy_of(nowhere), nowhere);
    }
}
