//! A trial that begins together with those of other generators.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use loadgen::{Load, LoadError, Outcome, StartAt};
use serde_json::{Value, json};

use super::Part;
use super::meeting::{Agreed, Meeting, Terms};
use crate::base::units::ns;
use crate::command::load::LoadArgs;
use crate::document::{ClockRecord, RequestRecord, ShardRecord, StartBy, StartRecord};
use crate::host::machine;
use crate::workload::arrivals;

/// How the start is agreed on.
pub(in crate::command::load) enum Together {
    /// It begins when it is ready.
    Alone,
    /// All were given the time.
    Given(Duration),
    /// They meet.
    Met(Meeting),
}

/// When it was to begin.
pub(in crate::command::load) struct Start {
    by: StartBy,
    at: Duration,
    /// The same by the clock of this machine.
    here: Duration,
    clock: ClockRecord,
    /// The machines of all parts, where they met.
    hosts: Vec<String>,
}

impl Together {
    /// Goes to the meeting if there is one; the load waits for what it comes to.
    pub(in crate::command::load) fn begin(
        args: &LoadArgs,
        part: &Part,
        load: &mut Load,
        request: &RequestRecord,
    ) -> Result<Self> {
        let start_at = args.part.start_at;
        let Some(place) = part.place.clone() else {
            return Ok(match start_at.filter(|_| part.is_one_of_several()) {
                Some(at) => Self::Given(at),
                None => Self::Alone,
            });
        };
        let terms = Terms {
            k: part.k,
            n: part.n,
            place,
            host: machine::node_name(),
            gather: args.part.gather,
            start_at,
            version: env!("CARGO_PKG_VERSION").into(),
            load: same_for_all(args, load, request),
        };
        let meeting = Meeting::begin(terms)?;
        load.start_at = StartAt::Agreed(meeting.agreement());
        Ok(Self::Met(meeting))
    }

    /// Leaves, whatever came of the load.
    ///
    /// # Errors
    /// Why there was no start, if that is why there was no load.
    pub(in crate::command::load) fn end(self, error: Option<&LoadError>) -> Result<Option<Start>> {
        match self {
            Self::Alone => Ok(None),
            Self::Given(at) => {
                let bound = machine::clock_bound();
                let kept = bound.map(|bound| ClockRecord::Kept { bound_ns: ns(bound) });
                let clock = kept.unwrap_or(ClockRecord::Unknown);
                let hosts = Vec::new();
                Ok(Some(Start { by: StartBy::Time, at, here: at, clock, hosts }))
            }
            Self::Met(meeting) => match meeting.end() {
                Ok(agreed) => {
                    let Agreed { at, here, clock, hosts } = agreed;
                    Ok(Some(Start { by: StartBy::Rendezvous, at, here, clock, hosts }))
                }
                // The generator has its own reason, or somebody has ended it.
                Err(_) if !matches!(error, Some(LoadError::CalledOff)) => Ok(None),
                Err(why) => Err(why),
            },
        }
    }
}

impl Start {
    /// Writes it into the document of the generator.
    pub(in crate::command::load) fn record(self, outcome: &Outcome, shard: &mut ShardRecord) {
        let began = ns(outcome.phases.began.saturating_sub(outcome.phases.warmup));
        let late = i128::from(began) - i128::from(ns(self.here));
        shard.start = Some(StartRecord {
            by: self.by,
            at_unix_ns: ns(self.at),
            late_ns: i64::try_from(late).unwrap_or(i64::MAX),
            clock: self.clock,
        });
        shard.hosts = self.hosts;
    }
}

/// What has to be the same for all parts, or they make no load together.
fn same_for_all(args: &LoadArgs, load: &Load, request: &RequestRecord) -> BTreeMap<String, Value> {
    let target = args.named().map(|named| named.name.as_str());
    [
        ("the target", json!(target)),
        ("the application", json!(args.app().name())),
        ("the framing", json!(args.framing().name())),
        ("the request", json!(request)),
        ("when requests are sent", json!(arrivals::record(&load.arrivals))),
        ("--seed", json!(args.seed)),
        ("--warmup", json!(ns(load.warmup))),
        ("--duration", json!(ns(load.measure))),
        ("--timeout", json!(ns(load.request_timeout))),
        ("--greeting", json!(load.greeting)),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into()
}
