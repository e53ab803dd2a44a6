//! `c10k load --find-capacity`: the highest rate at which a server meets a target.
//!
//! Each trial is an open loop on fresh connections. If c10k starts the server, each trial has a
//! fresh process.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::analysis::capacity::Goals;
use crate::analysis::capacity::search::{Found, Search, Stage, Verdict};
use crate::base::units;
use crate::base::units::{counted, show_count};
use crate::base::values::Warmup;
use crate::base::{Exit, invocation, note, usage};
use crate::command::load::LoadArgs;
use crate::command::load::{self, OwnServer, Part, Shot, schedule};
use crate::document::{
    CapacityFound, CapacityKind, CapacityProbe, CapacityReport, CapacityVerdict, SchemaId,
};
use crate::process::interrupts;
use crate::view::table::verdict;
use crate::view::{deliver, table};
use crate::workload::arrivals::RateArg;

/// Requests per second of the first trial, unless the caller knows better.
const FIRST_RATE_PER_S: f64 = 1_000.0;
/// How much longer than the others the trial is that confirms.
const CONFIRM_LONGER: u32 = 3;
/// An overload of 5 % is to reach the bound within a trial.
const DURATION_OVER_BOUND: u32 = 20;
/// At the lowest rate a trial has so many times the requests that its quantiles need.
const SAMPLES_MARGIN: f64 = 2.0;

/// Searches, prints the trials and what they come to, and writes them down if asked to.
///
/// # Errors
/// When the load makes no sense, or the server cannot be started or reached.
pub fn find(args: &LoadArgs, goals: &Goals) -> Result<Exit> {
    args.check()?;
    let shortest = goals.longest() * DURATION_OVER_BOUND;
    if args.duration() < shortest {
        return Err(usage(format!(
            "{goals} needs trials of {} or longer; in shorter ones a growing queue goes unnoticed: give --duration",
            humantime::format_duration(shortest)
        )));
    }
    let Warmup::For(warmup) = args.warmup else {
        return Err(usage("a search uses one warm-up for all trials: give --warmup a duration"));
    };
    refuse_what_is_for_one_load(args)?;
    load::outputs_can_be_written(args)?;
    let stop = interrupts()?;
    let started_at = units::now();
    let floor = SAMPLES_MARGIN * goals.samples() / args.duration().as_secs_f64();
    let first = match &args.rate {
        None => FIRST_RATE_PER_S,
        Some(RateArg::One(rate_per_s)) => *rate_per_s,
        Some(_) => return Err(usage("a search starts at one rate: give --rate a number")),
    };
    let mut search = Search::new(first, floor);
    let mut probes: Vec<CapacityProbe> = Vec::new();
    let found = loop {
        let (rate, stage) = match search.next() {
            Ok(step) => step,
            Err(found) => break describe(found, goals, &probes),
        };
        let position = u32::try_from(probes.len()).context("too many trials")?;
        let (probe, verdict) = probe(args, goals, (rate, stage), (position, warmup), &stop)?;
        // Half a trial says nothing about its rate.
        if !probe.trial.phases.interrupted {
            note!("{}", line(&probe));
            probes.push(probe);
        }
        if stop.load(Ordering::Relaxed) {
            break interrupted(goals, &probes);
        }
        search.saw(verdict);
    };
    let report = CapacityReport {
        schema: SchemaId::capacity(),
        started_at,
        program_version: env!("CARGO_PKG_VERSION").into(),
        command: invocation(),
        target: goals.to_string(),
        found,
        probes,
    };
    finish(&report, args.json.as_deref())
}

/// A search has a trial for each rate that it tries: what means a single one is not left out in silence.
fn refuse_what_is_for_one_load(args: &LoadArgs) -> Result<()> {
    let given = [
        ("--hlog", args.formats.hlog.is_some()),
        ("--hgrm", args.formats.hgrm.is_some()),
        ("--replay", args.replay.is_some()),
        ("--shard", args.part.shard.is_some()),
        ("--start-at", args.part.start_at.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => Err(usage(format!(
            "{option} is for a single load, but a search runs a load for each rate: leave it out, or give --rate \
             instead of --find-capacity"
        ))),
    }
}

/// One trial, and what it says.
fn probe(
    args: &LoadArgs,
    goals: &Goals,
    (rate, stage): (f64, Stage),
    (position, warmup): (u32, Duration),
    stop: &AtomicBool,
) -> Result<(CapacityProbe, Verdict)> {
    let longer = if stage == Stage::Confirm { CONFIRM_LONGER } else { 1 };
    let shot = Shot {
        arrivals: schedule::at(args, rate),
        warmup,
        measure: args.duration() * longer,
        position,
        workload: "capacity",
        part: &Part::WHOLE,
    };
    let trial = load::trial(args, &shot, OwnServer::start(args)?, stop)?;
    let (verdict, reason) = goals.judge(&trial);
    let recorded = match verdict {
        Verdict::Met => CapacityVerdict::Met,
        Verdict::Missed => CapacityVerdict::Missed,
        Verdict::TooFew => CapacityVerdict::TooFew,
        Verdict::Limited => CapacityVerdict::Limited,
    };
    let stage = stage.name().into();
    Ok((CapacityProbe { stage, rate_per_s: rate, verdict: recorded, reason, trial }, verdict))
}

fn describe(found: Found, goals: &Goals, probes: &[CapacityProbe]) -> CapacityFound {
    let per_s = |rate: f64| format!("{}/s", show_count(rate));
    let last = |verdict| {
        let probe = probes.iter().rev().find(|probe| probe.verdict == verdict);
        probe.map_or("", |probe| probe.reason.as_str())
    };
    let (kind, rate, missed, sentence) = match found {
        Found::Capacity { rate, missed } => {
            let at = probes.iter().rev().find(|probe| probe.rate_per_s == missed);
            let why = at.map_or("", |probe| probe.reason.as_str());
            let (rate_text, missed_text) = (per_s(rate), per_s(missed));
            let text = format!("capacity under {goals}: {rate_text} (not {missed_text}: {why})");
            (CapacityKind::Capacity, Some(rate), Some(missed), text)
        }
        Found::AtLeast { rate } => {
            let why = last(CapacityVerdict::Limited);
            let rate_text = per_s(rate);
            let text = format!("capacity under {goals} >= {rate_text} (generator-limited: {why})");
            (CapacityKind::AtLeast, Some(rate), None, text)
        }
        Found::NotMet { down_to } => {
            let why = last(CapacityVerdict::Missed);
            let why = if why.is_empty() { last(CapacityVerdict::Limited) } else { why };
            let text = format!(
                "{goals} was not met at any rate down to {}, the lowest rate that this duration can judge ({why}): \
                 use a longer --duration for lower rates",
                per_s(down_to)
            );
            (CapacityKind::NotMet, None, Some(down_to), text)
        }
        Found::Unsettled { met } => {
            let few = last(CapacityVerdict::TooFew);
            let text = format!(
                "no capacity under {goals} was found in {}: use a longer --duration{}",
                counted(probes.len(), "trial"),
                if few.is_empty() { String::new() } else { format!(" ({few})") }
            );
            (CapacityKind::Unsettled, met, None, text)
        }
    };
    CapacityFound { kind, rate_per_s: rate, missed_at_per_s: missed, sentence }
}

fn interrupted(goals: &Goals, probes: &[CapacityProbe]) -> CapacityFound {
    let rates = |verdict| {
        probes.iter().filter(move |probe| probe.verdict == verdict).map(|probe| probe.rate_per_s)
    };
    let met = rates(CapacityVerdict::Met).reduce(f64::max);
    let above = |rate: &f64| met.is_none_or(|met| *rate > met);
    let missed = rates(CapacityVerdict::Missed).filter(above).reduce(f64::min);
    let sentence = match met {
        None => "interrupted before any rate was judged".into(),
        Some(rate) => format!(
            "interrupted: {goals} was met at {}/s so far, which is only a lower bound",
            show_count(rate)
        ),
    };
    CapacityFound {
        kind: CapacityKind::Interrupted,
        rate_per_s: met,
        missed_at_per_s: missed,
        sentence,
    }
}

/// A trial as it ends, for who waits.
fn line(probe: &CapacityProbe) -> String {
    let verdict = verdict(probe.verdict);
    format!("{:>9}/s  {:8}{verdict}: {}", show_count(probe.rate_per_s), probe.stage, probe.reason)
}

fn finish(report: &CapacityReport, json: Option<&Path>) -> Result<Exit> {
    deliver(report, json, &table::capacity(report))?;
    Ok(match report.found.kind {
        CapacityKind::Capacity => Exit::Ok,
        CapacityKind::Interrupted => Exit::Interrupted,
        CapacityKind::AtLeast | CapacityKind::NotMet | CapacityKind::Unsettled => Exit::Untrusted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_said_plainly() {
        let goals = Goals::parse("p99<20ms").expect("a target");
        let of = |found| describe(found, &goals, &[]);
        let capacity = of(Found::Capacity { rate: 41_200.0, missed: 42_000.0 });
        assert!(capacity.sentence.starts_with("capacity under p99<20ms: 41.2k/s (not 42.0k/s"));
        let limited = of(Found::AtLeast { rate: 80_000.0 });
        assert!(limited.sentence.contains(">= 80.0k/s (generator-limited"), "{}", limited.sentence);
        assert_eq!((limited.kind, limited.missed_at_per_s), (CapacityKind::AtLeast, None));
        let none = of(Found::NotMet { down_to: 60.0 });
        assert!(none.rate_per_s.is_none() && none.sentence.contains("not met at any rate"));
        let unsettled = of(Found::Unsettled { met: None });
        assert!(unsettled.sentence.contains("longer --duration"), "{}", unsettled.sentence);
    }

    #[test]
    fn an_interrupted_search_keeps_what_was_met() {
        let goals = Goals::parse("p99<20ms").expect("a target");
        let probe = |rate_per_s, verdict| CapacityProbe {
            stage: "climb".into(),
            rate_per_s,
            verdict,
            reason: String::new(),
            trial: crate::document::example::open(),
        };
        let (met, missed) = (CapacityVerdict::Met, CapacityVerdict::Missed);
        let nothing = interrupted(&goals, &[probe(8e3, missed)]);
        assert!(nothing.rate_per_s.is_none() && nothing.sentence.contains("before any rate"));
        let probes = [probe(1e3, met), probe(2e3, met), probe(1500.0, missed), probe(4e3, missed)];
        let found = interrupted(&goals, &probes);
        assert_eq!((found.rate_per_s, found.missed_at_per_s), (Some(2e3), Some(4e3)));
        assert!(found.sentence.contains("met at 2.00k/s"), "{}", found.sentence);
    }
}
