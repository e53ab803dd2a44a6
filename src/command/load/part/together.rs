//! A trial that starts together with those of other generators.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use loadgen::{Load, LoadError, Outcome, StartAt};
use serde_json::{Value, json};

use super::Part;
use super::meeting::{Agreed, GONE, Meeting, Terms};
use crate::base::units::ns;
use crate::command::load::LoadArgs;
use crate::document::{ClockRecord, RequestRecord, ShardRecord, StartBy, StartRecord};
use crate::host::machine::{self, TimeOfDay};
use crate::workload::arrivals;

/// How the start is agreed on, and the time of day before it was.
pub(in crate::command::load) struct Together {
    way: Way,
    before: TimeOfDay,
}

enum Way {
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
    jumped_ns: Option<i64>,
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
        let before = machine::time_of_day();
        let start_at = args.part.start_at;
        let Some(place) = part.place.clone() else {
            let way = match start_at.filter(|_| part.is_one_of_several()) {
                Some(at) => Way::Given(at),
                None => Way::Alone,
            };
            return Ok(Self { way, before });
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
        Ok(Self { way: Way::Met(meeting), before })
    }

    /// Leaves, whatever came of the load.
    ///
    /// # Errors
    /// Why there was no start, if that is why there was no load.
    pub(in crate::command::load) fn end(self, error: Option<&LoadError>) -> Result<Option<Start>> {
        let jumped_ns = self.before.jump_until(machine::time_of_day());
        match self.way {
            Way::Alone => Ok(None),
            Way::Given(at) => {
                let bound = machine::clock_bound();
                let kept = bound.map(|bound| ClockRecord::Kept { bound_ns: ns(bound) });
                let clock = kept.unwrap_or(ClockRecord::Unknown);
                let hosts = Vec::new();
                Ok(Some(Start { by: StartBy::Time, at, here: at, clock, jumped_ns, hosts }))
            }
            Way::Met(meeting) => match meeting
                .end(&error.map_or_else(|| GONE.into(), ToString::to_string))
            {
                Ok(agreed) => {
                    let Agreed { at, here, clock, hosts } = agreed;
                    Ok(Some(Start { by: StartBy::Rendezvous, at, here, clock, jumped_ns, hosts }))
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
    pub(in crate::command::load) fn record(
        self,
        outcome: &Outcome,
        shard: &mut ShardRecord,
    ) -> StartRecord {
        let began = ns(outcome.phases.began.saturating_sub(outcome.phases.warmup));
        let late = i128::from(began) - i128::from(ns(self.here));
        let start = StartRecord {
            by: self.by,
            at_unix_ns: ns(self.at),
            late_ns: i64::try_from(late).unwrap_or(i64::MAX),
            clock: self.clock,
            jumped_ns: self.jumped_ns,
        };
        shard.start = Some(start);
        shard.hosts = self.hosts;
        start
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
