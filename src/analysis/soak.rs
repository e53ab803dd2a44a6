//! Whether a server leaks: a pure function from the pieces of a soak to a verdict.
//!
//! In each piece, after a warm-up, the resources of the server at rest are compared with the number
//! of connections so far. The growth per connection is the median of the slopes between two samples
//! of a piece, with its interval. *It drifts* if the whole interval is at or above the least growth
//! that matters. *It is steady* if the whole interval is below it. Otherwise the samples do not
//! decide.

use crate::base::units::{as_f64, show_count};
use crate::document::{SoakAnswer, SoakDrift, SoakPiece, SoakSample, SoakSubject, SoakVerdict};
use crate::statistics::drift::{POINTS_MIN, Slope, slope};

/// How sure an interval of growth is.
pub const CONFIDENCE: f64 = 0.99;
/// Connections after the warm-ups, of all pieces together, below which no server is called steady: of one that
/// leaks by chance in one of ten thousand connections, six would have shown.
pub const CONNECTIONS_MIN: u64 = 60_000;
/// Connections that each of so many pieces of a server needs to be judged, its warm-up and a leg more or less
/// included.
#[must_use]
pub fn needed(pieces: u32) -> u64 {
    let warm = CONNECTIONS_MIN.div_ceil(u64::from(pieces.max(1)));
    // Between the end of the warm-up and the first sample after it there may be a leg.
    ((warm + LEG) * WARMUP_PART).div_ceil(WARMUP_PART - 1)
}

/// More connections than a leg has.
const LEG: u64 = 3_000;
/// The warm-up of a piece, as one in this many of its connections.
const WARMUP_PART: u64 = 4;
/// More samples than this of a piece are thinned out: slopes are counted in pairs.
const SAMPLES_MAX: usize = 400;

/// What a server may hold more and more of.
struct Measure {
    name: &'static str,
    of: fn(&SoakSample) -> u64,
    /// The least growth for each connection that matters.
    matters: f64,
    /// What matters, in words.
    words: &'static str,
}

/// A quarter of one in ten thousand connections, so that one is surely above it.
const RARE: f64 = 0.25 / 10_000.0;
/// Half of the smallest block that malloc(3) of the GNU library makes.
const SMALL_BYTES: f64 = 16.0;

const MEASURES: [Measure; 4] = [
    Measure {
        name: "descriptors",
        of: |sample| sample.descriptors,
        matters: RARE,
        words: "one in 40,000 connections",
    },
    Measure {
        name: "threads",
        of: |sample| sample.threads,
        matters: RARE,
        words: "one in 40,000 connections",
    },
    Measure {
        name: "processes",
        of: |sample| sample.processes,
        matters: RARE,
        words: "one in 40,000 connections",
    },
    Measure {
        name: "memory_bytes",
        of: |sample| sample.memory_bytes,
        matters: SMALL_BYTES,
        words: "16 bytes a connection",
    },
];

/// The verdict on a server, from its pieces.
#[must_use]
pub fn verdict(subject: &SoakSubject, pieces: &[&SoakPiece]) -> SoakVerdict {
    let sum = |of: fn(&SoakPiece) -> u64| pieces.iter().map(|piece| of(piece)).sum::<u64>();
    let kept: Vec<Vec<&SoakSample>> = pieces.iter().map(|piece| after_warmup(piece)).collect();
    let span = kept.iter().map(|samples| span(samples)).sum();
    let drifts: Vec<SoakDrift> =
        MEASURES.iter().map(|measure| drift(measure, &kept, span)).collect();
    let drifting = || drifts.iter().filter(|drift| drift.answer != SoakAnswer::Steady);
    let mut reasons = folded(drifting().map(|drift| drift.reason.as_str()));
    let mut answer = drifting().map(|drift| drift.answer).min().unwrap_or(SoakAnswer::Steady);
    let mut say = |worse: SoakAnswer, reason: String| {
        answer = answer.min(worse);
        reasons.push(reason);
    };
    for piece in pieces {
        for (how, count) in &piece.requests.failed {
            let example = piece.requests.wrong_example.as_ref().filter(|_| how == "wrong_reply");
            let example = example.map_or_else(String::new, |text| format!(", as in {text:?}"));
            say(SoakAnswer::FellShort, format!("round {}: {count} x {how}{example}", piece.round));
        }
        if let Some(words) = &piece.ended {
            say(SoakAnswer::FellShort, format!("round {}: {words}", piece.round));
        }
        if piece.requests.port_shortages > 0 {
            let reason =
                "this machine had no local port left for some connections: see c10k doctor";
            say(SoakAnswer::NotJudged, format!("round {}: {reason}", piece.round));
        }
    }
    if pieces.is_empty() {
        say(SoakAnswer::NotJudged, "it was not measured".into());
    }
    SoakVerdict {
        subject: subject.clone(),
        answer,
        reasons,
        connections: sum(|piece| piece.connections),
        requests: sum(|piece| piece.requests.offered),
        failures: sum(|piece| piece.requests.failures()),
        drifts,
    }
}

/// The reasons, with those as one that differ only in what they are about.
fn folded<'a>(reasons: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<(Vec<&str>, &str)> = Vec::new();
    for reason in reasons {
        let (about, why) = reason.split_once(": ").unwrap_or(("", reason));
        match found.iter_mut().find(|(_, other)| *other == why) {
            Some((all, _)) => all.push(about),
            None => found.push((vec![about], why)),
        }
    }
    found.into_iter().map(|(about, why)| format!("{}: {why}", about.join(", "))).collect()
}

/// The samples of a piece after its warm-up, without those of a server that did not come to rest.
fn after_warmup(piece: &SoakPiece) -> Vec<&SoakSample> {
    let from = piece.connections / WARMUP_PART;
    let kept = |sample: &&SoakSample| sample.rested && sample.connections >= from;
    piece.samples.iter().filter(kept).collect()
}

/// Connections between the first and the last sample.
fn span(samples: &[&SoakSample]) -> u64 {
    let ends = samples.first().zip(samples.last());
    ends.map_or(0, |(first, last)| last.connections - first.connections)
}

fn drift(measure: &Measure, pieces: &[Vec<&SoakSample>], span: u64) -> SoakDrift {
    let Measure { name, of, matters, words } = measure;
    let point = |sample: &SoakSample| (as_f64(sample.connections), as_f64(of(sample)));
    let points = |samples: &Vec<&SoakSample>| {
        let step = samples.len().div_ceil(SAMPLES_MAX).max(1);
        samples.iter().step_by(step).map(|sample| point(sample)).collect::<Vec<_>>()
    };
    let blocks: Vec<Vec<(f64, f64)>> = pieces.iter().map(points).collect();
    let found = slope(&blocks, CONFIDENCE);
    let interval = found.and_then(|Slope { interval, .. }| interval);
    let thing = name.trim_end_matches("_bytes");
    let (answer, reason) = match interval {
        None => {
            let samples: usize = blocks.iter().map(Vec::len).sum();
            let reason = format!(
                "{thing}: {samples} samples after the warm-up are too few to bound growth ({POINTS_MIN} are \
                 needed): soak it longer"
            );
            (SoakAnswer::NotJudged, reason)
        }
        Some(interval) if interval.low >= *matters => {
            let growth = found.map_or(0.0, |slope| slope.value);
            (SoakAnswer::Drifts, format!("{thing} at rest grow: {}", grown(name, growth)))
        }
        Some(interval) if interval.high >= *matters => {
            let reason = format!(
                "{thing}: it is undecided whether it grows by {words} or more: soak it longer"
            );
            (SoakAnswer::NotJudged, reason)
        }
        Some(_) if span < CONNECTIONS_MIN => {
            let reason = format!(
                "{thing}: {} connections after the warm-up are too few to rule out a leak ({} are needed): soak it \
                 longer",
                show_count(as_f64(span)),
                show_count(as_f64(CONNECTIONS_MIN))
            );
            (SoakAnswer::NotJudged, reason)
        }
        Some(_) => (SoakAnswer::Steady, format!("{thing} grow by less than {words}")),
    };
    SoakDrift {
        measure: (*name).into(),
        per_connection: found.map(|slope| slope.value),
        interval,
        matters: *matters,
        answer,
        reason,
    }
}

/// A growth for each connection, in words.
fn grown(measure: &str, per_connection: f64) -> String {
    match (measure, per_connection) {
        ("memory_bytes", bytes) => format!("{bytes:.0} bytes for each connection"),
        (_, one) if one < 0.5 => {
            format!("one more after each {} connections", show_count(1.0 / one))
        }
        (_, many) => format!("{many:.2} more after each connection"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SoakRequests;

    const LEG: u64 = 2_500;

    #[test]
    fn what_a_piece_needs_is_enough_to_be_judged() {
        for pieces in [1, 2, 3, 7] {
            let one = piece(needed(pieces).div_ceil(LEG), |n| sample(n, 9, 1 << 20));
            let all = vec![one; pieces as usize];
            // However long the first leg after the warm-up is.
            let warm = needed(pieces) - needed(pieces) / WARMUP_PART;
            assert!((warm - super::LEG) * u64::from(pieces) >= CONNECTIONS_MIN, "{pieces} pieces");
            assert_eq!(said(&all).answer, SoakAnswer::Steady, "{pieces} pieces");
        }
    }

    /// A piece of so many legs, in which the server holds what `held` says after so many connections.
    fn piece(legs: u64, held: impl Fn(u64) -> SoakSample) -> SoakPiece {
        let samples: Vec<_> = (0..=legs).map(|leg| held(leg * LEG)).collect();
        let subject = SoakSubject { kind: "model".into(), name: "one".into() };
        SoakPiece {
            subject,
            round: 0,
            started_at: String::new(),
            lasted_ns: 1,
            connections: legs * LEG,
            requests: SoakRequests { offered: legs, ok: legs, ..SoakRequests::default() },
            samples,
            ended: None,
            stopped: None,
        }
    }

    fn sample(connections: u64, descriptors: u64, memory_bytes: u64) -> SoakSample {
        let (processes, threads) = (1, 3);
        let (at_ns, rested) = (connections, true);
        SoakSample { connections, at_ns, processes, threads, descriptors, memory_bytes, rested }
    }

    fn said(pieces: &[SoakPiece]) -> SoakVerdict {
        let pieces: Vec<&SoakPiece> = pieces.iter().collect();
        verdict(&pieces[0].subject.clone(), &pieces)
    }

    #[test]
    fn one_descriptor_in_ten_thousand_connections_is_found_wherever_the_legs_fall() {
        for offset in (0..10_000).step_by(50) {
            let leaky = piece(34, |n| sample(n, 9 + (n + offset) / 10_000, 1 << 20));
            let verdict = said(&[leaky]);
            assert_eq!(verdict.answer, SoakAnswer::Drifts, "{offset}: {:?}", verdict.drifts);
            assert!(verdict.reasons[0].contains("descriptors at rest grow"), "{verdict:?}");
        }
    }

    #[test]
    fn what_stays_is_steady_and_too_little_is_not_judged() {
        let good = |legs| piece(legs, |n| sample(n, 9, 1 << 20));
        assert_eq!(said(&[good(34)]).answer, SoakAnswer::Steady);
        let short = said(&[good(20)]);
        assert_eq!(short.answer, SoakAnswer::NotJudged);
        assert!(short.reasons[0].contains("37.5k connections"), "{:?}", short.reasons);
        // Two such pieces are enough together, though the server has another height in each.
        let other = piece(20, |n| sample(n, 90, 9 << 20));
        assert_eq!(said(&[good(20), other]).answer, SoakAnswer::Steady);
        let few = said(&[good(5)]).reasons;
        let begins = "descriptors, threads, processes, memory: 4 samples after the warm-up";
        assert!(few.len() == 1 && few[0].starts_with(begins), "{few:?}");
    }

    #[test]
    fn a_beginning_that_grows_is_a_warm_up() {
        let memory = |n: u64| (1 << 20) + 1_000 * n.min(20_000);
        let warm = piece(40, |n| sample(n, 9 + (n.min(10_000) / LEG), memory(n)));
        assert_eq!(said(&[warm]).answer, SoakAnswer::Steady);
    }

    #[test]
    fn a_server_that_does_not_rest_is_not_judged_by_that() {
        let restless =
            |n: u64| SoakSample { rested: n.is_multiple_of(7_500), ..sample(n, 9, 1 << 20) };
        let busy = |n: u64| SoakSample {
            descriptors: 9 + n * u64::from(!n.is_multiple_of(7_500)),
            ..restless(n)
        };
        assert_eq!(said(&[piece(60, busy)]).answer, SoakAnswer::Steady);
        let never = piece(60, |n| SoakSample { rested: false, ..sample(n, 9, 1 << 20) });
        assert_eq!(said(&[never]).answer, SoakAnswer::NotJudged);
    }

    #[test]
    fn memory_grows_by_a_small_block_for_each_connection() {
        let noise = |n: u64| (n * 7_919) % 40_000;
        let leaky = piece(34, |n| sample(n, 9, (1 << 20) + 32 * n + noise(n)));
        let verdict = said(&[leaky]);
        assert_eq!(verdict.answer, SoakAnswer::Drifts, "{verdict:?}");
        assert!(verdict.reasons[0].contains("memory at rest grow: 3"), "{:?}", verdict.reasons);
        let still = piece(34, |n| sample(n, 9, (1 << 20) + noise(n)));
        assert_eq!(said(&[still]).answer, SoakAnswer::Steady);
    }

    #[test]
    fn a_reply_that_failed_and_a_server_that_ended_fall_short() {
        let mut failed = piece(34, |n| sample(n, 9, 1 << 20));
        failed.requests.failed.insert("wrong_reply".into(), 2);
        failed.requests.wrong_example = Some("OK 7".into());
        let verdict = said(std::slice::from_ref(&failed));
        assert_eq!((verdict.answer, verdict.failures), (SoakAnswer::FellShort, 2));
        assert_eq!(verdict.reasons, ["round 0: 2 x wrong_reply, as in \"OK 7\""]);
        failed.ended = Some("the server ended".into());
        assert_eq!(said(&[failed]).reasons.len(), 2);
        // A drift is worse than that.
        let mut leaky = piece(34, |n| sample(n, 9 + n / 5_000, 1 << 20));
        leaky.requests.failed.insert("timeout".into(), 1);
        assert_eq!(said(&[leaky]).answer, SoakAnswer::Drifts);
    }
}
