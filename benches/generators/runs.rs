//! Runs each generator against a fresh server: what it reported, and what it cost.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use c10k::units::{as_f64, ns};
use c10k::{accounts, machine};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::Serialize;

use crate::peers::Peer;
use crate::server::TargetServer;
use crate::support::conditions::steal_share;
use crate::support::process::spawn_on;
use crate::work::{Job, Told, Work};

/// One run of a generator.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) client: String,
    pub(crate) work: Work,
    pub(crate) round: u32,
    pub(crate) told: Told,
    /// From its start to its end.
    pub(crate) elapsed_ns: u64,
    /// Of the whole process.
    pub(crate) client_cpu_ns: u64,
    pub(crate) server_cpu_ns: u64,
    /// Share of all processors' time that the hypervisor took meanwhile.
    pub(crate) steal_share: Option<f64>,
}

impl Run {
    pub(crate) fn cpu_per_request_ns(&self) -> f64 {
        as_f64(self.client_cpu_ns) / as_f64(self.told.requests)
    }
}

/// Where generators run, and against what.
pub(crate) struct Bench<'a> {
    /// nginx, or one of our models by name.
    pub(crate) server: &'a str,
    pub(crate) time: Duration,
    pub(crate) server_cpu: usize,
    pub(crate) client_cpu: usize,
    /// Where the C programs are.
    pub(crate) folder: &'a Path,
}

impl Bench<'_> {
    fn job(&self, work: Work, at: std::net::SocketAddr) -> Job {
        Job { work, time: self.time, at, cpu: self.client_cpu }
    }

    pub(crate) fn can(&self, peer: &Peer, work: Work) -> Result<bool> {
        let nowhere = ([127, 0, 0, 1], 1).into();
        Ok(peer.command(&self.job(work, nowhere), self.folder)?.is_some())
    }

    /// Does all work once. A run that fails is recorded, and the others go on.
    pub(crate) fn round(
        &self,
        round: u32,
        works: &[Work],
        peers: &[&Peer],
        failed: &mut Vec<String>,
    ) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for work in works {
            for peer in peers {
                if !self.can(peer, *work)? {
                    continue;
                }
                match self.run(peer, *work, round) {
                    Ok(run) => runs.push(run),
                    Err(error) => failed.push(format!(
                        "{}, {work:?}, round {}: {error:#}",
                        peer.name,
                        round + 1
                    )),
                }
            }
        }
        Ok(runs)
    }

    /// One generator against a fresh server.
    pub(crate) fn run(&self, peer: &Peer, work: Work, round: u32) -> Result<Run> {
        let server = TargetServer::start(self.server, self.server_cpu)?;
        let mut command = peer
            .command(&self.job(work, server.address), self.folder)?
            .context("the generator cannot do this kind of work")?;
        let (ticks, begun) = (machine::steal_and_total_ticks(), Instant::now());
        let before = accounts::cpu_now(server.pid());
        let (output, cpu) = self.to_end(&mut command)?;
        let server_cpu = accounts::cpu_now(server.pid()).saturating_sub(before);
        Ok(Run {
            client: peer.name.clone(),
            work,
            round,
            elapsed_ns: ns(begun.elapsed()),
            told: peer.read(&output)?,
            client_cpu_ns: ns(cpu),
            server_cpu_ns: ns(server_cpu),
            steal_share: steal_share(ticks),
        })
    }

    /// Runs a program to its end. Returns what it printed and the CPU time of its process.
    fn to_end(&self, command: &mut Command) -> Result<(String, Duration)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn_on(command, self.client_cpu)?;
        let (mut output, mut errors) = (String::new(), String::new());
        child.stdout.take().expect("it was asked for").read_to_string(&mut output)?;
        child.stderr.take().expect("it was asked for").read_to_string(&mut errors)?;
        let pid = i32::try_from(child.id()).expect("process ids fit");
        let id = WaitId::Pid(Pid::from_raw(pid).context("a process has a number")?);
        // The CPU clock of an ended process can be read until it is reaped.
        waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let cpu = accounts::cpu_now(pid);
        let status = child.wait()?;
        // Our generator exits with 4 if a check of its result failed; the table has that result too.
        ensure!(status.success() || status.code() == Some(4), "{status}: {errors}");
        ensure!(!cpu.is_zero(), "its CPU clock did not move");
        Ok((output, cpu))
    }
}
