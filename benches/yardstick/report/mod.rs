//! The report: figures side by side, and a verdict on each claim.

mod tables;

use std::process::ExitCode;

use c10k::statistics::Interval;
use c10k::statistics::claim::{Answer, Claim};
use serde::Serialize;
use servers::{Family, models};

use crate::counts::{Cost, Counted};
use crate::memory::{CLAIM_BYTES, Idle, MODELS};
use crate::support::Spread;
use crate::times::Pair;
use crate::tools::Subject;
use crate::{Parts, Record, claims};

/// What a figure measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aspect {
    InstructionsPerRequest,
    SyscallsPerRequest,
    CpuPerRequestNs,
    RequestsPerS,
    BytesPerIdleConnection,
}

impl Aspect {
    fn words(self) -> &'static str {
        match self {
            Self::InstructionsPerRequest => "instructions",
            Self::SyscallsPerRequest => "system calls",
            Self::CpuPerRequestNs => "CPU per request",
            Self::RequestsPerS => "throughput",
            Self::BytesPerIdleConnection => "memory per idle connection",
        }
    }
}

/// One line of a table.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    what: String,
    aspect: Aspect,
    /// Absent without an opponent.
    against: Option<String>,
    /// Absent if nothing was measured.
    ours: Option<Spread>,
    theirs: Option<Spread>,
    /// Ours over theirs; for times, the median over the pairs.
    ratio: Option<f64>,
    interval: Option<Interval>,
    /// The claim for the ratio, or for our figure without a ratio.
    claim: Option<Claim>,
    /// Absent if there is no claim, or nothing to judge it by.
    answer: Option<Answer>,
}

impl Verdict {
    fn name(&self) -> String {
        format!("{}, {}", self.what, self.aspect.words())
    }

    /// A verdict without figures.
    fn unmeasured(
        subject: Subject,
        aspect: Aspect,
        against: Option<&str>,
        claim: Option<Claim>,
    ) -> Self {
        let (ours, theirs, ratio, interval, answer) = (None, None, None, None, None);
        let (what, against) = (subject.name(), against.map(String::from));
        Self { what, aspect, against, ours, theirs, ratio, interval, claim, answer }
    }
}

/// Verdicts on counts: two for each subject, even if it could not be counted.
pub(crate) fn of_counts(
    subjects: &[(Subject, Option<String>)],
    counted: &[Counted],
    against_c: bool,
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (subject, against) in subjects {
        let limits = if against_c { claims::counts(*subject) } else { Some(claims::SAME) };
        let found = counted.iter().find(|counted| counted.subject == subject.name());
        for (aspect, limit) in [
            (Aspect::InstructionsPerRequest, limits.map(|limits| limits.instructions)),
            (Aspect::SyscallsPerRequest, limits.map(|limits| limits.syscalls)),
        ] {
            let claim = limit.map(Claim::AtMost);
            let mut verdict = Verdict::unmeasured(*subject, aspect, against.as_deref(), claim);
            if let Some(counted) = found {
                let (of, ratio): (fn(&Cost) -> f64, _) = match aspect {
                    Aspect::InstructionsPerRequest => {
                        (|cost| cost.instructions, counted.instruction_ratio)
                    }
                    _ => (|cost| cost.syscalls, counted.syscall_ratio),
                };
                verdict.ours = Spread::from_values([of(&counted.ours)].into_iter());
                verdict.theirs = Spread::from_values(counted.theirs.iter().map(of));
                verdict.ratio = ratio;
                verdict.answer = claim.zip(ratio).map(|(claim, ratio)| claim.judge_exact(ratio));
            }
            verdicts.push(verdict);
        }
    }
    verdicts
}

/// Verdicts on times: two for each subject that has an opponent.
pub(crate) fn of_times(subjects: &[(Subject, Option<String>)], pairs: &[Pair]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (subject, against) in subjects.iter().filter(|(_, against)| against.is_some()) {
        let name = subject.name();
        let pairs = || pairs.iter().filter(|pair| pair.subject == name);
        let (cpu, rate) = claims::times(*subject);
        let mut add = |aspect, claim: Option<Claim>, of: fn(&Pair) -> [f64; 3]| {
            let mut verdict = Verdict::unmeasured(*subject, aspect, against.as_deref(), claim);
            let ratios: Vec<_> = pairs().map(|pair| of(pair)[2]).collect();
            // The interval of the ratio does not depend on the claim, so any claim yields it.
            let judged = claim.unwrap_or(Claim::AtMost(1.0)).judge(&ratios);
            verdict.ours = Spread::from_values(pairs().map(|pair| of(pair)[0]));
            verdict.theirs = Spread::from_values(pairs().map(|pair| of(pair)[1]));
            verdict.ratio = judged.map(|judged| judged.median);
            verdict.interval = judged.and_then(|judged| judged.interval);
            verdict.answer = claim.and(judged).map(|judged| judged.answer);
            verdicts.push(verdict);
        };
        add(Aspect::CpuPerRequestNs, Some(cpu), |pair| {
            [pair.ours.cpu_per_request_ns, pair.theirs.cpu_per_request_ns, pair.cpu_ratio]
        });
        add(Aspect::RequestsPerS, rate, |pair| {
            [pair.ours.requests_per_s, pair.theirs.requests_per_s, pair.rate_ratio]
        });
    }
    verdicts
}

/// Verdicts on memory: one for each model.
pub(crate) fn of_memory(idle: &[Idle]) -> Vec<Verdict> {
    let of = |(model, connections): (&'static str, usize)| {
        let found = idle.iter().filter(|idle| idle.model == model);
        let ours = Spread::from_values(found.map(|idle| idle.per_connection_bytes));
        // The claim is about event loops. A runtime keeps a task per client; it is for comparison.
        let reactor = models::find(model).is_some_and(|model| model.family == Family::Reactor);
        let claim = reactor.then_some(Claim::AtMost(CLAIM_BYTES));
        Verdict {
            what: format!("{model}, {connections} connections"),
            aspect: Aspect::BytesPerIdleConnection,
            against: None,
            ours,
            theirs: None,
            ratio: None,
            interval: None,
            claim,
            answer: claim.zip(ours).map(|(claim, ours)| claim.judge_exact(ours.median)),
        }
    };
    MODELS.into_iter().map(of).collect()
}

/// Success if every claim was judged and holds, failure if one does not hold, otherwise 4.
pub(crate) fn exit_code(verdicts: &[Verdict]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for verdict in verdicts.iter().filter(|verdict| verdict.claim.is_some()) {
        match verdict.answer {
            Some(Answer::Holds) => {}
            Some(Answer::DoesNotHold) => return ExitCode::FAILURE,
            Some(Answer::CannotBeTold { .. }) | None => code = ExitCode::from(4),
        }
    }
    code
}

/// The summary, the tables, the conditions, and what was skipped.
pub(crate) fn text(record: &Record, parts: Parts) -> String {
    let mut text = vec![sentence(&record.verdicts)];
    text.extend(tables::report_tables(record, parts));
    text.push(record.conditions.text());
    text.extend(record.skipped.iter().cloned());
    text.join("\n")
}

fn sentence(verdicts: &[Verdict]) -> String {
    let claimed: Vec<_> = verdicts.iter().filter(|verdict| verdict.claim.is_some()).collect();
    let those = |wanted: fn(Option<Answer>) -> bool| -> Vec<String> {
        let found = claimed.iter().filter(|verdict| wanted(verdict.answer));
        found.map(|verdict| verdict.name()).collect()
    };
    let hold = those(|answer| answer == Some(Answer::Holds)).len();
    let mut text = format!("{hold} of {} claims hold", claimed.len());
    for (names, what) in [
        (those(|answer| answer == Some(Answer::DoesNotHold)), "do not hold"),
        (
            those(|answer| matches!(answer, Some(Answer::CannotBeTold { .. }))),
            "are undecided with these pairs",
        ),
        (those(|answer| answer.is_none()), "were not judged"),
    ] {
        if !names.is_empty() {
            text.push_str(&format!("; {} {what} ({})", names.len(), shortened(&names)));
        }
    }
    text.push('.');
    text
}

/// The first names, and how many more there are.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if names.len() > SHOWN {
        text.push_str(&format!("; and {} more", names.len() - SHOWN));
    }
    text
}
