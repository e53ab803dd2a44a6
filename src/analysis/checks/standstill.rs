//! The standstill checks: whether the generator stood still during the measurement.

use super::{About, Check, Status, Trial, check};
use crate::base::units::{as_f64, show_ns};
use crate::document::{Distribution, StandstillRecord, is_admitted};

/// Share of the measurement from which on gaps are in the quantiles that people look at.
const SHARE_WARNING: f64 = 0.005;
/// A gap of this length is the longest latency of most loads.
const LONGEST_WARNING_NS: u64 = 50_000_000;
/// Share of the measurement from which on the throughput too is that of the gaps.
const SHARE_LIMIT: f64 = 0.05;
/// Less time than this is a few of a scheduler's slices, however short the measurement.
const MEASURED_LIMIT_NS: u64 = 100_000_000;

pub(super) fn standstill(trial: &Trial, found: &StandstillRecord) -> Check {
    let StandstillRecord { share, measured_ns, longest_ns, .. } = *found;
    let status = if share >= SHARE_LIMIT && measured_ns >= MEASURED_LIMIT_NS {
        Status::Fail
    } else if share >= SHARE_WARNING || longest_ns >= LONGEST_WARNING_NS {
        Status::Warn
    } else {
        Status::Pass
    };
    check("standstill", About::Generator, status, (share, SHARE_LIMIT), words(trial, found))
}

/// A short measurement with little time in gaps does not fail the check above, and yet its throughput
/// may be that of the gaps. Below the limit throughput is less by that share at most, which is within
/// the margin of comparisons.
pub(super) fn share(found: &StandstillRecord) -> Option<Check> {
    let StandstillRecord { share, measured_ns, .. } = *found;
    (share >= SHARE_LIMIT && measured_ns < MEASURED_LIMIT_NS).then(|| {
        let text = format!(
            "the generator stood still for {:.0} % of a short measurement, so its throughput is too low; \
             measure for longer",
            share * 100.0
        );
        check("standstill-share", About::Generator, Status::Warn, (share, SHARE_LIMIT), text)
    })
}

fn words(trial: &Trial, found: &StandstillRecord) -> String {
    let at = found.longest_at_ns;
    let when = match u64::try_from(at) {
        Ok(at) if at >= trial.phases.measure_ns => "during the drain".into(),
        Ok(at) => format!("{} into the measurement", show_ns(at)),
        Err(_) => "during the warm-up".into(),
    };
    let mut text = format!(
        "the generator stood still for {} of the measurement ({:.1} %), {} of it in one piece, {when}",
        show_ns(found.measured_ns / trial.load.threads.max(1) as u64),
        found.share * 100.0,
        show_ns(found.longest_ns),
    );
    let Some(requests) = &found.requests else { return text };
    text.push_str(&format!(
        ": {} requests waited for the generator, not for the server",
        requests.count
    ));
    if let Some(p99) = without(trial.latency.headline(), requests) {
        text.push_str(&format!("; p99 without them is {}", show_ns(p99)));
    }
    text
}

/// The p99 of the other requests, if there are enough of them.
fn without(all: &Distribution, touched: &Distribution) -> Option<u64> {
    let mut rest = all.histogram().ok()?;
    rest.subtract(&touched.histogram().ok()?).ok()?;
    is_admitted(0.99, as_f64(rest.len())).then(|| rest.value_at_quantile(0.99))
}
