//! A well-behaved client beside a hostile one: it sends one request after the other on its own
//! connection and checks every reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::client::{self, CheckClient};
use crate::workload::speech::Speech;

/// The pause between two questions: the client must be present all the time without being a load.
const PAUSE: Duration = Duration::from_millis(2);

/// The client.
#[derive(Debug)]
pub struct Companion {
    last: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

struct Conversation {
    address: SocketAddr,
    speech: Speech,
    patience: Duration,
    /// A server may close a client that has been silent for this long.
    idle_timeout: Option<Duration>,
}

impl Companion {
    /// Connects and has its first question answered.
    ///
    /// # Errors
    /// When that fails.
    pub fn start(
        address: SocketAddr,
        speech: Speech,
        patience: Duration,
        idle_timeout: Option<Duration>,
    ) -> Result<Self> {
        let conversation = Conversation { address, speech, patience, idle_timeout };
        let mut begin = Instant::now();
        let connect = || {
            begin = Instant::now();
            CheckClient::connect(address, patience)
        };
        let client = client::served(connect, &speech.question(0), idle_timeout)?;
        let last = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&last);
        let thread = thread::spawn(move || conversation.go_on(client, begin, &seen));
        Ok(Self { last, thread: Some(thread) })
    }

    /// Sends one more request, and checks that all were answered.
    ///
    /// # Errors
    /// The failure of the first request that was not answered.
    pub fn finish(mut self) -> Result<()> {
        self.last.store(true, SeqCst);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().map_err(|_| anyhow!("the well-behaved client has panicked"))?
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.last.store(true, SeqCst);
    }
}

impl Conversation {
    /// Asks until `last` is set. The server's idle timer started no earlier than `asked_at`.
    fn go_on(
        &self,
        mut client: CheckClient,
        mut asked_at: Instant,
        last: &AtomicBool,
    ) -> Result<()> {
        let mut excused = false;
        for n in 1.. {
            let is_last = last.load(SeqCst);
            let question = self.speech.question(n);
            let begin = Instant::now();
            match client.exchange(&question) {
                Ok(()) if is_last => break,
                Ok(()) => asked_at = begin,
                Err(error) => {
                    let Some(idle) = self.idle_timeout else { return Err(error) };
                    // On a busy machine this client may have been silent for too long; then the
                    // server is right.
                    let were_silent = asked_at.elapsed() >= idle;
                    // A server that did not run between reading its clock and receiving the request
                    // overestimates the silence. That is excused once: a server with no such reason
                    // does it again.
                    if !were_silent && std::mem::replace(&mut excused, true) {
                        return Err(error);
                    }
                    asked_at = Instant::now();
                    client = CheckClient::connect(self.address, self.patience)?;
                }
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}
