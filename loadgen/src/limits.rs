//! How many descriptors the process may open.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::LoadError;

/// For the program, its threads, and whatever it watches the server with.
const DESCRIPTORS_BESIDE_CONNECTIONS: u64 = 64;

/// Raises the soft limit to the hard limit, and makes sure that it is enough.
pub(crate) fn make_room_for(connections: usize) -> Result<(), LoadError> {
    let need = (connections as u64).saturating_add(DESCRIPTORS_BESIDE_CONNECTIONS);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).map_err(|errno| LoadError::System {
            what: "the limit of file descriptors cannot be raised",
            source: errno.into(),
        })?;
    }
    match limit.maximum {
        Some(limit) if limit < need => Err(LoadError::Descriptors { need, limit }),
        _ => Ok(()),
    }
}
