//! A generator that runs from a copy of its program's file.
//!
//! The kernel divides a page among the processes that have it, and the pages of a program are one
//! file's: a server of this program would share them with its generator, and seem to need some MiB
//! less than a server of another program. From a copy in memory the generator shares none.

use crate::base::note;
use std::env;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

const NAME: &str = "c10k-generator";

/// The file that a copy was made of, and what it was then.
static ORIGINAL: OnceLock<(PathBuf, Identity)> = OnceLock::new();

/// What tells a file from another one that has taken its place.
type Identity = (u64, u64, u64, i64, i64);

/// Starts this program again from a copy of its file, with the same arguments, in this process;
/// returns in that one. To be called before anything else is done. Where it cannot be, a note on
/// standard error says what that means, and the program goes on.
pub(crate) fn run_from_a_copy() {
    if is_copy() {
        // Or lists of processes would call it by a number.
        let _ = rustix::thread::set_name(c"c10k");
        let original = PathBuf::from(env::args_os().next().unwrap_or_default());
        if let Ok(is) = original.metadata() {
            let _ = ORIGINAL.set((original, identity(&is)));
        }
        return;
    }
    let Err(error) = start_copy();
    note!(
        "note: no copy of the program could be started ({error}), so servers share its pages with \
         the generator: their memory is shown too small beside servers of other programs"
    );
}

fn start_copy() -> io::Result<std::convert::Infallible> {
    let program = env::current_exe()?;
    let copy = copy_of(&program)?;
    let mut again = Command::new(format!("/proc/self/fd/{}", copy.as_raw_fd()));
    Err(again.arg0(program).args(env::args_os().skip(1)).exec())
}

fn copy_of(program: &Path) -> io::Result<OwnedFd> {
    let copy = match memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the second flag, and do not need it.
        Err(Errno::INVAL) => memfd_create(NAME, MemfdFlags::CLOEXEC),
        made => made,
    }?;
    let mut file = File::from(copy);
    io::copy(&mut File::open(program)?, &mut file)?;
    Ok(file.into())
}

fn is_copy() -> bool {
    let file = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    file.to_string_lossy().starts_with(&format!("/memfd:{NAME}"))
}

/// The file of this program.
///
/// # Errors
/// When the kernel does not name it, or another file has taken its place since the program was
/// started: its servers would be another program's.
pub(crate) fn this_program() -> Result<PathBuf> {
    let Some((original, then)) = ORIGINAL.get() else {
        ensure!(!is_copy(), "the program's own file is gone: start it again");
        return env::current_exe().context("cannot find this program's own file");
    };
    let now = original.metadata().map(|is| identity(&is));
    ensure!(
        now.is_ok_and(|now| now == *then),
        "{} was replaced or removed while it ran: start it again",
        original.display()
    );
    Ok(original.clone())
}

fn identity(is: &Metadata) -> Identity {
    (is.dev(), is.ino(), is.size(), is.mtime(), is.mtime_nsec())
}
