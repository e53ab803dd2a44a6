//! A chat room of a thousand members, in every model that has one and in C. Every delivery is counted.

use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::machine;
use c10k::statistics::claim::Claim;
use c10k::units::as_f64;
use loadgen::{RoomLoad, RoomOutcome, run_room};

use crate::comparison::{Comparison, Unit};
use crate::setting::{Found, Setting};
use crate::support::process::{ServerProcess, build_c};
use crate::support::{DESCRIPTORS_RESERVED, raise_descriptor_limit};

const MEMBERS: usize = 1_000;
const MEMBERS_QUICK: usize = 12;
/// Members that send; each sends again when all members have received its last message.
const SENDERS: usize = 10;
const MESSAGE_BYTES: usize = 64;
const AGAINST: &str = "broadcast.c";
/// The model that waits as the C program does; there is no claim about the others.
const SAME_SHAPE: &str = "epoll";
/// The claim: at least this share of what the C program does.
const SHARE_OF_C: f64 = 0.95;
const WARMUP: Duration = Duration::from_millis(300);
const MEASURE: Duration = Duration::from_secs(2);
const MEASURE_QUICK: Duration = Duration::from_millis(200);

/// No load is stopped early: an interrupt ends this program and its children.
static NEVER: AtomicBool = AtomicBool::new(false);

/// The figures of one room.
#[derive(Clone, Copy, Debug)]
struct Figures {
    deliveries_per_s: f64,
    p99_ns: f64,
}

/// Measures every model's room and that of the C program, in pairs.
pub(crate) fn measure(setting: &Setting, found: &mut Found) -> Result<()> {
    let members = setting.so_many(MEMBERS, MEMBERS_QUICK);
    let (limit, need) = (raise_descriptor_limit(), members + DESCRIPTORS_RESERVED);
    if need > limit {
        found.skipped.push(format!(
            "chat: it needs {need} descriptors and this process may open {limit} (ulimit -n)"
        ));
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    build_c("classroom/c/broadcast.c", folder.path());
    let program = folder.path().join("broadcast");
    if !program.exists() {
        found
            .skipped
            .push(format!("chat: cannot build {AGAINST}: is a C compiler (cc) installed?"));
        return Ok(());
    }
    let models = servers::MODELS.iter().filter(|model| model.chat.is_some());
    for model in models.filter(|model| setting.wants(model.name)) {
        if let Err(why) = (model.probe)() {
            found.skipped.push(format!("chat: {}: it cannot run here: {why}", model.name));
            continue;
        }
        let ours = || ServerProcess::start_model_with(model.name, &words(), setting.server_cpu);
        let theirs = || ServerProcess::start(&mut Command::new(&program), setting.server_cpu);
        let (mut rates, mut fan_outs) = (Vec::new(), Vec::new());
        for round in 0..setting.rounds {
            eprintln!("classroom: chat: {}, round {}", model.name, round + 1);
            let figures = |server: Result<ServerProcess>, name: &str| {
                room(setting, members, &server?).with_context(|| format!("the room of {name}"))
            };
            let (ours, theirs) = if round.is_multiple_of(2) {
                let ours = figures(ours(), model.name)?;
                (ours, figures(theirs(), AGAINST)?)
            } else {
                let theirs = figures(theirs(), AGAINST)?;
                (figures(ours(), model.name)?, theirs)
            };
            rates.push((ours.deliveries_per_s, theirs.deliveries_per_s));
            fan_outs.push((ours.p99_ns, theirs.p99_ns));
        }
        let claimed = model.name == SAME_SHAPE;
        for (figure, unit, claim, pairs) in [
            ("deliveries a second", Unit::Rate, Claim::AtLeast(SHARE_OF_C), rates),
            ("fan-out p99", Unit::Time, Claim::AtMost(1.0 / SHARE_OF_C), fan_outs),
        ] {
            found.comparisons.push(Comparison {
                what: format!("chat, {}, {members} members", model.name),
                figure,
                against: AGAINST.into(),
                unit,
                claim: claimed.then_some(claim),
                pairs,
            });
        }
    }
    Ok(())
}

fn words() -> Vec<String> {
    ["--app", "chat"].map(String::from).to_vec()
}

fn room(setting: &Setting, members: usize, server: &ServerProcess) -> Result<Figures> {
    let load = RoomLoad {
        address: server.address,
        members,
        senders: SENDERS,
        message_bytes: MESSAGE_BYTES,
        rate_per_s: None,
        warmup: if setting.quick { Duration::ZERO } else { WARMUP },
        measure: if setting.quick { MEASURE_QUICK } else { MEASURE },
        drain: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(60),
    };
    let ours = machine::cpus();
    machine::pin(&[setting.client_cpu])?;
    let outcome = run_room(&load, &NEVER, &mut |_| ());
    machine::pin(&ours)?;
    figures(&outcome?, members)
}

/// The figures of a room that delivered everything. A room that leaves members out does less work, so it cannot be
/// compared.
fn figures(outcome: &RoomOutcome, members: usize) -> Result<Figures> {
    let RoomOutcome { messages, delivered, missing, out_of_order, strange, gone, .. } = *outcome;
    ensure!(messages > 0, "no message was sent in the measurement");
    ensure!(
        (missing, out_of_order, strange, gone) == (0, 0, 0, 0)
            && delivered == messages * members as u64,
        "{delivered} deliveries of {messages} messages to {members} members: {missing} are missing, {out_of_order} \
         out of order, {strange} not from this load, {gone} members are gone"
    );
    Ok(Figures {
        deliveries_per_s: as_f64(outcome.heard) / outcome.measured.as_secs_f64(),
        p99_ns: as_f64(outcome.fan_out.value_at_quantile(0.99)),
    })
}
