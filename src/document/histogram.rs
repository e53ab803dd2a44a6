//! Histograms in documents, and figures computed from their counts.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// A histogram as text: HdrHistogram V2, deflated, in base64.
///
/// # Errors
/// When it cannot be serialised, which is a bug.
pub fn encode(histogram: &Histogram<u64>) -> Result<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .context("cannot serialise the histogram")?;
    Ok(STANDARD.encode(bytes))
}

/// The histogram that [`encode`] wrote.
///
/// # Errors
/// When the text is something else.
pub fn decode(text: &str) -> Result<Histogram<u64>> {
    let bytes = STANDARD.decode(text).context("the histogram is not base64")?;
    Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .context("the histogram is not in HdrHistogram's V2 deflate format")
}

/// One histogram with all samples, wide enough for the widest.
///
/// # Errors
/// When their bounds differ, which is a bug.
pub fn sum<'a>(
    histograms: impl IntoIterator<Item = &'a Histogram<u64>, IntoIter: Clone>,
) -> Result<Histogram<u64>> {
    let histograms = histograms.into_iter();
    let digits = histograms.clone().map(Histogram::sigfig).max().unwrap_or(3);
    let high = histograms.clone().map(Histogram::high).max().unwrap_or(2).max(2);
    let mut sum = Histogram::new_with_bounds(1, high, digits)?;
    for histogram in histograms {
        sum.add(histogram).context("the histograms have different bounds")?;
    }
    Ok(sum)
}

/// The values of all samples together, each that of the middle of its bucket.
#[must_use]
pub fn total(histogram: &Histogram<u64>) -> u64 {
    histogram.iter_recorded().fold(0, |total: u64, step| {
        let value = histogram.median_equivalent(step.value_iterated_to());
        total.saturating_add(value.saturating_mul(step.count_at_value()))
    })
}

/// Splits the `n` largest samples off a histogram; returns the rest and these samples.
///
/// # Panics
/// When there are fewer.
#[must_use]
pub fn split_off_largest(all: &Histogram<u64>, n: u64) -> (Histogram<u64>, Histogram<u64>) {
    let (mut rest, mut largest) = (all.clone(), Histogram::new_from(all));
    let mut left = n;
    let steps: Vec<_> = all.iter_recorded().collect();
    for step in steps.iter().rev() {
        if left == 0 {
            break;
        }
        let taken = step.count_at_value().min(left);
        largest.saturating_record_n(step.value_iterated_to(), taken);
        left -= taken;
    }
    assert_eq!(left, 0, "a histogram of {} samples cannot have {n}", all.len());
    rest.subtract(&largest).expect("only recorded samples are removed");
    (rest, largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        values.into_iter().for_each(|value| histogram.saturating_record(value));
        histogram
    }

    #[test]
    fn a_histogram_survives_as_text() {
        let written = histogram((0..5_000).map(|i| i * i));
        assert_eq!(decode(&encode(&written).expect("text")).expect("read"), written);
        assert!(decode("no histogram").is_err());
    }

    #[test]
    fn the_total_is_the_mean_of_all() {
        let some = histogram((1..=3_000).map(|i| i * 977));
        let mean = total(&some) as f64 / 3_000.0;
        assert!((mean / some.mean() - 1.0).abs() < 1e-12, "{mean} {}", some.mean());
    }

    #[test]
    fn the_largest_samples_come_out_and_nothing_is_lost() {
        let all = histogram([1, 5, 5, 9, 2_000_000, 2_000_000]);
        let (mut rest, largest) = split_off_largest(&all, 3);
        assert_eq!((rest.len(), rest.max(), largest.len(), largest.min()), (3, 5, 3, 9));
        rest.add(&largest).expect("bounds");
        assert_eq!(rest, all);
    }
}
