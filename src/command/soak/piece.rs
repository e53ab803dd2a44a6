//! One server under load, from its start to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use protocol::Framing;
use servers::Family;

use super::mix::{Leg, Mix};
use super::{app_of, rest};
use crate::analysis::soak::needed;
use crate::base::units::{self, ns};
use crate::document::{SoakPiece, SoakSettings, SoakSubject};
use crate::process::server::RunningServer;
use crate::process::starting::{Start, Subject};
use crate::workload::speech::Speech;

/// How long a server may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many times its time a piece may take.
const LONGER_MAX: u64 = 3;

/// Soaks a server. `None` when somebody has stopped it.
///
/// # Errors
/// When it does not start.
pub(super) fn soak(
    started: &Subject,
    subject: &SoakSubject,
    round: u32,
    settings: &SoakSettings,
    stop: &AtomicBool,
) -> Result<Option<SoakPiece>> {
    let app = app_of(settings)?;
    let one_at_a_time =
        matches!(started, Subject::Model { model, .. } if model.family == Family::Sequential);
    let speech = Speech::for_app(app, Framing::Line);
    let started_at = units::now();
    let mut server = started.start(Start::plain(speech, PATIENCE))?;
    let mix = Mix::new(server.address, app, one_at_a_time)?;
    let mut piece = SoakPiece {
        subject: subject.clone(),
        round,
        started_at,
        lasted_ns: 0,
        connections: 0,
        requests: Default::default(),
        samples: Vec::new(),
        ended: None,
        stopped: None,
    };
    let failed = load(&server, &mix, settings, stop, &mut piece).err();
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    // The server first: that it has ended is why it could not be loaded.
    let words = server.ended_unasked().map(|words| format!("the server ended by itself: {words}"));
    piece.ended = words.or(failed.map(|error| format!("{error:#}")));
    if piece.ended.is_none() {
        match server.stop() {
            Ok(said) => piece.stopped = Some(said).filter(|said| !said.is_null()),
            Err(error) => piece.ended = Some(format!("it did not stop properly: {error:#}")),
        }
    }
    Ok(Some(piece))
}

/// Leg after leg beside the connections that stay, until the piece is over.
fn load(
    server: &RunningServer,
    mix: &Mix,
    settings: &SoakSettings,
    stop: &AtomicBool,
    piece: &mut SoakPiece,
) -> Result<()> {
    let pid = server.pid()?;
    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    let kept = thread::scope(|scope| {
        let kept = (!mix.one_at_a_time).then(|| scope.spawn(|| mix.kept(&over)));
        let mut sum = Leg::default();
        let made = (|| loop {
            let leg = mix.leg(stop)?;
            let cut = leg.cut;
            sum.add(leg);
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let before = piece.samples.last();
            piece.samples.push(rest::sample(pid, before, sum.connections, begun));
            if cut {
                return Err(anyhow!("it was too slow to be judged: a load did not end in time"));
            }
            if is_over(settings, begun, sum.connections) {
                return Ok(());
            }
        })();
        over.store(true, Ordering::Relaxed);
        piece.lasted_ns = ns(begun.elapsed());
        let kept = kept.map(|kept| kept.join().expect("a load does not panic"));
        piece.connections = sum.connections;
        piece.requests = sum.requests;
        made.map(|()| kept)
    })?;
    if let Some(kept) = kept.transpose()? {
        let mut sum = Leg { requests: std::mem::take(&mut piece.requests), ..Leg::default() };
        sum.add(kept);
        piece.connections += sum.connections;
        piece.requests = sum.requests;
    }
    Ok(())
}

/// A server that is slow has longer than its time, until it can be judged.
fn is_over(settings: &SoakSettings, begun: Instant, connections: u64) -> bool {
    let lasted = ns(begun.elapsed());
    let by_time = settings.piece_ns.is_some_and(|piece| {
        let judged = connections >= needed(settings.rounds);
        lasted >= piece && (judged || lasted >= piece.saturating_mul(LONGER_MAX))
    });
    by_time || settings.piece_connections.is_some_and(|piece| connections >= piece)
}
