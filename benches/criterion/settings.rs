//! How long the criterion benchmarks measure, unless the command line says otherwise.
#![allow(dead_code, reason = "every benchmark uses its own part of this")]

use std::time::Duration;

use criterion::Criterion;

/// Fifty samples in two seconds, for turns of microseconds or less.
pub(crate) fn criterion() -> Criterion {
    measuring(50, Duration::from_millis(500), Duration::from_secs(2))
}

/// This many samples in this time, after a warm-up.
pub(crate) fn measuring(samples: usize, warmup: Duration, time: Duration) -> Criterion {
    Criterion::default()
        .sample_size(samples)
        .warm_up_time(warmup)
        .measurement_time(time)
        .configure_from_args()
}
