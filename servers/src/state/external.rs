//! State in another process: Redis, over one connection for each serving thread.
//!
//! A step in the middle of a session takes two round trips, a read and a write; the first and the
//! last step take one each. This is not a transaction: a client that takes two steps of one session
//! at the same time may lose one of them. Waiting is bounded. A store that has gone is tried again
//! after a pause, so a server without its store refuses steps and serves everything else.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use protocol::state::{Add, Added, Kept, Reference, Refusal, Store};
use redis::{Client, Connection, RedisResult};

use crate::config::StartError;

/// How long the store may take to be reached, and to answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it is left alone when it could not be reached.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Sessions in Redis.
#[derive(Debug)]
pub struct External {
    client: Client,
    words: usize,
    ttl_ms: u64,
    /// As in a table: a session's number is a keyed hash.
    begun: AtomicU64,
    key: RandomState,
}

/// One thread's way to the store.
#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    not_before: Option<Instant>,
}

thread_local! {
    static LINK: RefCell<Link> = RefCell::default();
}

impl External {
    /// Sessions at this address, which must be reachable now.
    ///
    /// # Errors
    /// When it is no address, or nobody answers there.
    pub fn new(address: &str, words: usize, ttl: Duration) -> Result<Self, StartError> {
        let client = Client::open(address).map_err(|error| {
            StartError::State(format!(
                "--state-store: '{address}' is not a store's address ({error}): write \
                 redis://127.0.0.1:6379"
            ))
        })?;
        let unreachable = |source| StartError::Store { address: address.into(), source };
        // The connection is closed again: in models that fork, each process has its own.
        let mut connection = connect(&client).map_err(unreachable)?;
        redis::cmd("PING").exec(&mut connection).map_err(unreachable)?;
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let (begun, key) = (AtomicU64::new(0), RandomState::new());
        Ok(Self { client, words, ttl_ms, begun, key })
    }

    /// Asks the store over this thread's connection, which is made if it is not there.
    fn ask<T>(&self, ask: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Result<T, Refusal> {
        LINK.with_borrow_mut(|link| {
            if link.connection.is_none() {
                if link.not_before.is_some_and(|at| Instant::now() < at) {
                    return Err(Refusal::Store);
                }
                link.connection = connect(&self.client).ok();
            }
            let came = link.connection.as_mut().and_then(|connection| ask(connection).ok());
            if came.is_none() {
                // What it may still answer would be taken for the answer to the next question.
                link.connection = None;
                link.not_before = Some(Instant::now() + RETRY_AFTER);
            }
            came.ok_or(Refusal::Store)
        })
    }

    /// Puts it there, in the place of what there was or only if there is nothing. Returns whether it is
    /// there.
    fn put(&self, id: u64, kept: &Kept, only_new: bool) -> Result<bool, Refusal> {
        let mut state = Vec::with_capacity(kept.written_len());
        kept.write(&mut state);
        let mut set = redis::cmd("SET");
        set.arg(name(id)).arg(state).arg("PX").arg(self.ttl_ms);
        set.arg(if only_new { "NX" } else { "XX" });
        let done: Option<String> = self.ask(|connection| set.query(connection))?;
        Ok(done.is_some())
    }

    fn begin(&self, add: &Add<'_>) -> Result<Added, Refusal> {
        let mut kept = Kept::new(self.words);
        let (total, digest) = kept.step(add)?;
        let added = |reference| Added { total, digest, reference };
        if add.is_last() {
            return Ok(added(Reference::Nothing));
        }
        loop {
            // All processes of a server have the same key.
            let id = self.key.hash_one((process::id(), self.begun.fetch_add(1, Relaxed)));
            if self.put(id, &kept, true)? {
                return Ok(added(Reference::Id(id)));
            }
        }
    }

    fn go_on(&self, add: &Add<'_>) -> Result<Added, Refusal> {
        let id = add.id()?;
        let get = redis::cmd(if add.is_last() { "GETDEL" } else { "GET" }).arg(name(id)).to_owned();
        let state: Option<Vec<u8>> = self.ask(|connection| get.query(connection))?;
        let state = state.ok_or(Refusal::NoSession)?;
        let mut kept = Kept::from_bytes(&state, self.words).ok_or(Refusal::NoSession)?;
        let (total, digest) = match kept.step(add) {
            Ok(came_to) => came_to,
            Err(refusal) => {
                if add.is_last() {
                    // A step that is refused changes nothing.
                    self.put(id, &kept, true)?;
                }
                return Err(refusal);
            }
        };
        if add.is_last() {
            return Ok(Added { total, digest, reference: Reference::Nothing });
        }
        // It may have expired since it was read.
        let there = self.put(id, &kept, false)?;
        there
            .then_some(Added { total, digest, reference: Reference::Id(id) })
            .ok_or(Refusal::NoSession)
    }
}

impl Store for External {
    fn is_slow(&self) -> bool {
        true
    }

    fn add(&self, add: &Add<'_>, _: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        if add.is_first() { self.begin(add) } else { self.go_on(add) }
    }
}

fn connect(client: &Client) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(STORE_TIMEOUT)?;
    connection.set_read_timeout(Some(STORE_TIMEOUT))?;
    connection.set_write_timeout(Some(STORE_TIMEOUT))?;
    Ok(connection)
}

fn name(id: u64) -> String {
    format!("c10k:session:{id:016x}")
}
