//! Options for the connections of a load, and the settings that follow from them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use loadgen::ports::{self, Ports};
use loadgen::{Conduct, Load, Misbehaviour, PIPELINE_MAX, Think, ThinkTime};
use protocol::{App, Framing, Recipe, Request, Work};

use crate::base::units::{parse_count, parse_duration};
use crate::base::usage;

/// Size of the replies that a slow reader requests, if the application has such a request: a few of
/// them exceed the buffers of two sockets.
const LONG_REPLY_BYTES: usize = 64 * 1024;

/// How the connections of `c10k load` behave.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connections")]
pub struct ConductArgs {
    /// Close each connection after K requests and open a new one; 1 means a connection for each
    /// request
    #[arg(long, value_name = "K")]
    pub requests_per_connection: Option<NonZeroU64>,
    /// Close each connection at its first idle moment after this time, and open a new one
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub connection_lifetime: Option<Duration>,
    /// Requests in flight on each connection (in a closed loop always, in an open loop at most)
    #[arg(long, value_name = "DEPTH", default_value = "1", value_parser = depth)]
    pub pipeline: usize,
    /// Closed loop: pause after each reply, as in 10ms, exp:10ms (exponential) or uniform:5ms..15ms
    #[arg(long, value_name = "TIME", value_parser = think_time, conflicts_with = "rate")]
    pub think_time: Option<ThinkTime>,
    /// Additional connections, opened before the load, that send nothing
    #[arg(long, value_name = "N", default_value = "0", value_parser = parse_count)]
    pub idle_connections: usize,
    /// Number of local addresses for connections, from 127.0.0.1 upwards, if the target is in
    /// 127.0.0.0/8; auto takes as many as are needed to have enough ports
    #[arg(long, value_name = "N|auto", default_value = "auto", value_parser = source_addresses)]
    pub source_addresses: SourceAddresses,
    /// Local addresses for connections, separated by commas
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    pub source: Vec<IpAddr>,
    /// Shares of the connections that misbehave and are not measured, as in
    /// slow-reader=10%,slow-sender=5%,half-closer=1%,resetter=1%
    #[arg(long, value_name = "KIND=SHARE", value_delimiter = ',', value_parser = misbehaviour)]
    pub misbehave: Vec<(Misbehaviour, f64)>,
}

/// The number of local addresses for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceAddresses {
    /// As many as are needed.
    Auto,
    /// This number.
    Number(usize),
}

impl ConductArgs {
    /// Whether connections are closed during the measurement.
    #[must_use]
    pub fn connections_end(&self) -> bool {
        self.requests_per_connection.is_some()
            || self.connection_lifetime.is_some()
            || !self.misbehave.is_empty()
    }

    /// A load with these connections. Misbehaving connections are taken from its number of
    /// connections.
    ///
    /// # Errors
    /// When it is impossible, with what to do about it.
    pub fn apply(&self, mut load: Load, app: App, seed: u64) -> Result<Load> {
        let misbehaving = self.misbehaving(load.connections)?;
        load.connections -= misbehaving.values().sum::<usize>();
        if load.threads > load.connections {
            return Err(usage(format!(
                "{} well-behaved connections are fewer than {} threads: use fewer threads \
                 (--threads) or more connections (--connections)",
                load.connections, load.threads
            )));
        }
        load.conduct = Conduct {
            requests_per_connection: self.requests_per_connection,
            lifetime: self.connection_lifetime,
            pipeline: self.pipeline,
            think: self.think_time.map(|time| Think { time, seed }),
            idle: self.idle_connections,
            sources: Vec::new(),
            long_reply: misbehaving
                .contains_key(&Misbehaviour::SlowReader)
                .then(|| long_reply(app, load.recipe.framing()))
                .flatten(),
            misbehaving,
        };
        load.conduct.sources = self.sources(&mut load)?;
        Ok(load)
    }

    /// The number of clients that misbehave in each way; at least one of each that was given.
    fn misbehaving(&self, connections: usize) -> Result<BTreeMap<Misbehaviour, usize>> {
        let mut counts = BTreeMap::new();
        for (way, share) in &self.misbehave {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a number of connections is one"
            )]
            let count = (connections as f64 * share).round() as usize;
            if counts.insert(*way, count.max(1)).is_some() {
                return Err(usage(format!("--misbehave names {} twice", way.name())));
            }
        }
        if !counts.is_empty() && counts.values().sum::<usize>() >= connections {
            return Err(usage(format!(
                "--misbehave leaves none of {connections} connections to be measured: use more \
                 connections (--connections) or smaller shares"
            )));
        }
        Ok(counts)
    }

    /// The source addresses of connections. A target with several addresses keeps those that can be
    /// reached from them.
    fn sources(&self, load: &mut Load) -> Result<Vec<IpAddr>> {
        if !self.source.is_empty() {
            return self.named_sources(load);
        }
        let loopback = load
            .target
            .only(|address| address.ip().is_some_and(|ip| ip.is_ipv4() && ip.is_loopback()));
        let first_is = load.target.first().ip().is_some_and(|ip| ip.is_ipv4() && ip.is_loopback());
        let number = match (self.source_addresses, loopback) {
            (SourceAddresses::Auto, _) if first_is => {
                Ports::of_this_machine(&load.target).addresses_for(load)
            }
            (SourceAddresses::Auto, _) | (SourceAddresses::Number(1), _) => 1,
            (SourceAddresses::Number(number), Some(loopback)) => {
                load.target = loopback;
                number
            }
            (SourceAddresses::Number(_), None) => {
                return Err(usage(format!(
                    "--source-addresses needs a target in 127.0.0.0/8, and the target is {}: name \
                     addresses of this machine with --source",
                    load.target
                )));
            }
        };
        if number > 1 {
            load.target = load
                .target
                .only(|address| address.ip().is_some_and(|ip| ip.is_ipv4() && ip.is_loopback()))
                .expect("its first address is one");
            return Ok(ports::loopback_sources(number));
        }
        // One is what the kernel chooses anyway.
        Ok(Vec::new())
    }

    fn named_sources(&self, load: &mut Load) -> Result<Vec<IpAddr>> {
        if self.source_addresses != SourceAddresses::Auto {
            return Err(usage(
                "give either the number of source addresses (--source-addresses) or the addresses (--source), not \
                 both",
            ));
        }
        let reached = load.target.only(|address| {
            let of_family =
                |source: &IpAddr| address.ip().is_some_and(|ip| ip.is_ipv4() == source.is_ipv4());
            self.source.iter().all(of_family)
        });
        let foreign = self.source.iter().find(|source| !ports::can_be_bound(**source));
        match (reached, foreign) {
            (Some(reached), None) => load.target = reached,
            (_, foreign) => {
                return Err(usage(format!(
                    "connections to {} cannot come from {}: name addresses of this machine of the \
                     same family (`ip address` lists them)",
                    load.target,
                    foreign.unwrap_or(&self.source[0])
                )));
            }
        }
        Ok(self.source.clone())
    }
}

/// A request with a long reply, if the application has one.
fn long_reply(app: App, framing: Framing) -> Option<Arc<Recipe>> {
    let work = Work { rounds: 0, wait: Duration::ZERO, reply_bytes: LONG_REPLY_BYTES };
    Recipe::new(app, framing, Request::Work(work)).ok().map(Arc::new)
}

pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("must be above 0".into()),
        lifetime => Ok(lifetime),
    }
}

pub(crate) fn depth(text: &str) -> Result<usize, String> {
    let depth = parse_count(text)?;
    let wrong = || format!("from 1 to {PIPELINE_MAX}");
    (1..=PIPELINE_MAX).contains(&depth).then_some(depth).ok_or_else(wrong)
}

fn source_addresses(text: &str) -> Result<SourceAddresses, String> {
    if text == "auto" {
        return Ok(SourceAddresses::Auto);
    }
    let number = parse_count(text).map_err(|error| format!("{error}, or auto"))?;
    let wrong = || format!("from 1 to {}, or auto", ports::SOURCES_MAX);
    let number = (1..=ports::SOURCES_MAX).contains(&number).then_some(number).ok_or_else(wrong)?;
    Ok(SourceAddresses::Number(number))
}

/// A think time such as `10ms`, `exp:10ms` or `uniform:5ms..15ms`.
pub(crate) fn think_time(text: &str) -> Result<ThinkTime, String> {
    if let Some(mean) = text.strip_prefix("exp:") {
        return Ok(ThinkTime::Exponential { mean: parse_duration(mean)? });
    }
    let Some(range) = text.strip_prefix("uniform:") else {
        return parse_duration(text)
            .map(ThinkTime::Constant)
            .map_err(|error| format!("{error}; or exp:10ms, or uniform:5ms..15ms"));
    };
    let (low, high) =
        range.split_once("..").ok_or("write the range as in uniform:5ms..15ms".to_string())?;
    let (low, high) = (parse_duration(low)?, parse_duration(high)?);
    if low > high {
        return Err("the range begins above its end: write it as in uniform:5ms..15ms".into());
    }
    Ok(ThinkTime::Uniform { low, high })
}

/// A way to misbehave and a share, such as `slow-reader=10%`.
pub(crate) fn misbehaviour(text: &str) -> Result<(Misbehaviour, f64), String> {
    let names = Misbehaviour::ALL.map(|(name, _)| name).join(", ");
    let wrong = || format!("write a kind and its share, as in slow-reader=10%; kinds are {names}");
    let (name, share) = text.split_once('=').ok_or_else(wrong)?;
    let way = Misbehaviour::ALL.iter().find(|(known, _)| *known == name).ok_or_else(wrong)?.1;
    let percent: f64 = share.strip_suffix('%').and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    if percent > 0.0 && percent < 100.0 {
        Ok((way, percent / 100.0))
    } else {
        Err("a share is above 0 % and below 100 %".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn think_times_are_understood() {
        let ms = Duration::from_millis;
        assert_eq!(think_time("10ms"), Ok(ThinkTime::Constant(ms(10))));
        assert_eq!(think_time("exp:10ms"), Ok(ThinkTime::Exponential { mean: ms(10) }));
        let uniform = ThinkTime::Uniform { low: ms(5), high: ms(15) };
        assert_eq!(think_time("uniform:5ms..15ms"), Ok(uniform));
        for text in ["10", "exp:", "uniform:5ms", "uniform:15ms..5ms", "normal:3ms"] {
            assert!(think_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_understood() {
        assert_eq!(misbehaviour("resetter=1%"), Ok((Misbehaviour::Resetter, 0.01)));
        for text in ["resetter", "resetter=1", "resetter=0%", "resetter=100%", "rude=5%"] {
            assert!(misbehaviour(text).is_err(), "{text}");
        }
    }
}
