//! `c10k load --app chat`: a load on a room, where one message has as many deliveries as members.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use clap::Args;
use loadgen::{Address, RoomLoad};
use protocol::{App, Framing};

use super::{LoadArgs, OwnServer, outputs_can_be_written, stopped};
use crate::base::units::{now, parse_bytes, show_count, show_ns, show_ns_f64};
use crate::base::values::{Warmup, positive};
use crate::base::{Exit, invocation, usage};
use crate::document::{RoomTrial, SchemaId, Status, Validity};
use crate::host::machine;
use crate::process::interrupts;
use crate::trial::room::{GATHER_TIMEOUT, heard, record};
use crate::view::deliver;
use crate::workload::arrivals::RateArg;

/// Options of a load on a room.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "With --app chat")]
pub struct RoomArgs {
    /// Number of members that send messages; all --connections receive them [default: 1]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub senders: Option<usize>,
    /// Length of a message, without the sender's name [default: 64]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub message_bytes: Option<usize>,
}

impl RoomArgs {
    /// Refuses these options without --app chat.
    ///
    /// # Errors
    /// When one was given.
    pub(super) fn check(&self, app: App) -> Result<()> {
        let given = [
            ("--senders", self.senders.is_some()),
            ("--message-bytes", self.message_bytes.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) if app != App::Chat => {
                Err(usage(format!("{option} is for --app chat, not {}", app.name())))
            }
            _ => Ok(()),
        }
    }
}

/// Loads a room, prints the result, and writes it to a file on request.
pub(super) fn load(args: &LoadArgs) -> Result<Exit> {
    let rate_per_s = rate(args)?;
    let Warmup::For(warmup) = args.warmup() else {
        return Err(usage("--warmup auto does not work with --app chat: give a duration"));
    };
    outputs_can_be_written(args)?;
    let stop = interrupts()?;
    let server = OwnServer::start(args)?;
    let address = match (&server, args.named().map(|named| named.target.first())) {
        (Some(server), _) => server.child.address,
        (None, Some(Address::Tcp(address))) => *address,
        (None, Some(Address::Unix(_))) => {
            return Err(usage(
                "--app chat needs a TCP target, since members are named by address \
                and port",
            ));
        }
        (None, None) => bail!("no target given: name one, or a model with --serve"),
    };
    let load = RoomLoad {
        address,
        members: args.connections,
        senders: args.room.senders.unwrap_or(1),
        message_bytes: args.room.message_bytes.unwrap_or(64),
        rate_per_s,
        warmup,
        measure: args.duration(),
        drain: args.drain,
        connect_timeout: GATHER_TIMEOUT,
    };
    let started_at = now();
    let heard = heard(&load, server.as_ref().map(|server| &server.child), &stop)?;
    let trial = RoomTrial {
        schema: SchemaId::room(),
        started_at,
        program_version: env!("CARGO_PKG_VERSION").into(),
        command: invocation(),
        target: stopped(&Address::Tcp(address), args.named(), server)?,
        load: record(&load),
        found: heard.found,
        server: heard.server,
        host: machine::host(),
        validity: heard.validity,
        checks: heard.checks,
        interrupted: heard.interrupted,
    };
    deliver(&trial, args.json.as_deref(), &text(&trial))?;
    Ok(match trial.validity {
        _ if trial.interrupted => Exit::Interrupted,
        Validity::Invalid => Exit::Untrusted,
        Validity::Valid | Validity::Suspect => Exit::Ok,
    })
}

/// The rate of an open loop; refuses rates that a room does not support.
fn rate(args: &LoadArgs) -> Result<Option<f64>> {
    let others = [
        ("--requests", args.requests.is_some()),
        ("--find-capacity", args.find_capacity.is_some()),
        ("--replay", args.replay.is_some()),
        ("--poisson", args.poisson),
        ("--greeting", args.greeting),
        ("--threads", args.threads > 1),
        ("--shard", args.part.shard.is_some()),
        ("--start-at", args.part.start_at.is_some()),
        ("--cpus", !args.cpus.is_empty()),
        ("--echo", args.request.echo.is_some()),
        ("--mul", args.request.mul.is_some()),
        ("--work", args.request.work.is_some()),
        ("--path", args.path().is_some()),
        ("--hlog", args.formats.hlog.is_some()),
        ("--hgrm", args.formats.hgrm.is_some()),
    ];
    if let Some((option, _)) = others.into_iter().find(|(_, given)| *given) {
        return Err(usage(format!("{option} does not work with --app chat: leave it out")));
    }
    if args.framing() != Framing::Line {
        return Err(usage("--app chat needs line framing, which separates deliveries"));
    }
    match &args.rate {
        None => Ok(None),
        Some(RateArg::One(rate)) => Ok(Some(*rate)),
        Some(_) => Err(usage("--app chat needs one constant rate, as in --rate 100")),
    }
}

/// The answer first, then what it is made of.
fn text(trial: &RoomTrial) -> String {
    let RoomTrial { load, found, .. } = trial;
    let mut text = format!(
        "{} deliveries per second: {} messages of {} senders to {} members, in {}\n",
        show_count(found.deliveries_per_s),
        found.messages,
        load.senders,
        load.members,
        show_ns(found.measured_ns)
    );
    let quantile = |q: f64| found.fan_out.quantile(q).map_or("-".into(), |it| show_ns(it.value));
    let from = if load.rate_per_s.is_some() { "due" } else { "sent" };
    let _ = writeln!(
        text,
        "fan-out, from {from} to heard: p50 {}, p95 {}, p99 {}, max {}",
        quantile(0.5),
        quantile(0.95),
        quantile(0.99),
        show_ns(found.fan_out.max)
    );
    if let Some(server) = &trial.server {
        let each = found.server_cpu_per_delivery_ns.map_or("-".into(), show_ns_f64);
        let _ = writeln!(
            text,
            "server: {each} CPU per delivery, {:.0} % of a processor, {} threads",
            server.cpu_share * 100.0,
            server.threads
        );
    }
    let whole = found.missing == 0 && found.out_of_order == 0 && found.strange == 0;
    if whole && found.messages > 0 {
        text += "every member received every message once, in the same order\n";
    }
    for check in trial.checks.iter().filter(|check| check.status != Status::Pass) {
        let word = if check.status == Status::Fail { "INVALID" } else { "suspect" };
        let _ = writeln!(text, "{word}: {}", check.message);
    }
    text
}
