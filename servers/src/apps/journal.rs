//! `dispatch`: the log of its clients' actions, one line each.
//!
//! Each line is one write(2) at the end of the file, so lines of several threads and processes do
//! not mix. A line that cannot be written is counted, and clients are served all the same.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use protocol::Journal;
use rustix::fs::OFlags;
use rustix::io::{retry_on_intr, write};

use crate::net::Server;

/// The settings of `dispatch`.
#[derive(Clone, Debug)]
pub struct DispatchConfig {
    /// The commands for each client, in order.
    pub commands: Vec<String>,
    /// The file that is written to; standard error if there is none.
    pub log: Option<PathBuf>,
    /// Bytes of a result that are logged.
    pub result_bytes: usize,
}

impl Default for DispatchConfig {
    fn default() -> Self {
        Self { commands: Vec::new(), log: None, result_bytes: 1 << 20 }
    }
}

/// The log of a server.
#[derive(Debug)]
pub(crate) struct Log {
    file: Option<File>,
    /// Who has standard error, and counts.
    server: OnceLock<&'static Server>,
}

impl Log {
    /// Opens the file, or makes it; without one the lines go to standard error.
    ///
    /// # Errors
    /// When it can be neither.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<&'static Self> {
        let mut options = OpenOptions::new();
        // A pipe is not waited for.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.append(true).create(true).custom_flags(flags.bits().cast_signed());
        let file = path.map(|path| options.open(path)).transpose()?;
        Ok(Box::leak(Box::new(Self { file, server: OnceLock::new() })))
    }

    /// Whose log it is.
    pub(crate) fn belongs_to(&self, server: &'static Server) {
        self.server.get_or_init(|| server);
    }
}

impl Journal for Log {
    fn note(&self, line: &str) {
        let Some(server) = self.server.get() else { return };
        let line = format!("{line}\n");
        match &self.file {
            None => server.log_line(&line),
            Some(file) => match retry_on_intr(|| write(file, line.as_bytes())) {
                Ok(n) if n == line.len() => {}
                Ok(_) | Err(_) => server.log_line_dropped(),
            },
        }
    }
}
