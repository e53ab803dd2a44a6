//! Time to make the page of a large run: twenty models, five workloads, five trials of sixty seconds
//! each. Also the time to open the page, if there is a Chromium.
//!
//! The run is made from a committed one: each trial gets the slices of sixty seconds, and each cell
//! five blocks. The time includes reading the trials, but not writing the page.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use c10k::document::{Estimate, Summary, Trial};
use c10k::store::{read_json, write_json};
use c10k::{page, standings};
use criterion::Criterion;

const RUN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/results/20261121-two-core-vm/quick-20261121T232743Z");
/// Sixty seconds of 100 ms.
const SLICES: u64 = 600;
const WIDTH_NS: u64 = 100_000_000;
const TRIALS: usize = 5;
const OPENINGS: usize = 7;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = make(folder.path());
    let page = page::page(&summary, folder.path()).expect("a page");
    let cells = summary.cells.len();
    eprintln!("{cells} cells of {TRIALS} trials, a page of {} bytes", page.len());
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let mut group = criterion.benchmark_group("report");
    group.bench_function("page", |bencher| {
        bencher.iter(|| page::page(&summary, folder.path()).expect("a page"));
    });
    group.bench_function("derive", |bencher| {
        bencher.iter(|| {
            let mut again = summary.clone();
            standings::derive(&mut again);
            again
        });
    });
    group.finish();
    criterion.final_summary();
    open(&page, folder.path());
}

/// Opens the page several times, each time in a new browser, and prints when it could be read and when all its
/// figures were drawn. The times are those of the browser's clock, which starts when the page begins to load. The page
/// draws its figures one by one after it can be read; the event `beforeprint` makes it draw the rest at once.
fn open(page: &str, folder: &Path) {
    let file = folder.join("page.html");
    let clock = "<script>const told = document.documentElement.dataset; \
                 told.readable = performance.now(); \
                 dispatchEvent(new Event('beforeprint')); \
                 told.complete = performance.now();</script></body>";
    std::fs::write(&file, page.replace("</body>", clock)).expect("written");
    let (mut readable, mut complete) = (Vec::new(), Vec::new());
    for opening in 0..OPENINGS {
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .arg(format!("--user-data-dir={}", folder.join(format!("profile{opening}")).display()))
            .arg(format!("file://{}", file.display()))
            .output();
        let Ok(output) = output else {
            eprintln!("opening the page: skipped: Chromium is not installed");
            return;
        };
        let dom = String::from_utf8_lossy(&output.stdout).into_owned();
        let ms = |name: &str| -> f64 {
            let told = dom.split(&format!("data-{name}=\"")).nth(1);
            let told = told.and_then(|rest| rest.split('"').next()?.parse().ok());
            told.expect("the page was loaded")
        };
        readable.push(ms("readable"));
        complete.push(ms("complete"));
    }
    for (what, mut took) in [("can be read", readable), ("is complete", complete)] {
        took.sort_by(f64::total_cmp);
        let (median, least, most) = (took[OPENINGS / 2], took[0], took[OPENINGS - 1]);
        eprintln!(
            "the page {what} after {median:.0} ms, {least:.0} to {most:.0} in {OPENINGS} openings"
        );
    }
}

/// Writes the trials of such a run and returns its summary.
fn make(folder: &Path) -> Summary {
    let mut summary: Summary = read_json(&Path::new(RUN).join("summary.json")).expect("a summary");
    std::fs::create_dir(folder.join("trials")).expect("made");
    for cell in &mut summary.cells {
        let mut trial: Trial = read_json(&Path::new(RUN).join(&cell.trials[0])).expect("a trial");
        let slices = trial.intervals.clone();
        trial.intervals = (0..SLICES)
            .zip(slices.iter().cycle())
            .map(|(at, slice)| c10k::document::Interval {
                start_ns: at * WIDTH_NS,
                width_ns: WIDTH_NS,
                ..slice.clone()
            })
            .collect();
        let file = |block: usize| format!("trials/{}.{}.{block}.json", cell.workload, cell.model);
        cell.trials = (0..TRIALS).map(file).collect();
        for file in &cell.trials {
            write_json(&folder.join(file), &trial).expect("written");
        }
        let latency = cell.latency.iter_mut().filter_map(|quantile| quantile.value_ns.as_mut());
        let costs = [&mut cell.server_cpu_per_request_ns, &mut cell.client_cpu_per_request_ns];
        let own = [&mut cell.throughput_per_s, &mut cell.pss_bytes].into_iter();
        for estimate in own.chain(latency).chain(costs.into_iter().flatten()) {
            let values: Vec<f64> = estimate.values.iter().cycle().take(TRIALS).copied().collect();
            *estimate = Estimate::from_values(&values).expect("values");
        }
    }
    standings::derive(&mut summary);
    summary
}
