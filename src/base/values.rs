//! Parses the values of options.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use loadgen::Engine;
use protocol::{App, Framing};

use crate::base::units::{parse_count, parse_cpus, parse_duration};

/// How long load is made and not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmup {
    /// So long.
    For(Duration),
    /// As long as a rule finds necessary.
    Auto,
}

/// Processors; empty for any.
pub type CpuList = std::sync::Arc<[usize]>;

/// Arguments as a command of the program reads them.
pub(crate) fn read<A: clap::Args>(words: &[&str]) -> Result<A, clap::Error> {
    let command = A::augment_args(clap::Command::new("c10k").no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(words)?)
}

pub(crate) fn model_names() -> PossibleValuesParser {
    let models = servers::MODELS.iter().map(|model| PossibleValue::new(model.name));
    PossibleValuesParser::new(models.chain(variants()))
}

/// The models, and unlisted their variants and those that a reader is to fill in.
pub(crate) fn servable_names() -> PossibleValuesParser {
    let models = servers::MODELS.iter().map(|model| PossibleValue::new(model.name));
    let exercises = servers::EXERCISES.iter().map(|model| PossibleValue::new(model.name));
    let unlisted = variants().chain(exercises.map(|value| value.hide(true)));
    PossibleValuesParser::new(models.chain(unlisted))
}

fn variants() -> impl Iterator<Item = PossibleValue> {
    servers::VARIANTS.iter().map(|model| PossibleValue::new(model.name).hide(true))
}

pub(crate) fn broken_names() -> PossibleValuesParser {
    PossibleValuesParser::new(servers::BROKEN.iter().map(|broken| broken.model.name))
}

/// The models, and unlisted their variants and the broken servers, which the plan refuses with the reason.
pub(crate) fn measured_names() -> PossibleValuesParser {
    let models = servers::MODELS.iter().map(|model| PossibleValue::new(model.name));
    let broken = servers::BROKEN.iter().map(|broken| PossibleValue::new(broken.model.name));
    let unlisted = variants().chain(broken.map(|value| value.hide(true)));
    PossibleValuesParser::new(models.chain(unlisted))
}

pub(crate) fn named<T: Copy>(all: &[(&'static str, T)], name: &str) -> Result<T, String> {
    let names = all.iter().map(|(name, _)| *name);
    all.iter()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("'{name}' is not one of {}", names.collect::<Vec<_>>().join(", ")))
}

/// An application by name, of those that can be measured and checked.
///
/// # Errors
/// A sentence that lists the names.
pub fn app(name: &str) -> Result<App, String> {
    named(&App::REQUEST_REPLY, name).map_err(|error| match any_app(name) {
        Ok(_) => format!("{error}: the replies of '{name}' do not follow from its requests"),
        Err(_) => error,
    })
}

/// An application by name, of those that can be served.
///
/// # Errors
/// A sentence that lists the names.
pub fn any_app(name: &str) -> Result<App, String> {
    named(&App::ALL, name)
}

/// A framing by name.
///
/// # Errors
/// A sentence that lists the names.
pub fn framing(name: &str) -> Result<Framing, String> {
    named(&Framing::ALL, name)
}

pub(crate) fn engine(name: &str) -> Result<Engine, String> {
    named(&Engine::ALL.map(|engine| (engine.name(), engine)), name)
}

pub(crate) fn cpu_list(text: &str) -> Result<CpuList, String> {
    if text.is_empty() { Ok(CpuList::default()) } else { parse_cpus(text).map(CpuList::from) }
}

pub(crate) fn warmup(text: &str) -> Result<Warmup, String> {
    let or_auto = |error| format!("{error}; or write auto");
    if text == "auto" {
        return Ok(Warmup::Auto);
    }
    parse_duration(text).map(Warmup::For).map_err(or_auto)
}

pub(crate) fn positive(text: &str) -> Result<usize, String> {
    parse_count(text).and_then(|n| if n > 0 { Ok(n) } else { Err("at least 1".into()) })
}

pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    let positive = |d: Duration| if d.is_zero() { Err("must be above 0".into()) } else { Ok(d) };
    parse_duration(text).and_then(positive)
}
