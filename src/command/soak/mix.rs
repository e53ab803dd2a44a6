//! The mixed load: connections that stay open, connections with one, a few or very many requests,
//! and misbehaving clients; and the outcomes of their requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;
use loadgen::{Conduct, Load, LoadError, Misbehaviour, Outcome, Think, ThinkTime};
use protocol::{App, Framing, Recipe, Request};

use crate::document::SoakRequests;

/// Connections that stay for the whole piece.
const KEPT: usize = 4;
/// How long a client thinks that is kept.
const THINKS: Duration = Duration::from_millis(5);
/// Longer than any piece.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Clients at a time that send one request on a connection.
const SHORT: usize = 8;
/// Clients at a time that send a few.
const FEW: usize = 4;
/// How many those are.
const FEW_REQUESTS: u64 = 4;
/// Clients of a leg that pipeline.
const PIPELINING: usize = 4;
/// How many requests each of those has under way.
const DEPTH: usize = 64;
/// How long they send: so a server has as many of their requests as it can answer.
const PIPELINED_FOR: Duration = Duration::from_millis(500);
/// Clients at a time that misbehave in each way.
const MISBEHAVING: usize = 2;
/// A leg that has not ended by then has a server that answers too slowly to be soaked.
const LEG_MAX: Duration = Duration::from_secs(120);
/// A reply that takes longer is none.
const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// How long the last replies of a leg are waited for.
const DRAIN: Duration = Duration::from_secs(5);

/// Connections of a leg: those of short clients, and of those with a few requests.
const LEG: (u64, u64) = (2_000, 500);

/// What a server is asked.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    address: SocketAddr,
    short: Arc<Recipe>,
    long: Arc<Recipe>,
    /// Whether the server serves one client after the other: then only short clients come, one by one, as
    /// any other would keep all others waiting.
    pub(super) one_at_a_time: bool,
}

/// What one load came to.
#[derive(Debug, Default)]
pub(super) struct Leg {
    pub(super) connections: u64,
    pub(super) requests: SoakRequests,
    /// It did not end by itself: somebody stopped it, or its server was too slow.
    pub(super) cut: bool,
}

impl Mix {
    pub(super) fn new(address: SocketAddr, app: App, one_at_a_time: bool) -> Result<Self> {
        let recipe = |size| {
            let request = match app {
                App::Multiply => Request::Multiply { digits: size / 16 },
                _ => Request::Echo { bytes: size },
            };
            Recipe::new(app, Framing::Line, request).map(Arc::new)
        };
        // The second is longer than the first read of a connection.
        Ok(Self { address, short: recipe(64)?, long: recipe(3_000)?, one_at_a_time })
    }

    /// Connections that stay, until they are stopped.
    pub(super) fn kept(&self, stop: &AtomicBool) -> Result<Leg, LoadError> {
        let think = Think { time: ThinkTime::Exponential { mean: THINKS }, seed: 1 };
        let conduct = Conduct { think: Some(think), ..Conduct::default() };
        let load = Load { conduct, measure: KEPT_FOR, ..self.load(&self.short, KEPT) };
        let outcome = loadgen::run(&load, stop, &mut |_| {})?;
        let mut leg = Leg::of(&outcome);
        // It is always stopped. What was under way then had no time.
        leg.requests.failed.remove(UNFINISHED);
        Ok(leg)
    }

    /// One leg: short clients, those with a few requests, those that pipeline, and beside them those
    /// that misbehave.
    pub(super) fn leg(&self, stop: &AtomicBool) -> Result<Leg, LoadError> {
        if self.one_at_a_time {
            let alone = self.until(&self.short, (1, 1), LEG.0 + LEG.1, BTreeMap::new());
            let mut leg = Leg::of(&loadgen::run(&alone, stop, &mut |_| {})?);
            leg.add(Leg::of(&loadgen::run(&self.pipelined(1), stop, &mut |_| {})?));
            return Ok(leg);
        }
        let misbehaving = Misbehaviour::ALL.map(|(_, way)| (way, MISBEHAVING)).into();
        let short = self.until(&self.short, (SHORT, 1), LEG.0, misbehaving);
        let few = (FEW, FEW_REQUESTS);
        let few = self.until(&self.long, few, LEG.1 * FEW_REQUESTS, BTreeMap::new());
        let loads = [short, few, self.pipelined(PIPELINING)];
        std::thread::scope(|scope| {
            let beside = loads
                .each_ref()
                .map(|load| scope.spawn(move || loadgen::run(load, stop, &mut |_| {})));
            let mut leg = Leg::default();
            for outcome in beside.map(|load| load.join().expect("a load does not panic")) {
                leg.add(Leg::of(&outcome?));
            }
            Ok(leg)
        })
    }

    /// A load of as many requests as the server can answer in its time.
    fn pipelined(&self, connections: usize) -> Load {
        let conduct = Conduct { pipeline: DEPTH, ..Conduct::default() };
        Load { conduct, measure: PIPELINED_FOR, ..self.load(&self.short, connections) }
    }

    /// A load of so many requests, on connections that carry so many each.
    fn until(
        &self,
        recipe: &Arc<Recipe>,
        (connections, each): (usize, u64),
        requests: u64,
        misbehaving: BTreeMap<Misbehaviour, usize>,
    ) -> Load {
        let conduct = Conduct {
            requests_per_connection: NonZeroU64::new(each),
            misbehaving,
            ..Conduct::default()
        };
        Load { conduct, requests: Some(requests), ..self.load(recipe, connections) }
    }

    fn load(&self, recipe: &Arc<Recipe>, connections: usize) -> Load {
        Load {
            measure: LEG_MAX,
            drain: DRAIN,
            request_timeout: REPLY_WITHIN,
            connect_timeout: REPLY_WITHIN,
            ..Load::closed(self.address, Arc::clone(recipe), connections)
        }
    }
}

/// Requests that were still waited for when the load was over.
const UNFINISHED: &str = "unfinished";

impl Leg {
    fn of(outcome: &Outcome) -> Self {
        let (tally, census) = (&outcome.connections, &outcome.census);
        let mut failed: BTreeMap<String, u64> =
            census.errors.iter().map(|(how, count)| ((*how).into(), *count)).collect();
        let mut count = |how: &str, count: u64| {
            if count > 0 {
                *failed.entry(how.into()).or_default() += count;
            }
        };
        count("timeout", census.timeouts);
        count(UNFINISHED, census.unfinished);
        count("unsolicited", tally.unsolicited);
        count("connect", tally.connect_failures - tally.port_shortages);
        let (mut connections, mut asked, mut right) =
            (tally.opened as u64 + tally.reconnects, 0, 0);
        for found in outcome.misbehaving.values() {
            connections += found.opened;
            (asked, right) = (asked + found.requests, right + found.right);
            for how in ["wrong_reply", "refused", "no_reply"] {
                count(how, found.ended.get(how).copied().unwrap_or(0));
            }
        }
        let requests = SoakRequests {
            offered: census.offered,
            ok: census.ok,
            failed,
            misbehaving: asked,
            misbehaving_ok: right,
            port_shortages: tally.port_shortages,
            wrong_example: outcome.wrong_example.clone(),
        };
        let cut = outcome.interrupted || outcome.phases.measure >= LEG_MAX;
        Self { connections, requests, cut }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.cut |= other.cut;
        let (sum, more) = (&mut self.requests, other.requests);
        sum.offered += more.offered;
        sum.ok += more.ok;
        sum.misbehaving += more.misbehaving;
        sum.misbehaving_ok += more.misbehaving_ok;
        sum.port_shortages += more.port_shortages;
        for (how, count) in more.failed {
            *sum.failed.entry(how).or_default() += count;
        }
        sum.wrong_example = sum.wrong_example.take().or(more.wrong_example);
    }
}
