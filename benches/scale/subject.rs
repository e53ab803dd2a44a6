//! One model, and how it is measured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use loadgen::Arrivals;
use procfs::process::Process;
use protocol::Request;
use servers::{Family, Model, Workers};

use crate::holder::{Held, PATIENCE};
use crate::support::load::Loop;
use crate::support::process::ServerProcess;

/// Connections in a closed loop beside idle ones.
pub(crate) const ACTIVE: usize = 32;
/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(300);
/// A server has settled if the number of its threads or processes is the same in this many looks.
const SETTLED_LOOKS: u32 = 5;
const SETTLED_PAUSE: Duration = Duration::from_millis(20);

/// One model, and how it is measured.
pub(crate) struct Subject<'a> {
    pub(crate) model: &'static Model,
    pub(crate) server_cpu: usize,
    pub(crate) client_cpu: usize,
    /// How long each measurement lasts.
    pub(crate) measure: Duration,
    pub(crate) stop: &'a AtomicBool,
}

impl Subject<'_> {
    /// Whether a worker serves one connection until that connection ends.
    pub(crate) fn is_pool(&self) -> bool {
        matches!(self.model.workers, Workers::Pool(_))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Starts a server that has to hold this many connections and the active ones. A pool gets a worker
    /// for each.
    pub(crate) fn start(&self, connections: usize) -> Result<ServerProcess> {
        let workers = connections + ACTIVE;
        let mut more = vec!["--idle-timeout".to_string(), "1h".to_string()];
        if self.is_pool() {
            more.extend(["--workers".to_string(), workers.to_string()]);
        }
        let mut server = ServerProcess::start_model_with(self.model.name, &more, self.server_cpu)?;
        if self.is_pool() {
            self.wait_for(workers, &mut server)?;
        }
        Ok(server)
    }

    /// A closed loop of echoes with this server.
    pub(crate) fn closed_loop(
        &self,
        server: &ServerProcess,
        connections: usize,
        measure: Duration,
    ) -> Loop<'_> {
        Loop {
            arrivals: Arrivals::Closed,
            target: server.address,
            pid: server.process.pid(),
            connections,
            request: Request::Echo { bytes: 64 },
            conduct: loadgen::Conduct::default(),
            warmup: WARMUP,
            measure,
            client_cpu: self.client_cpu,
            stop: self.stop,
        }
    }

    /// Starts a server with its default settings.
    pub(crate) fn start_plain(&self) -> Result<ServerProcess> {
        ServerProcess::start_model(self.model.name, self.server_cpu)
    }

    /// Waits until a server has accepted all new clients and is done with those that have left: it
    /// answers a further client, and the number of its threads or processes stays the same.
    pub(crate) fn settle(&self, server: &ServerProcess) -> Result<()> {
        let mut probe = Held::new(server.address, 1, self.stop);
        probe.grow(1)?;
        probe.serve()?;
        ensure!(probe.len() == 1, "a probe was not answered: {:?}", probe.refusals);
        drop(probe);
        let pid = server.process.pid();
        let (mut workers, mut same) = (self.workers(pid)?, 0);
        while same < SETTLED_LOOKS {
            ensure!(!self.is_stopped(), "interrupted");
            thread::sleep(SETTLED_PAUSE);
            let now = self.workers(pid)?;
            same = if now == workers { same + 1 } else { 0 };
            workers = now;
        }
        Ok(())
    }

    /// Waits for the workers of a pool, because its ready line comes before them.
    fn wait_for(&self, workers: usize, server: &mut ServerProcess) -> Result<()> {
        let pid = server.process.pid();
        let (mut most, mut since) = (0, Instant::now());
        while most < workers {
            ensure!(!self.is_stopped(), "interrupted");
            if let Some(status) = server.process.ended() {
                anyhow::bail!("the server ended with {most} of {workers} workers: {status}");
            }
            let now = self.workers(pid)?;
            if now > most {
                (most, since) = (now, Instant::now());
            }
            ensure!(since.elapsed() < PATIENCE, "only {most} of {workers} workers were made");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn workers(&self, pid: i32) -> Result<usize> {
        let process = Process::new(pid)?;
        Ok(if self.model.family == Family::Process {
            process.task_main_thread()?.children()?.len()
        } else {
            // The first thread may be a worker itself.
            usize::try_from(process.status()?.threads)?
        })
    }
}
