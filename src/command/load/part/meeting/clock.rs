//! The difference between this clock and that of part 0.

use std::time::{Duration, Instant};

use super::now;
use super::words::{Answer, Heard, Said, Talk};
use crate::base::units::ns;
use crate::document::ClockRecord;

/// Number of time queries; the fastest answer counts.
const EXCHANGES: usize = 32;
/// An answer that takes longer does not come.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One answer: the times of query and answer by this clock, and the other clock's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) asked_ns: u64,
    pub(super) there_ns: u64,
    pub(super) answered_ns: u64,
}

impl Exchange {
    fn round_trip(&self) -> u64 {
        self.answered_ns.saturating_sub(self.asked_ns)
    }

    /// The other clock read its time between the query and the answer. Taking the middle errs by at
    /// most half of that time.
    fn record(&self) -> ClockRecord {
        let half = self.round_trip().div_ceil(2);
        let middle = self.asked_ns.saturating_add(half);
        let offset = i128::from(self.there_ns) - i128::from(middle);
        let offset_ns =
            i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX });
        ClockRecord::Compared { offset_ns, bound_ns: half }
    }
}

/// What the exchanges come to: the fastest leaves least to be known.
pub(super) fn fastest(exchanges: &[Exchange]) -> ClockRecord {
    exchanges
        .iter()
        .min_by_key(|one| one.round_trip())
        .map_or(ClockRecord::Unknown, Exchange::record)
}

/// Compares the clocks; a message that is not a time is returned.
pub(super) fn compare(talk: &mut Talk) -> Result<ClockRecord, Option<Answer>> {
    let mut exchanges = Vec::with_capacity(EXCHANGES);
    for _ in 0..EXCHANGES {
        // Not by the time of day, which somebody may set meanwhile.
        let (asked, asked_at) = (now(), Instant::now());
        talk.say(&Said::Time).map_err(|_| None)?;
        let until = Instant::now() + ANSWER_WITHIN;
        let there_ns = loop {
            match talk.hear() {
                Heard::Said(Answer::Time { unix_ns }) => break unix_ns,
                Heard::Said(other) => return Err(Some(other)),
                Heard::Nothing if Instant::now() < until => {}
                Heard::Nothing | Heard::End => return Err(None),
            }
        };
        let answered_ns = ns(asked + asked_at.elapsed());
        exchanges.push(Exchange { asked_ns: ns(asked), there_ns, answered_ns });
    }
    Ok(fastest(&exchanges))
}
