//! Exports for HdrHistogram's tools, and the time series of a trial as CSV.
//!
//! - an *interval log* (`.hlog`, HdrHistogram's log format 1.3 with V2 histograms): one line for
//!   each slice of the measurement, tagged `response` in an open loop and `service` in a closed
//!   one. Service times of an open loop are not recorded by slice: one line, tagged `service`,
//!   covers the whole measurement.
//! - a *percentile distribution* (`.hgrm`): the headline latency in milliseconds, for
//!   HdrHistogram's plotters.
//! - the series as CSV.
//!
//! Requests that never ended have no latency and belong to no slice. The distribution counts them
//! at the age they had reached; the log leaves them out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::base::units::as_f64;
use crate::base::usage;
use crate::document::histogram;
use crate::document::{Interval, Trial};

/// Steps for each halving of the distance to 100 %, as in HdrHistogram's own tools.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
/// Other tools show milliseconds.
const NS_PER_MS: f64 = 1e6;

/// The formats of HdrHistogram's tools.
#[derive(Clone, Debug, Default, Args)]
#[group(required = false, multiple = true)]
pub struct Formats {
    /// Write HdrHistogram's interval log to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub hlog: Option<PathBuf>,
    /// Write HdrHistogram's percentile distribution to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub hgrm: Option<PathBuf>,
}

impl Formats {
    /// Writes a trial in each format that was asked for.
    ///
    /// # Errors
    /// When the trial has no histograms of its slices, or a file cannot be written.
    pub fn write(&self, trial: &Trial) -> Result<()> {
        if let Some(path) = &self.hlog {
            super::put(path, &hlog(trial)?)?;
        }
        if let Some(path) = &self.hgrm {
            super::put(path, hgrm(trial)?.as_bytes())?;
        }
        Ok(())
    }

    /// Rejects standard output as a target, because the result goes there.
    ///
    /// # Errors
    /// When one of the files is `-`.
    pub fn leave_standard_output(&self) -> Result<()> {
        if [&self.hlog, &self.hgrm].into_iter().flatten().any(|path| path == Path::new("-")) {
            return Err(usage(
                "--hlog and --hgrm need a file here, because the result goes to standard output; c10k export can \
                 write them to standard output",
            ));
        }
        Ok(())
    }
}

/// The interval log.
///
/// # Errors
/// When the document is from a version that kept no histograms of its slices.
pub fn hlog(trial: &Trial) -> Result<Vec<u8>> {
    let began = UNIX_EPOCH + Duration::from_nanos(trial.sums.map_or(0, |sums| sums.began_unix_ns));
    let tag = |name| Tag::new(name).context("a tag without separators");
    let (headline, service) = (tag(headline(trial))?, tag("service")?);
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("values in nanoseconds; Interval_Max in milliseconds")
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(&mut text, &mut serializer)?;
    if trial.latency.response.is_some() {
        let whole = Duration::from_nanos(trial.phases.measure_ns);
        let (ended, _) = ended(&trial.latency.service)?;
        log.write_histogram(&ended, Duration::ZERO, whole, Some(service))?;
    }
    for interval in &trial.intervals {
        let Some(recorded) = recorded(interval)? else { continue };
        let [start, width] = [interval.start_ns, interval.width_ns].map(Duration::from_nanos);
        log.write_histogram(&recorded, start, width, Some(headline))?;
    }
    Ok(text)
}

/// A slice's histogram; `None` when no request ended in it.
///
/// # Errors
/// When the document is from a version that did not keep it.
pub fn recorded(interval: &Interval) -> Result<Option<Histogram<u64>>> {
    ensure!(
        interval.histogram.is_some() || interval.max_ns.is_none(),
        "intervals: this document is from an earlier version, which has no histogram for each slice; measure again"
    );
    interval.histogram.as_deref().map(histogram::decode).transpose()
}

/// The latencies of requests that ended, and the ages of those that did not.
fn ended(distribution: &crate::document::Distribution) -> Result<(Histogram<u64>, Histogram<u64>)> {
    Ok(histogram::split_off_largest(&distribution.histogram()?, distribution.censored))
}

fn headline(trial: &Trial) -> &'static str {
    if trial.latency.response.is_some() { "response" } else { "service" }
}

/// The percentile distribution of the headline latency.
///
/// # Errors
/// When the document's histogram is damaged.
pub fn hgrm(trial: &Trial) -> Result<String> {
    let all = trial.latency.headline().histogram()?;
    let ms = |ns: f64| ns / NS_PER_MS;
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut upto = 0;
    for step in all.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        upto += step.count_since_last_iteration();
        let (value, quantile) = (ms(as_f64(step.value_iterated_to())), step.quantile_iterated_to());
        write!(text, "{value:12.3} {quantile:2.12} {upto:10}")?;
        if quantile < 1.0 {
            write!(text, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        text.push('\n');
    }
    let (mean, deviation, max) = (ms(all.mean()), ms(all.stdev()), ms(as_f64(all.max())));
    writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", all.len())?;
    let sub_buckets = sub_buckets(all.sigfig());
    writeln!(text, "#[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]", all.buckets())?;
    Ok(text)
}

/// The number of steps into which HdrHistogram divides each power of two: enough that no step is
/// coarser than the last significant digit.
fn sub_buckets(digits: u8) -> u32 {
    (2 * 10_u32.pow(digits.into())).next_power_of_two()
}

/// The series as CSV, one line for each slice; unknown values are empty.
#[must_use]
pub fn csv(trial: &Trial) -> String {
    let mut text = "start_ns,width_ns,ok,failed,p50_ns,p99_ns,max_ns\n".to_string();
    for interval in &trial.intervals {
        let Interval { start_ns, width_ns, ok, failed, p50_ns, p99_ns, max_ns, .. } = interval;
        let [p50, p99, max] = [p50_ns, p99_ns, max_ns]
            .map(|value| value.map_or(String::new(), |value| value.to_string()));
        let _ = writeln!(text, "{start_ns},{width_ns},{ok},{failed},{p50},{p99},{max}");
    }
    text
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::trial::made::{Samples, document};

    /// The lines of a log: tag, start, width, histogram.
    fn lines(log: &[u8]) -> Vec<(String, Duration, Duration, Histogram<u64>)> {
        use base64::Engine;
        let entries = IntervalLogIterator::new(log).map(|entry| entry.expect("a valid line"));
        let interval = |entry| match entry {
            LogEntry::Interval(line) => Some(line),
            _ => None,
        };
        entries
            .filter_map(interval)
            .map(|line| {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(line.encoded_histogram())
                    .expect("base64");
                let histogram = Deserializer::new().deserialize(&mut bytes.as_slice());
                let tag = line.tag().expect("a tag").as_str().to_string();
                (tag, line.start_timestamp(), line.duration(), histogram.expect("a histogram"))
            })
            .collect()
    }

    #[test]
    fn the_log_has_a_line_for_each_slice_and_every_sample() {
        let trial = document(&Samples::some(3, 900), (0, 1), 0);
        let lines = lines(&hlog(&trial).expect("a log"));
        let (service, response): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.0 == "service");
        assert_eq!((service.len(), response.len()), (1, trial.intervals.len()));
        for (line, interval) in response.iter().zip(&trial.intervals) {
            assert_eq!(line.1, Duration::from_nanos(interval.start_ns));
            assert_eq!(line.2, Duration::from_nanos(interval.width_ns));
            assert_eq!(line.3.len(), interval.ok);
        }
        let sum: u64 = response.iter().map(|line| line.3.len()).sum();
        assert_eq!((sum, service[0].3.len()), (trial.census.ok, trial.census.ok));
    }

    #[test]
    fn the_distribution_ends_with_all_samples_at_the_maximum() {
        let trial = document(&Samples::some(4, 700), (0, 1), 0);
        let text = hgrm(&trial).expect("text");
        let headline = trial.latency.headline();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        let last = rows.last().expect("rows");
        assert_eq!(last[1..], ["1.000000000000", &headline.count.to_string()]);
        assert_eq!(last[0], format!("{:.3}", as_f64(headline.max) / 1e6));
        let median = rows.iter().find(|row| row[1].starts_with("0.5000")).expect("the median");
        let p50 = headline.quantile(0.5).expect("listed").value;
        assert_eq!((median[0], median[3]), (format!("{:.3}", as_f64(p50) / 1e6).as_str(), "2.00"));
        assert!(text.contains("#[Mean    = ") && text.contains("SubBuckets     =         2048]"));
    }

    #[test]
    fn a_document_without_histograms_of_its_slices_is_refused_by_name() {
        let mut trial = document(&Samples::some(5, 50), (0, 1), 0);
        for interval in &mut trial.intervals {
            interval.histogram = None;
        }
        let error = hlog(&trial).expect_err("no histograms").to_string();
        assert!(error.contains("intervals") && error.contains("measure again"), "{error}");
    }
}
