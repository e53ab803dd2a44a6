//! A load on a room: from the load generator's results to the document.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;
use loadgen::{Histogram, RoomLoad, RoomOutcome, run_room};

use super::explain;
use crate::analysis::checks;
use crate::base::units::{as_f64, ns, show_ns};
use crate::document::{
    About, Check, Distribution, RoomFound, RoomLoadRecord, ServerAccount, Status, Validity,
};
use crate::host::accounts::Accountant;
use crate::process::child::ServerChild;

/// How long members may take to come together: each is told of each.
pub(crate) const GATHER_TIMEOUT: Duration = Duration::from_secs(60);
/// Where the thread that hears is busier than that, deliveries wait for it.
const BUSY_MOST: f64 = 0.9;

/// What came of a load on a room.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) found: RoomFound,
    /// What the server used, if it is ours.
    pub(crate) server: Option<ServerAccount>,
    pub(crate) checks: Vec<Check>,
    pub(crate) validity: Validity,
    pub(crate) interrupted: bool,
}

/// Puts a load on a room, and looks at its server if that is ours.
///
/// # Errors
/// When the load makes no sense, or the room cannot be loaded.
pub(crate) fn heard(
    load: &RoomLoad,
    server: Option<&ServerChild>,
    stop: &AtomicBool,
) -> Result<Heard> {
    let mut accountant =
        server.map(|child| Accountant::for_process(child.pid()).listening_on(child.address));
    let outcome = run_room(load, stop, &mut |moment| {
        if let Some(accountant) = accountant.as_mut() {
            accountant.watch(moment);
        }
    });
    let outcome = outcome.map_err(explain)?;
    let checks = judged(load, &outcome);
    let mut server = accountant
        .and_then(|accountant| accountant.bracket)
        .map(|bracket| bracket.account(outcome.heard, outcome.measured, outcome.bracket));
    // What a room serves are deliveries.
    let cpu = server.as_mut().and_then(|server| server.cpu_per_request_ns.take());
    Ok(Heard {
        found: RoomFound { server_cpu_per_delivery_ns: cpu, ..found(&outcome)? },
        server,
        validity: checks::validity(&checks),
        checks,
        interrupted: outcome.interrupted,
    })
}

/// What was asked for, as it is written down.
pub(crate) fn record(load: &RoomLoad) -> RoomLoadRecord {
    RoomLoadRecord {
        members: load.members,
        senders: load.senders,
        message_bytes: load.message_bytes,
        rate_per_s: load.rate_per_s,
        warmup_ns: ns(load.warmup),
        measure_ns: ns(load.measure),
    }
}

/// What is wrong with it, and with what.
fn judged(load: &RoomLoad, outcome: &RoomOutcome) -> Vec<Check> {
    let none = |name: &str, seen: u64, message: String| {
        let status = checks::unless(seen == 0, Status::Fail);
        checks::check(name, About::Server, status, (as_f64(seen), 0.0), message)
    };
    let RoomOutcome { missing, out_of_order, strange, gone, interrupted, .. } = *outcome;
    let mut all = vec![
        none("delivered", missing, format!("{missing} deliveries are missing")),
        none(
            "one-order",
            out_of_order,
            "two members heard the messages in different orders".into(),
        ),
        none("nothing-else", strange, format!("{strange} lines are not messages of this load")),
        none("members-stay", gone as u64, format!("{gone} members were disconnected")),
        none("complete", u64::from(interrupted), "it was interrupted".into()),
        none("some", u64::from(outcome.messages == 0), "no message was measured".into()),
    ];
    let busy = outcome.busy_share;
    all.push(checks::check(
        "generator-free",
        About::Generator,
        checks::unless(busy < BUSY_MOST, Status::Warn),
        (busy, BUSY_MOST),
        format!("the generator itself was busy for {:.0} % of the time", busy * 100.0),
    ));
    if load.rate_per_s.is_some() && !outcome.send_lag.is_empty() {
        let (late, all_of_it) = (outcome.send_lag.value_at_quantile(0.99), &outcome.fan_out);
        let felt = all_of_it.value_at_quantile(0.99);
        let status = checks::unless(late <= felt / 10, Status::Warn);
        let message = format!(
            "the generator itself was late: {} at p99, of a fan-out of {}",
            show_ns(late),
            show_ns(felt)
        );
        let seen = (as_f64(late), as_f64(felt / 10));
        all.push(checks::check("generator-on-time", About::Generator, status, seen, message));
    }
    all
}

/// As it is written down.
fn found(outcome: &RoomOutcome) -> Result<RoomFound> {
    let of = |histogram: &Histogram<u64>| {
        Distribution::from_histograms(histogram, &Histogram::new_from(histogram))
    };
    let seconds = outcome.measured.as_secs_f64();
    let per_second = |n: u64| if seconds > 0.0 { as_f64(n) / seconds } else { 0.0 };
    Ok(RoomFound {
        measured_ns: ns(outcome.measured),
        said: outcome.said,
        messages: outcome.messages,
        deliveries: outcome.delivered,
        heard: outcome.heard,
        deliveries_per_s: per_second(outcome.heard),
        server_cpu_per_delivery_ns: None,
        missing: outcome.missing,
        out_of_order: outcome.out_of_order,
        strange: outcome.strange,
        members_gone: outcome.gone,
        generator_busy_share: Some(outcome.busy_share),
        fan_out: of(&outcome.fan_out)?,
        send_lag: (!outcome.send_lag.is_empty()).then(|| of(&outcome.send_lag)).transpose()?,
    })
}
