//! A workload's standings as sentences, one thought each.

use crate::analysis::metric::{self, CAPACITY, Metric, SERVER_CPU, TRIALS_MIN, named};
use crate::base::listed;
use crate::base::units::{show_bytes, show_ns_f64};
use crate::document::{Cell, Recommendation, Standing, Standings, Summary, Sureness};
use crate::statistics::Verdict;
use crate::statistics::verdict::Good;
use crate::view::excluded::{Group, grouped};
use crate::view::figures::Column;

use super::super::cost::show_times;

/// At most this many losers are listed with their figures; of more, only the nearest and the
/// farthest.
const NAMED: usize = 5;

/// The sentences about a workload.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The models that cannot be distinguished from the best, or the reason why there are none.
    pub(crate) best: String,
    /// The models that surely lose, the nearest first.
    pub(crate) losses: Vec<String>,
    /// The undecided models, the causes of losses, and the noise floor.
    pub(crate) notes: Vec<String>,
}

impl Said {
    /// Only this sentence.
    fn only(best: String) -> Self {
        Self { best, ..Self::default() }
    }
}

/// The sentences; `command` repeats the measurement if something is undecided.
pub(super) fn load_sentences(
    summary: &Summary,
    workload: &str,
    columns: &[Column<'_>],
    command: &str,
) -> Said {
    let found = summary.standings_of(workload).zip(summary.recommendations.first());
    let Some((standings, take)) = found else {
        return Said::only(format!(
            "No answer: no model serves all its clients in enough trials. To measure again: `{command}`."
        ));
    };
    let metric = named(&standings.metric).unwrap_or(CAPACITY);
    let cells = summary.ranked(workload);
    let cell = |model: &str| cells.iter().copied().find(|cell| cell.model == model);
    let trials = cell(&standings.best).map_or(0, |best| best.trials.len());
    if trials < TRIALS_MIN {
        return Said::only(hint(&metric, cell(&standings.best), trials, command));
    }
    let losers = losers(&metric, standings);
    let mut notes = open(&metric, take, standings, &cells);
    if !notes.is_empty() {
        notes.push(format!("More trials may decide this: `{command}`."));
    }
    notes.extend(
        cells.iter().filter(|cell| cell.starves()).map(|cell| {
            format!("`{}` starves some of its clients, so it is not ranked.", cell.model)
        }),
    );
    notes.extend(grouped(&summary.excluded).into_iter().map(|Group { models, reason, .. }| {
        let models: Vec<String> = models.iter().map(|model| format!("`{model}`")).collect();
        format!("Left out: {} ({reason}).", models.join(", "))
    }));
    let column = |model: &str| columns.iter().find(|column| column.cell.model == model);
    let cheap = take.cheapest.as_ref().unwrap_or(&standings.best);
    let worst = losers.last().and_then(|loser| column(&loser.model));
    if let Some((worst, cheap)) = worst.zip(column(cheap)) {
        notes.extend(why(worst, cheap));
    }
    let noise = summary.noise.iter().find(|floor| floor.metric == standings.metric);
    notes.extend(noise.map(|floor| {
        let percent = floor.smallest_detectable * 100.0;
        format!(
            "`{}`, measured twice, differs from itself by up to {percent:.0} %: smaller differences mean nothing.",
            floor.model
        )
    }));
    let best = best(&metric, take, &cell);
    Said { best, losses: loss(&metric, standings, &losers), notes }
}

fn hint(metric: &Metric, best: Option<&Cell>, trials: usize, command: &str) -> String {
    let shown = best.and_then(|best| Some((best, metric.shown(best)?)));
    let median = shown.map_or_else(String::new, |(best, shown)| {
        format!(" `{}` has the best median so far ({}).", best.model, (metric.phrase)(shown.value))
    });
    let support = if trials == 1 { "trial supports" } else { "trials support" };
    format!(
        "No answer: {trials} {support} no verdict; {TRIALS_MIN} are needed.{median} To get one: `{command}`."
    )
}

/// The models that cannot be distinguished from the best.
fn best<'a>(
    metric: &Metric,
    take: &Recommendation,
    cell: &impl Fn(&str) -> Option<&'a Cell>,
) -> String {
    let value = |model: &String| Some(metric.shown(cell(model)?)?.value);
    let mut values: Vec<f64> = take.group.iter().filter_map(value).collect();
    values.sort_by(f64::total_cmp);
    let unit = if metric.is(&CAPACITY) { " replies/s" } else { "" };
    let show = |value: f64| metric::show(metric.name, value);
    let values = match &values[..] {
        [] => "unknown".into(),
        [one] => format!("{}{unit}", show(*one)),
        [least, .., most] => format!("{} to {}{unit}", show(*least), show(*most)),
    };
    let words = metric.words;
    let names = list(take.group.iter().map(String::as_str));
    match (take.group.len(), take.sureness) {
        (1, Sureness::Hint) => format!(
            "No model is surely worse than another by {words}. {names} has the best median: {values}."
        ),
        (1, Sureness::Partly) => format!("{names} has the best {words}: {values}."),
        (1, Sureness::Sure) => format!("{names} is the best by {words}: {values}."),
        _ => format!("{names} cannot be distinguished from the best by {words}: {values}."),
    }
}

/// The models that are surely worse, the nearest first.
fn losers<'a>(metric: &Metric, standings: &'a Standings) -> Vec<&'a Standing> {
    let worse = |other: &&Standing| other.verdict == Some(Verdict::Worse);
    let mut losers: Vec<&Standing> = standings.others.iter().filter(worse).collect();
    let times = |other: &Standing| {
        let high = other.metric.is_some() || metric.good == Good::High;
        other.ratio.map_or(1.0, |ratio| if high { 1.0 / ratio } else { ratio })
    };
    losers.sort_by(|a, b| times(a).total_cmp(&times(b)));
    losers
}

/// How a model stands against the best, with the interval.
fn times(metric: &Metric, other: &Standing, best: &str) -> Option<String> {
    let (ratio, interval) = other.ratio.zip(other.interval)?;
    let (model, low, high) = (&other.model, interval.low, interval.high);
    let times = format!("{ratio:.2} [{low:.2}, {high:.2}] times");
    Some(if other.metric.is_some() || metric.is(&CAPACITY) {
        format!("`{model}` serves {times} as much as `{best}`.")
    } else if metric.is(&SERVER_CPU) {
        format!("`{model}` takes {times} the CPU of `{best}`.")
    } else {
        format!("`{model}` has {times} the {} of `{best}`.", metric.words)
    })
}

fn loss(metric: &Metric, standings: &Standings, losers: &[&Standing]) -> Vec<String> {
    let said = |other: &&Standing| times(metric, other, &standings.best);
    if let [least, between @ .., most] = losers
        && losers.len() > NAMED
    {
        let between = list(between.iter().map(|other| other.model.as_str()));
        let between = format!("In between: {between}.");
        return [said(least), Some(between), said(most)].into_iter().flatten().collect();
    }
    losers.iter().filter_map(said).collect()
}

/// The undecided models, and why; without those that starve clients.
fn open(
    metric: &Metric,
    take: &Recommendation,
    standings: &Standings,
    cells: &[&Cell],
) -> Vec<String> {
    let starves = |model: &str| cells.iter().any(|cell| cell.model == model && cell.starves());
    let is_open = |other: &&Standing| take.unknown.contains(&other.model) && !starves(&other.model);
    let open = standings.others.iter().filter(is_open);
    let said = open.map(|other| {
        let ratio = times(metric, other, &standings.best);
        let why = other.why_none.as_deref().unwrap_or("the interval is too wide");
        match ratio {
            Some(ratio) => format!("Undecided: {} ({why}).", ratio.trim_end_matches('.')),
            None => format!("Undecided: `{}` ({why}).", other.model),
        }
    });
    said.collect()
}

/// The costs of the model that loses most, beside those of the cheapest one.
fn why(worst: &Column<'_>, cheap: &Column<'_>) -> Vec<String> {
    let (loser, winner) = (&worst.cell.model, &cheap.cell.model);
    let cost = |column: &Column<'_>| Some(column.cell.server_cpu_per_request_ns.as_ref()?.median);
    let switches = |column: &Column<'_>| {
        let drawn = &column.drawn;
        Some(drawn.waits_per_request? + drawn.preemptions_per_request?)
    };
    let memory = |column: &Column<'_>| Some(column.cell.memory()?.median);
    let cost = cost(worst).zip(cost(cheap)).map(|(a, b)| {
        let (a, b) = (show_ns_f64(a), show_ns_f64(b));
        format!("CPU per request: {a} in `{loser}`, {b} in `{winner}`.")
    });
    let switches = switches(worst).zip(switches(cheap)).map(|(a, b)| {
        let (a, b) = (show_times(a), show_times(b));
        format!("Context switches per request: {a} in `{loser}`, {b} in `{winner}`.")
    });
    let alike = worst.shares_program() == cheap.shares_program();
    let memory = memory(worst).zip(memory(cheap)).map(|(a, b)| {
        if alike {
            format!("Memory: {} in `{loser}`, {} in `{winner}`.", show_bytes(a), show_bytes(b))
        } else {
            format!(
                "Memory is not compared: one of `{loser}` and `{winner}` shared the pages of its \
                 program with the generator."
            )
        }
    });
    [cost, switches, memory].into_iter().flatten().collect()
}

/// `a`, `b` and `c`, as code.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    listed(&names.map(|name| format!("`{name}`")).collect::<Vec<_>>())
}
