//! The work of a load generator for each request beside sending it: when the next request is due, and
//! how a latency is recorded.

mod settings;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use loadgen::{Arrivals, Histogram, Schedule, Series};

/// Latencies that are recorded in turn, from tens of microseconds to tens of milliseconds.
const VALUES: usize = 4_096;

fn main() {
    let mut criterion = settings::criterion();
    schedules(&mut criterion);
    recording(&mut criterion);
    criterion.final_summary();
}

/// When the next request of a thread is due, for a single thread and for one of four.
fn schedules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    group.throughput(Throughput::Elements(1));
    let rate_per_s = 100_000.0;
    let constant = Arrivals::Constant { rate_per_s };
    let poisson = Arrivals::Poisson { rate_per_s, seed: 1 };
    for (name, arrivals) in [("constant", constant), ("Poisson", poisson)] {
        let schedule = Schedule::new(&arrivals, Duration::ZERO).expect("an open loop");
        for (whose, mut shard) in [("alone", schedule.all()), ("of four", schedule.shard(1, 4))] {
            group.bench_function(format!("{name}, {whose}"), |bencher| {
                bencher.iter(|| black_box(shard.next()));
            });
        }
    }
    group.finish();
}

/// Recording a latency: in a histogram of two or three digits, and in the series in order of time.
fn recording(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record a latency");
    group.throughput(Throughput::Elements(1));
    // A multiplicative generator spreads them over three decades, so that no branch is predictable.
    let spread = |at: usize| 10_000_u64 << (((at * 2_654_435_761) >> 7) % 11);
    let values: Vec<u64> = (0..VALUES).map(spread).collect();
    for digits in [2, 3] {
        let mut histogram = Histogram::<u64>::new_with_max(60_000_000_000, digits).expect("bounds");
        let mut at = 0;
        group.bench_function(format!("histogram of {digits} digits"), |bencher| {
            bencher.iter(|| {
                at = (at + 1) % VALUES;
                histogram.record(black_box(values[at])).expect("within its bounds");
            });
        });
    }
    let measure = Duration::from_secs(10);
    let mut series = Series::new(Duration::ZERO, measure);
    let step = u64::try_from(measure.as_nanos()).expect("it fits") / VALUES as u64;
    let mut at = 0;
    group.bench_function("series", |bencher| {
        bencher.iter(|| {
            at = (at + 1) % VALUES;
            series.record(black_box(at as u64 * step), black_box(values[at]));
        });
    });
    group.finish();
}
