//! The process's limit of file descriptors.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::LoadError;

/// Descriptors for the program, its threads, and its observation of the server.
const DESCRIPTORS_BESIDE_CONNECTIONS: u64 = 64;

/// If the hard limit is too low for this many connections: the descriptors that they need, and the limit.
#[must_use]
pub fn descriptors_missing(connections: usize) -> Option<(u64, u64)> {
    let need = (connections as u64).saturating_add(DESCRIPTORS_BESIDE_CONNECTIONS);
    let limit = getrlimit(Resource::Nofile).maximum?;
    (limit < need).then_some((need, limit))
}

/// Raises the soft limit to the hard limit, and makes sure that it is enough.
pub(crate) fn make_room_for(connections: usize) -> Result<(), LoadError> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).map_err(|errno| LoadError::System {
            what: "cannot raise the limit of file descriptors",
            source: errno.into(),
        })?;
    }
    match descriptors_missing(connections) {
        Some((need, limit)) => Err(LoadError::Descriptors { need, limit }),
        None => Ok(()),
    }
}
