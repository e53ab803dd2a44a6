//! How long the benchmarks of criterion measure whose turns take microseconds or less.

use std::time::Duration;

use criterion::Criterion;

/// Fifty samples in two seconds, unless the command line says otherwise.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
}
