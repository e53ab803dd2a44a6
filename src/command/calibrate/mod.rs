//! `c10k calibrate`: a server with known latencies, to test a load generator.
//!
//! It answers `ECHO` lines and any HTTP `GET`, so other generators can be tested too. A [`Law`]
//! gives the time of each reply from the arrival of its request. When it stops it prints the
//! latencies of the law and its own, from read to write. A generator that reports less has missed
//! requests. What it reports beyond that is transport, wake-ups and its own time.
//!
//! With the law `none` it is the null baseline (`null.rs`), which shows what a generator can do at
//! most.

mod door;
mod law;
mod null;
mod server;
mod speech;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::Serialize;

use crate::base;
use crate::base::target::address;
use crate::base::values::{CpuList, cpu_list};
use crate::base::{Exit, usage};
use crate::document::Distribution;
use crate::host::machine;
use crate::process::interrupts;

pub use law::Law;

/// `c10k calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Service times: fixed:1ms, bimodal:1ms@99%,50ms, stall:100ms/1s or ramp:1ms..10ms/10s; with
    /// none, reply at once, as cheaply as possible, and record nothing
    #[arg(long)]
    pub law: Law,
    /// Address to listen on; port 0 picks a free port, which the ready line names
    #[arg(long, default_value = "127.0.0.1:9000", value_parser = address)]
    pub listen: SocketAddr,
    /// Pin the server to these processors, as in 0 or 0,2 or 0-3
    #[arg(long, value_parser = cpu_list, default_value = "", hide_default_value = true)]
    pub cpus: CpuList,
    /// End when the parent process ends
    #[arg(long, hide = true)]
    pub stop_with_parent: bool,
}

#[derive(Serialize)]
struct Ready {
    event: &'static str,
    address: String,
    pid: u32,
    law: String,
    cpus: Vec<usize>,
}

#[derive(Serialize)]
struct Stopped {
    event: &'static str,
    law: String,
    connections: u64,
    requests: u64,
    unanswered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_law: Option<Distribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replied: Option<Distribution>,
}

/// Serves by a law until a signal, then prints its latencies.
///
/// # Errors
/// When it cannot listen, or the kernel fails it.
pub fn calibrate(args: &CalibrateArgs) -> Result<Exit> {
    if args.stop_with_parent {
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    if !args.cpus.is_empty() {
        machine::pin(&args.cpus).map_err(|error| usage(format!("{error:#}")))?;
    }
    let stop = interrupts()?;
    let cannot_listen = || {
        format!("cannot listen on {}: choose another port, or port 0 for a free one", args.listen)
    };
    let stopped = if args.law == Law::None {
        let server = null::NullServer::bind(args.listen).with_context(cannot_listen)?;
        ready(args, server.address()?)?;
        let done = server.run(&stop).context("the null baseline failed")?;
        Stopped::with_counts(args.law, (done.connections, done.requests, 0))
    } else {
        let server =
            server::CalibrationServer::bind(args.listen, args.law).with_context(cannot_listen)?;
        ready(args, server.address()?)?;
        let record = server.run(&stop).context("the calibration server failed")?;
        let counts = (record.connections, record.requests, record.unanswered);
        let none = loadgen::Histogram::new_from(&record.replied);
        Stopped {
            by_law: Some(Distribution::from_histograms(&record.by_law, &none)?),
            replied: Some(Distribution::from_histograms(&record.replied, &none)?),
            ..Stopped::with_counts(args.law, counts)
        }
    };
    base::print_line(&stopped)?;
    Ok(Exit::Ok)
}

fn ready(args: &CalibrateArgs, address: SocketAddr) -> Result<()> {
    base::print_line(&Ready {
        event: "ready",
        address: address.to_string(),
        pid: std::process::id(),
        law: args.law.to_string(),
        cpus: machine::cpus(),
    })
}

impl Stopped {
    /// What it did, without its times: connections, requests, and those of them not answered.
    fn with_counts(law: Law, (connections, requests, unanswered): (u64, u64, u64)) -> Self {
        let law = law.to_string();
        let (by_law, replied) = (None, None);
        Self { event: "stopped", law, connections, requests, unanswered, by_law, replied }
    }
}
