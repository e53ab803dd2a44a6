//! Adding up latencies, sample by sample.

use anyhow::{Result, bail};

use crate::base::units::as_f64;
use crate::document::histogram;
use crate::document::{Distribution, Latency, Trial, Turnaround};

pub(super) fn latency(documents: &[Trial]) -> Result<Latency> {
    let each = |of: fn(&Latency) -> &Distribution| {
        let all: Vec<_> = documents.iter().map(|trial| of(&trial.latency)).collect();
        distribution(&all)
    };
    let some = |of: fn(&Latency) -> Option<&Distribution>| {
        let all: Option<Vec<_>> = documents.iter().map(|trial| of(&trial.latency)).collect();
        all.map(|all| distribution(&all)).transpose()
    };
    Ok(Latency {
        response: some(|latency| latency.response.as_ref())?,
        service: each(|latency| &latency.service)?,
        conn_wait: each(|latency| &latency.conn_wait)?,
        sched_lag: each(|latency| &latency.sched_lag)?,
        connect: each(|latency| &latency.connect)?,
        saturated: documents.iter().map(|trial| trial.latency.saturated).sum(),
        greeting: some(|latency| latency.greeting.as_ref())?,
        accept_delay: some(|latency| latency.accept_delay.as_ref())?,
        queue_delay: some(|latency| latency.queue_delay.as_ref())?,
    })
}

pub(super) fn turnaround(documents: &[Trial]) -> Result<Option<Turnaround>> {
    let all: Option<Vec<_>> = documents.iter().map(|trial| trial.turnaround.as_ref()).collect();
    let Some(all) = all else { return Ok(None) };
    let times: Vec<_> = all.iter().map(|part| &part.times).collect();
    let total_ns = all.iter().map(|part| part.total_ns).sum();
    Ok(Some(Turnaround { total_ns, times: distribution(&times)? }))
}

pub(super) fn distribution(parts: &[&Distribution]) -> Result<Distribution> {
    let histograms: Result<Vec<_>> = parts.iter().map(|part| part.histogram()).collect();
    let all = histogram::sum(&histograms?)?;
    let count: u64 = parts.iter().map(|part| part.count).sum();
    let censored: u64 = parts.iter().map(|part| part.censored).sum();
    if all.len() != count || censored > count {
        bail!("latency: a histogram and the sample count in its document differ");
    }
    // The ages are among the samples. Which of them they are decides nothing that is shown.
    let (ended, ages) = histogram::split_off_largest(&all, censored);
    let sum = Distribution::from_histograms(&ended, &ages)?;
    let effective =
        |part: &Distribution, q| part.quantile(q).and_then(|found| found.effective_count);
    if parts.iter().all(|part| part.quantiles.iter().all(|found| found.effective_count.is_none())) {
        return Ok(sum);
    }
    // All generators saw the same server: a stall that met one met the others, so together their
    // samples may be worth no more than those of the one that has most.
    let most = |q| parts.iter().filter_map(|part| effective(part, q)).max().unwrap_or(count);
    Ok(sum.worth(|q| as_f64(count) / as_f64(most(q).max(1))))
}
