//! The analysis: from the summary of a run to the cost of each factor.
//!
//! Each model is analysed by itself, over the cells that form a complete design. If a combination
//! is missing, the whole level that lacks it is left out, and the lab says so.

use super::memory;
use super::points::{
    self, CLIENTS, CONNECTION, FIGURES, HISTORY, HOME, Levels, Place, Point, connection_words,
    fewest_clients, history_words, home_words, values,
};
use crate::analysis::metric::{Metric, SERVER_CPU};
use crate::document::{
    CostPart, CostSplit, Decomposition, DesignFactor, DesignRecord, EffectRecord,
    InteractionRecord, LabModel, LabTail, ShareRecord, Summary, Validity,
};
use crate::statistics::factorial::{self, Factor, Factorial, Source};
use crate::statistics::{Interval, interval, mean};

/// The factors of the design that is always there, with the fewest clients.
const FACTORS: [&str; 3] = [CONNECTION, HOME, HISTORY];
/// The factors of the other design, with the smallest history: clients against everything that they
/// may change.
const FACTORS_OF_CLIENTS: [&str; 3] = [CLIENTS, CONNECTION, HOME];

/// The results of every model.
pub(super) fn models(summary: &Summary) -> Vec<LabModel> {
    let of = |model: String| {
        let points = points::points_of_model(summary, &model);
        LabModel {
            designs: FIGURES.iter().flat_map(|figure| designs(figure, &points)).collect(),
            split: splits(&points),
            decompositions: decompositions(&points),
            memory: memory::memory_per_client(&points),
            tails: points.iter().filter_map(tail).collect(),
            model,
        }
    };
    points::models(summary).into_iter().map(of).collect()
}

/// How long the slowest requests of an open loop took, in all trials together.
fn tail(point: &Point<'_>) -> Option<LabTail> {
    let cell = point.cell;
    if cell.is_closed() || cell.replies_wrong > 0 || cell.validity == Validity::Invalid {
        return None;
    }
    let shown = cell.quantile(0.99)?.shown();
    Some(LabTail {
        clients: point.place.clients,
        connection: connection_words(point.place.connection),
        home: point.place.home.clone(),
        value_ns: shown.as_ref().map(|shown| shown.value),
        spread: shown.as_ref().map(|shown| Interval { low: shown.low, high: shown.high }),
        at_least: shown.is_some_and(|shown| shown.at_least),
    })
}

/// The missing combinations and the reasons, in sentences.
pub(super) fn left_out(summary: &Summary) -> Vec<String> {
    let mut groups: Vec<(String, usize)> = Vec::new();
    let mut add = |text: String| match groups.iter_mut().find(|(known, _)| *known == text) {
        Some((_, n)) => *n += 1,
        None => groups.push((text, 1)),
    };
    for out in &summary.excluded {
        // The rest of the reason is advice for starting a server.
        let reason = out.reason.split(": ").next().unwrap_or_default();
        add(format!("{} was not measured: {reason}", out.model));
    }
    for cell in summary.cells.iter().filter(|cell| cell.validity == Validity::Invalid) {
        let worst = cell.flags.iter().max_by(|a, b| a.excess.total_cmp(&b.excess));
        let why = worst.map_or("a check failed", |flag| flag.name.as_str());
        add(format!(
            "{} is excluded from comparisons of throughput and p99, because the check {why} failed",
            cell.model
        ));
    }
    let cells = |n: usize| if n == 1 { "1 cell".to_string() } else { format!("{n} cells") };
    let grouped = groups.into_iter().map(|(text, n)| format!("{text} ({}).", cells(n)));
    never_measured(summary).into_iter().chain(grouped).collect()
}

/// Homes that no model was measured with under some lifetime of connections.
fn never_measured(summary: &Summary) -> Vec<String> {
    let models = points::models(summary);
    let points: Vec<Point<'_>> =
        models.iter().flat_map(|model| points::points_of_model(summary, model)).collect();
    let places = || points.iter().filter(|point| !point.held).map(|point| &point.place);
    let levels = Levels::of_places(places());
    let mut missing = Vec::new();
    for home in &levels.homes {
        for connection in &levels.connections {
            if !places().any(|place| place.home == *home && place.connection == *connection) {
                missing.push(format!(
                    "There is no cell with {} and connections {}.",
                    home_words(home),
                    connection_words(*connection)
                ));
            }
        }
    }
    missing
}

/// A place and a figure's values there, block by block.
type Measured<'a> = (&'a Place, Vec<f64>);

/// The designs of a figure, those over clients last.
fn designs(figure: &Metric, points: &[Point<'_>]) -> Vec<DesignRecord> {
    let usable: Vec<Measured<'_>> = points
        .iter()
        .filter_map(|point| Some((&point.place, values(figure, point)?)))
        .filter(|(_, values)| values.len() > 1)
        .collect();
    let Some(blocks) = usable.iter().map(|(_, values)| values.len()).max() else {
        return Vec::new();
    };
    // A cell that lacks a block cannot be compared in pairs.
    let usable: Vec<_> = usable.into_iter().filter(|(_, values)| values.len() == blocks).collect();
    let fewest = fewest_clients(points);
    let with = |is_in: &dyn Fn(&Place) -> bool| -> Vec<Measured<'_>> {
        usable.iter().filter(|(place, _)| is_in(place)).cloned().collect()
    };
    let few = with(&|place| place.clients == fewest);
    let smallest = usable.iter().map(|(place, _)| place.history).min();
    let any = with(&|place| Some(place.history) == smallest && is_with_any_clients(place, &usable));
    let mut found = both(figure, &few, &FACTORS);
    found.extend(
        both(figure, &any, &FACTORS_OF_CLIENTS)
            .into_iter()
            .filter(|d| d.factors[0].levels.len() > 1),
    );
    found
}

/// Whether a place is there with every number of clients that is there at all.
fn is_with_any_clients(place: &Place, usable: &[Measured<'_>]) -> bool {
    Levels::of_places(usable.iter().map(|(place, _)| *place)).clients.iter().all(|clients| {
        let wanted = Place { clients: *clients, ..place.clone() };
        usable.iter().any(|(place, _)| **place == wanted)
    })
}

/// The largest complete design, and, where that leaves a home out, another one of all homes over kept
/// connections.
fn both(figure: &Metric, usable: &[Measured<'_>], factors: &[&str]) -> Vec<DesignRecord> {
    let first = design(figure, usable, factors);
    let homes = Levels::of_places(usable.iter().map(|(place, _)| *place)).homes.len();
    let leaves_out = |design: &DesignRecord| {
        let of_homes = design.factors.iter().find(|factor| factor.name == HOME);
        of_homes.is_some_and(|factor| factor.levels.len() < homes)
    };
    let kept: Vec<_> = usable.iter().filter(|(place, _)| place.connection == 0).cloned().collect();
    let second = first
        .as_ref()
        .filter(|first| leaves_out(first))
        .and_then(|_| design(figure, &kept, factors));
    first.into_iter().chain(second).collect()
}

fn design(figure: &Metric, usable: &[Measured<'_>], factors: &[&str]) -> Option<DesignRecord> {
    if usable.is_empty() {
        return None;
    }
    let levels = Levels::of_places(usable.iter().map(|(place, _)| *place));
    let value = |cell: &[usize]| {
        let wanted = levels.at(factors, cell);
        usable.iter().find(|(place, _)| **place == wanted).map(|(_, values)| values.clone())
    };
    let sizes: Vec<usize> = factors.iter().map(|factor| levels.count(factor)).collect();
    let kept = factorial::complete(&sizes, |cell| value(cell).is_some())?;
    let factor = |(name, kept): (&&str, &Vec<usize>)| Factor {
        name: (*name).into(),
        levels: kept.iter().map(|level| levels.words(name, *level)).collect(),
    };
    let factorial = Factorial::new(factors.iter().zip(&kept).map(factor).collect(), |cell| {
        value(&cell.iter().zip(&kept).map(|(at, of)| of[*at]).collect::<Vec<_>>())
    })?;
    let cells = kept.iter().map(Vec::len).product::<usize>();
    // One cell alone compares nothing.
    (cells > 1).then(|| record(figure, &factorial, usable.len() - cells))
}

fn record(figure: &Metric, factorial: &Factorial, cells_left_out: usize) -> DesignRecord {
    let factors = factorial.factors();
    let level = |factor: usize, level: usize| factors[factor].levels[level].clone();
    let effects = factorial.effects().into_iter().map(|effect| EffectRecord {
        factor: factors[effect.factor].name.clone(),
        level: level(effect.factor, effect.level),
        against: level(effect.factor, 0),
        ratio: effect.ratio.value,
        interval: effect.ratio.interval,
        p_value: effect.ratio.p_value,
        difference: effect.difference,
        difference_interval: effect.difference_interval,
    });
    let interactions = factorial.interactions().into_iter().map(|found| {
        let (a, b) = found.factors;
        InteractionRecord {
            factors: [a, b].map(|factor| factors[factor].name.clone()),
            levels: [level(a, found.levels.0), level(b, found.levels.1)],
            ratio: found.ratio.value,
            interval: found.ratio.interval,
        }
    });
    let source = |source: &Source| match source {
        Source::Factors(members) => {
            members.iter().map(|m| factors[*m].name.as_str()).collect::<Vec<_>>().join(" and ")
        }
        Source::Higher => "three or more together".into(),
        Source::Blocks => "blocks".into(),
        Source::Rest => "not explained".into(),
    };
    let shares = factorial.shares().into_iter().filter(|share| share.freedom > 0);
    DesignRecord {
        metric: figure.name.into(),
        factors: factors
            .iter()
            .map(|factor| DesignFactor { name: factor.name.clone(), levels: factor.levels.clone() })
            .collect(),
        blocks: factorial.blocks(),
        cells_left_out,
        effects: effects.collect(),
        interactions: interactions.collect(),
        shares: shares
            .map(|share| ShareRecord {
                source: source(&share.source),
                share: share.share,
                freedom: share.freedom,
            })
            .collect(),
    }
}

/// Server CPU by block at a place.
fn cpu(points: &[Point<'_>], connection: u64, home: &str, history: u64) -> Option<Vec<f64>> {
    let clients = fewest_clients(points);
    let wanted = Place { connection, home: home.into(), history, clients };
    points.iter().filter(|point| point.place == wanted).find_map(|point| values(&SERVER_CPU, point))
}

/// One cell less another, block by block.
fn differences(of: &[f64], from: &[f64]) -> Vec<f64> {
    of.iter().zip(from).map(|(of, from)| of - from).collect()
}

/// A part of a cost: the difference of two cells, block by block.
fn part(name: &str, of: &[f64], from: &[f64]) -> Option<CostPart> {
    if of.len() != from.len() {
        return None;
    }
    let differences = differences(of, from);
    let interval = interval::student(&differences)?;
    Some(CostPart { name: name.into(), ns: mean(&differences), interval })
}

/// For each home the way from the plainest request to one with everything, one factor at a time.
fn splits(points: &[Point<'_>]) -> Vec<CostSplit> {
    let levels = Levels::of_places(points.iter().map(|point| &point.place));
    let Some(base) = cpu(points, 0, "none", 0) else { return Vec::new() };
    let nothing = vec![0.0; base.len()];
    let longest = levels.histories.last().copied().unwrap_or(0);
    let shortest_lived = levels.connections.last().copied().unwrap_or(0);
    let of = |home: &String| {
        let mut parts = vec![part("request", &base, &nothing)?];
        let mut before = base.clone();
        let way =
            [("home", 0, 0), ("history", 0, longest), ("connecting", shortest_lived, longest)];
        for (name, connection, history) in way {
            // Where a home has no such cell its bar ends.
            let Some(next) = cpu(points, connection, home, history) else { break };
            let is_step = match name {
                "home" => home != "none",
                "history" => history > 0,
                _ => connection > 0,
            };
            if is_step {
                parts.push(part(name, &next, &before)?);
                before = next;
            }
        }
        (home == "none" || parts.len() > 1).then(|| CostSplit { home: home.clone(), parts })
    };
    levels.homes.iter().filter_map(of).collect()
}

/// The classroom's comparison for each life of the stateless server's connections and each history: the
/// shortest life first, as in class.
fn decompositions(points: &[Point<'_>]) -> Vec<Decomposition> {
    let levels = Levels::of_places(points.iter().map(|point| &point.place));
    let lives = levels.connections.iter().rev().filter(|life| **life > 0);
    lives
        .flat_map(|life| levels.histories.iter().map(|history| (*life, *history)))
        .filter_map(|(life, history)| decomposition(points, life, history))
        .collect()
}

/// State in the connection, which is kept, against state in the request over connections of this life.
fn decomposition(points: &[Point<'_>], life: u64, history: u64) -> Option<Decomposition> {
    let stateful = cpu(points, 0, "connection", history)?;
    let between = cpu(points, 0, "none", history)?;
    let stateless = cpu(points, life, "none", history)?;
    let whole = part("whole", &stateless, &stateful)?;
    let connecting = part("connecting", &stateless, &between)?;
    let share = factorial::share_of(
        &differences(&stateless, &between),
        &differences(&stateless, &stateful),
    );
    Some(Decomposition {
        connection: connection_words(life),
        history: history_words(history),
        stateful_ns: mean(&stateful),
        stateless_ns: mean(&stateless),
        keeping: part("keeping", &between, &stateful)?,
        whole,
        connecting,
        connecting_share: share.map(|(share, _)| share),
        connecting_share_interval: share.map(|(_, interval)| interval),
    })
}
