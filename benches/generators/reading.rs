//! Reads the output of a generator as its row of the table says.

use anyhow::{Context, Result, bail, ensure};
use c10k::document::{Distribution, Trial};
use c10k::units::as_f64;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::work::Told;

/// Where each figure is in the output; `peers.toml` explains how a place is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Reading {
    replies: Option<Place>,
    failed: Vec<Place>,
    not_failed: Vec<Place>,
    rate: Option<Place>,
    elapsed: Option<Place>,
    mean: Option<Place>,
    p50: Option<Place>,
    p99: Option<Place>,
    lag_p999: Option<Place>,
    unit: Option<Unit>,
    trial: bool,
}

/// A place in the output.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
enum Place {
    /// The group of the first match.
    Pattern(Regex),
    /// A pointer into JSON.
    Pointer(String),
}

impl TryFrom<String> for Place {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        if text.starts_with('/') {
            return Ok(Self::Pointer(text));
        }
        let pattern = Regex::new(&text)?;
        ensure!(pattern.captures_len() == 2, "{text} has no group, or more than one");
        Ok(Self::Pattern(pattern))
    }
}

/// The unit of times that are printed without one.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Ns,
    Us,
    Ms,
    #[default]
    S,
}

impl Unit {
    fn of(name: &str) -> Option<Self> {
        match name {
            "ns" => Some(Self::Ns),
            "us" => Some(Self::Us),
            "ms" => Some(Self::Ms),
            "s" => Some(Self::S),
            _ => None,
        }
    }

    fn ns(self) -> f64 {
        match self {
            Self::Ns => 1.0,
            Self::Us => 1e3,
            Self::Ms => 1e6,
            Self::S => 1e9,
        }
    }
}

impl Reading {
    /// Whether it has the place of the replies, and that of their rate or time.
    pub(crate) fn is_complete(&self) -> bool {
        self.trial || self.replies.is_some() && (self.rate.is_some() || self.elapsed.is_some())
    }

    /// The figures in the output.
    pub(crate) fn read(&self, printed: &str) -> Result<Told> {
        if self.trial {
            return trial(printed);
        }
        let printed = Printed::of(printed);
        let sum = |places: &[Place]| -> Result<u64> {
            places.iter().filter_map(|place| printed.count(place).transpose()).sum()
        };
        let time = |place: &Option<Place>| -> Result<Option<f64>> {
            place
                .as_ref()
                .map_or(Ok(None), |place| printed.time(place, self.unit.unwrap_or_default()))
        };
        let replies = self.replies.as_ref().context("the table does not say where replies are")?;
        let requests = printed.count(replies)?.context("no number of replies")?;
        let requests_per_s = match &self.rate {
            Some(place) => printed.number(place)?.context("no rate")?,
            None => as_f64(requests) / time(&self.elapsed)?.context("no time")? * 1e9,
        };
        Ok(Told {
            requests,
            failed: sum(&self.failed)?.saturating_sub(sum(&self.not_failed)?),
            requests_per_s,
            mean_ns: time(&self.mean)?,
            p50_ns: time(&self.p50)?,
            p99_ns: time(&self.p99)?,
            lag_p999_ns: time(&self.lag_p999)?,
        })
    }
}

/// Output as text and, if it is JSON, parsed.
struct Printed<'a> {
    text: &'a str,
    json: Option<Value>,
}

impl<'a> Printed<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, json: serde_json::from_str(text).ok() }
    }

    /// The text at a place, or the sum of several numbers; `None` if the place is empty.
    fn at(&self, place: &Place) -> Result<Option<String>> {
        let pointer = match place {
            Place::Pattern(pattern) => {
                let found = pattern.captures(self.text).and_then(|found| found.get(1));
                return Ok(found.map(|group| group.as_str().to_string()));
            }
            Place::Pointer(pointer) => pointer,
        };
        let json = self.json.as_ref().context("the output is not JSON")?;
        let Some(start) = pointer.strip_suffix('*') else {
            return Ok(json
                .pointer(pointer)
                .filter(|value| !value.is_null())
                .map(Value::to_string));
        };
        let (parent, start) = start.rsplit_once('/').context("a pointer has a /")?;
        let Some(parent) = json.pointer(parent).and_then(Value::as_object) else { return Ok(None) };
        let of_these = parent.iter().filter(|(name, _)| name.starts_with(start));
        let numbers = of_these.map(|(name, value)| value.as_u64().with_context(|| name.clone()));
        Ok(Some(numbers.sum::<Result<u64>>()?.to_string()))
    }

    fn count(&self, place: &Place) -> Result<Option<u64>> {
        let text = self.at(place)?;
        text.map(|text| text.parse().with_context(|| format!("no number: {text}"))).transpose()
    }

    fn number(&self, place: &Place) -> Result<Option<f64>> {
        let text = self.at(place)?;
        text.map(|text| text.parse().with_context(|| format!("no number: {text}"))).transpose()
    }

    /// In nanoseconds.
    fn time(&self, place: &Place, unit: Unit) -> Result<Option<f64>> {
        let Some(text) = self.at(place)? else { return Ok(None) };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" => unit,
            name => Unit::of(name).with_context(|| format!("not a unit of time: {text}"))?,
        };
        match digits.parse::<f64>() {
            Ok(number) => Ok(Some(number * unit.ns())),
            Err(error) => bail!("not a time: {text}: {error}"),
        }
    }
}

/// The figures of a trial that our generator printed.
fn trial(printed: &str) -> Result<Told> {
    let trial: Trial = serde_json::from_str(printed)?;
    let of = |distribution: &Distribution, q: f64| {
        distribution.quantile(q).map(|quantile| as_f64(quantile.value))
    };
    let headline = trial.latency.headline();
    Ok(Told {
        requests: trial.census.ok,
        failed: trial.census.offered - trial.census.ok,
        requests_per_s: trial.throughput_per_s,
        mean_ns: Some(headline.mean),
        p50_ns: of(headline, 0.5),
        p99_ns: of(headline, 0.99),
        lag_p999_ns: of(&trial.latency.sched_lag, 0.999),
    })
}
