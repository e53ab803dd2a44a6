//! Checks of the generator: whether it was saturated or late.

use super::{About, Check, Status, Trial, check, not_judged};
use crate::base::units::{as_f64, show_ns_f64};
use crate::document::Distribution;

/// Busiest generator thread, CPU over elapsed time: from here on the generator is the limit.
const GENERATOR_BUSY_LIMIT: f64 = 0.90;
/// From here on, in an open loop, requests begin to be sent late in bursts.
const GENERATOR_BUSY_WARNING: f64 = 0.70;
/// The generator may be late by this much at p99, or by a tenth of the measured latency.
const LAG_WARNING_NS: f64 = 200_000.0;
/// Lateness over the measured p99 from which on the generator measures itself.
const LAG_LIMIT_SHARE: f64 = 0.5;

pub(super) fn generator_busy(trial: &Trial) -> Check {
    let busy = trial.client.busiest_thread_share;
    if trial.client.cpu_ns == 0 {
        let why = "the measurement was too short to measure the generator's CPU time";
        return not_judged("generator-cpu", About::Generator, why);
    }
    let percent = busy * 100.0;
    let (status, message) = match (trial.load.arrivals.is_open(), busy) {
        (false, busy) if busy >= GENERATOR_BUSY_LIMIT => (
            Status::Warn,
            format!(
                "generator-limited: its busiest thread used {percent:.0} % of a core, so capacity \
                 is at least this figure; compare CPU per request"
            ),
        ),
        (true, busy) if busy >= GENERATOR_BUSY_LIMIT => (
            Status::Fail,
            format!(
                "the generator was saturated ({percent:.0} % of a core): the latencies are \
                partly its own; lower the rate or add --threads"
            ),
        ),
        (true, busy) if busy >= GENERATOR_BUSY_WARNING => (
            Status::Warn,
            format!("the generator used {percent:.0} % of a core: some of the latency is its own"),
        ),
        _ => (Status::Pass, String::new()),
    };
    check("generator-cpu", About::Generator, status, (busy, GENERATOR_BUSY_LIMIT), message)
}

/// Lateness is judged at the farthest of these quantiles for which lateness and latency both have
/// enough samples.
const LAG_QUANTILES: [f64; 5] = [0.99, 0.95, 0.9, 0.75, 0.5];

pub(super) fn sched_lag(trial: &Trial) -> Check {
    let (late, headline) = (&trial.latency.sched_lag, trial.latency.headline());
    let known = |distribution: &Distribution, q| {
        distribution.quantile(q).filter(|found| found.admitted).map(|found| as_f64(found.value))
    };
    let judged =
        LAG_QUANTILES.into_iter().find_map(|q| Some((q, known(late, q)?, known(headline, q)?)));
    let Some((q, lag, measured)) = judged else {
        let why = format!(
            "{} requests are too few to judge how late the generator sent",
            headline.count.min(late.count)
        );
        return not_judged("sched-lag", About::Generator, &why);
    };
    let limit = LAG_WARNING_NS.max(measured / 10.0);
    let status = match lag {
        lag if lag <= limit => Status::Pass,
        lag if lag <= measured * LAG_LIMIT_SHARE => Status::Warn,
        _ => Status::Fail,
    };
    let message = format!(
        "the generator itself was late: {} at p{:.0}, of {} measured",
        show_ns_f64(lag),
        q * 100.0,
        show_ns_f64(measured)
    );
    check("sched-lag", About::Generator, status, (lag, limit), message)
}
