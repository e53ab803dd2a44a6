//! Varied workloads: one `[[workload]]` with a `matrix` becomes one workload for each of its
//! points.
//!
//! This happens between parsing TOML and reading a plan from it, on values that know their line in
//! the file. So an error in a point names its line.

use std::borrow::Cow;

use anyhow::{Result, bail, ensure};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::units::{ns, parse_bytes, parse_duration};
use crate::document::Factor;

/// More workloads than this are a mistake.
const POINTS_MAX: usize = 1_000;

/// The workload that a point was made from, and what was varied.
type Origin = (String, Vec<Factor>);

type Key<'a> = Spanned<Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// A key of a matrix, as it is written with its dots, and the values that it takes.
struct Axis<'a> {
    path: String,
    written: std::ops::Range<usize>,
    values: Vec<Value<'a>>,
}

/// Expands every matrix of a plan and completes every workload's server by the plan's. Returns where
/// each workload comes from, in their order; `None` for those that are not varied.
///
/// # Errors
/// When a matrix is none.
pub(super) fn expand(plan: &mut DeTable<'_>, text: &str) -> Result<Vec<Option<Origin>>> {
    let server = plan.get("server").cloned();
    // What has no such form is for the typed reading to refuse.
    let Some(DeValue::Array(workloads)) = plan.get_mut("workload").map(Spanned::get_mut) else {
        return Ok(Vec::new());
    };
    let (mut points, mut origins) = (Vec::new(), Vec::new());
    for workload in workloads.iter() {
        for (point, origin) in points_of(workload.clone(), text)? {
            points.push(point);
            origins.push(origin);
        }
    }
    ensure!(points.len() <= POINTS_MAX, "matrix: {} workloads are too many", points.len());
    for point in &mut points {
        complete(point, server.as_ref());
    }
    *workloads = points.into_iter().collect();
    Ok(origins)
}

/// The points of one workload: itself, if it has no matrix.
fn points_of<'a>(mut workload: Value<'a>, text: &str) -> Result<Vec<(Value<'a>, Option<Origin>)>> {
    let DeValue::Table(table) = workload.get_mut() else { return Ok(vec![(workload, None)]) };
    let Some(matrix) = table.remove("matrix") else { return Ok(vec![(workload, None)]) };
    let series = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or("");
    let series = series.to_string();
    let line = |at: usize| text[..at].lines().count().max(1);
    let mut axes = Vec::new();
    axes_of(&matrix, "", &mut axes).map_err(|error| {
        let line = line(matrix.span().start);
        anyhow::anyhow!("line {line}, workload '{series}': {error}")
    })?;
    axes.sort_by_key(|axis| axis.written.start);
    let mut points = vec![(workload.clone(), series.clone(), Vec::new())];
    for axis in &axes {
        let mut next = Vec::new();
        for (point, name, factors) in &points {
            for value in &axis.values {
                let (mut point, mut factors) = (point.clone(), factors.clone());
                if let Err(error) = set(&mut point, axis, value) {
                    bail!("line {}, workload '{series}': {error}", line(axis.written.start));
                }
                let factor = factor(&axis.path, value, text);
                let last = axis.path.rsplit('.').next().unwrap_or(&axis.path);
                let name = format!("{name}-{last}{}", as_file_name(&factor.text));
                factors.push(factor);
                next.push((point, name, factors));
            }
        }
        ensure!(next.len() <= POINTS_MAX, "workload '{series}': its matrix has too many points");
        points = next;
    }
    let named = points.into_iter().map(|(mut point, name, factors)| {
        if let DeValue::Table(table) = point.get_mut()
            && let Some(value) = table.get_mut("name")
        {
            *value.get_mut() = DeValue::String(name.into());
        }
        (point, Some((series.clone(), factors)))
    });
    Ok(named.collect())
}

/// The axes of a matrix. A dotted key that is not quoted is a table in a table.
fn axes_of<'a>(value: &Value<'a>, before: &str, axes: &mut Vec<Axis<'a>>) -> Result<()> {
    let DeValue::Table(table) = value.get_ref() else {
        bail!("matrix: write the values of each key, as in matrix = {{ connections = [10, 100] }}");
    };
    for (key, value) in table {
        let path = match before {
            "" => key.get_ref().to_string(),
            before => format!("{before}.{}", key.get_ref()),
        };
        match value.get_ref() {
            DeValue::Array(values) => {
                ensure!(!values.is_empty(), "matrix: {path} has no values");
                ensure!(
                    path != "name",
                    "matrix: the name cannot be varied, because it follows from the other keys"
                );
                axes.push(Axis { path, written: key.span(), values: values.to_vec() });
            }
            DeValue::Table(_) => axes_of(value, &path, axes)?,
            _ => bail!("matrix: {path} needs a list of values, as in [10, 100]"),
        }
    }
    Ok(())
}

/// Puts a value where the path of its axis leads, through tables that are made on the way.
fn set<'a>(workload: &mut Value<'a>, axis: &Axis<'a>, value: &Value<'a>) -> Result<()> {
    let key =
        |part: &str| -> Key<'a> { Spanned::new(axis.written.clone(), part.to_string().into()) };
    let mut parts = axis.path.split('.').peekable();
    let mut at = workload;
    while let Some(part) = parts.next() {
        let DeValue::Table(table) = at.get_mut() else {
            bail!("matrix: {}: '{}' has no keys below it", axis.path, before(&axis.path, part));
        };
        if parts.peek().is_none() {
            table.insert(key(part), value.clone());
            return Ok(());
        }
        if !table.contains_key(part) {
            let empty = DeValue::Table(DeTable::new());
            table.insert(key(part), Spanned::new(axis.written.clone(), empty));
        }
        let Some(next) = table.get_mut(part) else {
            bail!("matrix: {} is not a key of a workload", axis.path)
        };
        at = next;
    }
    bail!("matrix: a key is empty")
}

/// The part of a path that leads to one of its parts.
fn before<'a>(path: &'a str, part: &str) -> &'a str {
    path.find(part).map_or(path, |at| path[..at].trim_end_matches('.'))
}

/// A value of a matrix as it is recorded.
fn factor(path: &str, value: &Value<'_>, text: &str) -> Factor {
    let spelled = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        _ => text.get(value.span()).unwrap_or_default().to_string(),
    };
    let number = match value.get_ref() {
        DeValue::Integer(_) | DeValue::Float(_) => spelled.replace('_', "").parse().ok(),
        #[expect(clippy::cast_precision_loss, reason = "a factor is no larger than 2^53")]
        DeValue::String(text) => parse_duration(text)
            .map(|time| ns(time) as f64)
            .or_else(|_| parse_bytes(text).map(|bytes| bytes as f64))
            .ok(),
        _ => None,
    };
    Factor { name: path.into(), text: spelled, number }
}

/// What of a text can be in the name of a file; the rest becomes `_`.
fn as_file_name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// A workload's own server has the settings of the plan's where it does not say otherwise.
fn complete<'a>(workload: &mut Value<'a>, server: Option<&Value<'a>>) {
    let DeValue::Table(table) = workload.get_mut() else { return };
    let Some(DeValue::Table(own)) = table.get_mut("server").map(Spanned::get_mut) else { return };
    let Some(DeValue::Table(server)) = server.map(Spanned::get_ref) else { return };
    for (key, value) in server {
        if !own.contains_key(key) {
            own.insert(key.clone(), value.clone());
        }
    }
}
