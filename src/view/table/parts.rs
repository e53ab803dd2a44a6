//! The lines of a load about several generators.

use std::fmt::Write as _;

use crate::base::units::show_ns;
use crate::document::{ClockRecord, Part, StartBy, StartRecord, Trial};

/// The part and its start, or the starts of all parts of a sum; empty for a load without parts.
pub(super) fn parts_text(trial: &Trial) -> String {
    match (&trial.load.shard, trial.merged.as_slice()) {
        (Some(shard), []) => {
            let number = shard.parts.first().copied().unwrap_or(0);
            let mut text = format!("part {number} of {}", shard.of);
            if let Some(launcher) = &shard.launcher {
                let _ = write!(text, ", by {}", launcher.name);
            }
            match &shard.start {
                Some(start) => text + "; " + &own_start(start) + "\n",
                None => text + "\n",
            }
        }
        (Some(shard), parts) => {
            format!("{} of {} parts; {}\n", parts.len(), shard.of, starts(parts))
        }
        (None, _) => String::new(),
    }
}

fn own_start(start: &StartRecord) -> String {
    let late = show_ns(start.late_ns.unsigned_abs());
    let late = if start.late_ns < 0 { format!("{late} before") } else { format!("{late} after") };
    let from = match start.by {
        StartBy::Time => "the given start time",
        StartBy::Rendezvous => "the agreed start time",
    };
    format!("it began {late} {from}; {}", clock(&start.clock))
}

fn clock(clock: &ClockRecord) -> String {
    match clock {
        ClockRecord::Compared { offset_ns: 0, bound_ns: 0 } => {
            "the other parts compared their clocks with this one".into()
        }
        ClockRecord::Compared { offset_ns, bound_ns } => {
            let sign = if *offset_ns < 0 { "ahead of" } else { "behind" };
            let far = show_ns(offset_ns.unsigned_abs());
            format!("its clock is {far} {sign} that of part 0, within {}", show_ns(*bound_ns))
        }
        ClockRecord::Kept { bound_ns } => {
            format!("its clock is right within {}, according to the kernel", show_ns(*bound_ns))
        }
        ClockRecord::Unknown => "the error of its clock is unknown".into(),
    }
}

/// The time between the first and the last start, and its error.
fn starts(parts: &[Part]) -> String {
    let began = || parts.iter().map(|part| part.began_unix_ns);
    let apart = began().max().unwrap_or(0) - began().min().unwrap_or(0);
    let bounds: Option<Vec<u64>> = parts.iter().map(|part| bound(part.start.as_ref()?)).collect();
    let apart = format!("measurements began within {}", show_ns(apart));
    match bounds {
        Some(mut bounds) => {
            bounds.sort_unstable();
            let worst: u64 = bounds.iter().rev().take(2).sum();
            let how = if parts.iter().any(is_compared) { "compared" } else { "kept" };
            format!("{apart}, by clocks that agree within {} ({how})", show_ns(worst))
        }
        None => format!("{apart}, by clocks that were not compared"),
    }
}

fn bound(start: &StartRecord) -> Option<u64> {
    match start.clock {
        ClockRecord::Compared { bound_ns, .. } | ClockRecord::Kept { bound_ns } => Some(bound_ns),
        ClockRecord::Unknown => None,
    }
}

fn is_compared(part: &Part) -> bool {
    part.start.is_some_and(|start| matches!(start.clock, ClockRecord::Compared { .. }))
}
