//! How the connections of a load behave, apart from sending requests.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Framing, Recipe};

use crate::think::Think;
use crate::{Arrivals, Load, LoadError};

/// More requests in flight on one connection show nothing more, and each costs memory.
pub const PIPELINE_MAX: usize = 1_024;

/// How the connections of a load behave. The default is what most loads want: connections that
/// stay, with one request in flight each.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// Requests that a connection carries before it is closed and opened again at once. `None`: it
    /// stays open.
    pub requests_per_connection: Option<NonZeroU64>,
    /// A connection that is older is closed at its next idle moment, and opened again. Its age is
    /// checked after each reply, and every 100 ms.
    pub lifetime: Option<Duration>,
    /// Maximum number of requests in flight on a connection: 1 to [`PIPELINE_MAX`]. A closed loop
    /// always uses this number; an open loop uses it if no connection has fewer. Replies come in
    /// order.
    pub pipeline: usize,
    /// In closed loop, how long a client waits after a reply before its next request.
    pub think: Option<Think>,
    /// Connections beside the load's that are opened before it and never send anything.
    pub idle: usize,
    /// Addresses of this machine that connections come from, in turn. Empty: the kernel chooses.
    pub sources: Vec<IpAddr>,
    /// Numbers of connections beside the load's that misbehave, by the way in which they do.
    pub misbehaving: BTreeMap<Misbehaviour, usize>,
    /// The request of a slow reader, with a long reply, if it is not the load's own request.
    pub long_reply: Option<Arc<Recipe>>,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            requests_per_connection: None,
            lifetime: None,
            pipeline: 1,
            think: None,
            idle: 0,
            sources: Vec::new(),
            misbehaving: BTreeMap::new(),
            long_reply: None,
        }
    }
}

/// How a client can behave badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misbehaviour {
    /// It sends many requests and reads a few bytes now and then, with a small receive buffer.
    SlowReader,
    /// It sends its requests byte by byte.
    SlowSender,
    /// It sends a request, closes its half, and still waits for the reply.
    HalfCloser,
    /// It sends half a request and resets the connection.
    Resetter,
}

impl Misbehaviour {
    /// Every way, with its name in results and on the command line.
    pub const ALL: [(&'static str, Self); 4] = [
        ("slow-reader", Self::SlowReader),
        ("slow-sender", Self::SlowSender),
        ("half-closer", Self::HalfCloser),
        ("resetter", Self::Resetter),
    ];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl Conduct {
    /// Connections beside those of the load.
    #[must_use]
    pub fn beside(&self) -> usize {
        self.idle + self.misbehaving.values().sum::<usize>()
    }

    /// Checks that a load can have this conduct, before anything is opened.
    pub(crate) fn check(&self, load: &Load) -> Result<(), LoadError> {
        let rule = |holds: bool, what: &'static str| {
            if holds { Ok(()) } else { Err(LoadError::Invalid { what }) }
        };
        let raw = load.recipe.framing() == Framing::Raw;
        rule(
            (1..=PIPELINE_MAX).contains(&self.pipeline),
            "a connection has from 1 to 1,024 requests in flight",
        )?;
        rule(
            self.pipeline == 1 || !raw,
            "raw framing has no message boundaries, so a connection can have only one request in flight: use line \
             framing to pipeline",
        )?;
        rule(
            self.think.is_none() || load.arrivals == Arrivals::Closed,
            "think time is for a closed loop: in an open loop the schedule says when requests are \
             due",
        )?;
        rule(
            self.think.is_none() || self.pipeline == 1,
            "think time and pipelining exclude each other: leave out one of them",
        )?;
        rule(
            self.lifetime.is_none_or(|lifetime| !lifetime.is_zero()),
            "connections must live longer than 0 s",
        )?;
        rule(
            self.misbehaving.is_empty() || !raw,
            "raw framing has no partial requests: use line framing with --misbehave",
        )?;
        rule(
            load.target.addresses().iter().all(|address| {
                let of_family = |source: &IpAddr| {
                    address.ip().is_some_and(|ip| ip.is_ipv4() == source.is_ipv4())
                };
                self.sources.iter().all(of_family)
            }),
            "source addresses and target must be of the same family, IPv4 or IPv6",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_misbehaviour_has_its_own_name() {
        for (name, way) in Misbehaviour::ALL {
            assert_eq!(way.name(), name);
        }
    }

    fn load() -> Load {
        crate::example::load(4, Arrivals::Closed)
    }

    #[test]
    fn what_cannot_be_is_refused_and_what_just_can_be_is_not() {
        let fits = |conduct: Conduct| conduct.check(&load()).is_ok();
        let lasting = |lifetime| Conduct { lifetime: Some(lifetime), ..Conduct::default() };
        let deep = |pipeline| Conduct { pipeline, ..Conduct::default() };
        assert!(fits(lasting(Duration::from_nanos(1))) && !fits(lasting(Duration::ZERO)));
        assert!(fits(deep(PIPELINE_MAX)) && !fits(deep(PIPELINE_MAX + 1)) && !fits(deep(0)));
    }

    #[test]
    fn half_a_raw_message_is_a_message() {
        let misbehaving = BTreeMap::from([(Misbehaviour::Resetter, 1)]);
        let rude = Conduct { misbehaving, ..Conduct::default() };
        assert!(rude.check(&load()).is_ok());
        let echo = protocol::Request::Echo { bytes: 1 };
        let recipe = Recipe::new(protocol::App::Bench, Framing::Raw, echo).expect("a recipe");
        assert!(rude.check(&Load { recipe: Arc::new(recipe), ..load() }).is_err());
    }

    #[test]
    fn idle_and_misbehaving_clients_are_beside_the_load() {
        let misbehaving =
            BTreeMap::from([(Misbehaviour::Resetter, 2), (Misbehaviour::SlowReader, 3)]);
        assert_eq!(Conduct { idle: 7, misbehaving, ..Conduct::default() }.beside(), 12);
    }
}
