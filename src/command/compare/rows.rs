//! One figure of one cell in both runs, and its verdict.
//!
//! A figure that was sound in the base and is missing in the new run is worse: a server that
//! answers nothing has no ratio, but that does not mean that there is no difference. A figure that
//! the machine or the generator spoiled is unknown.

use super::{CompareArgs, Run};
use crate::analysis::doubt::by_block;
use crate::analysis::doubt::{self, Doubt};
use crate::analysis::metric::{Kind, Metric, TRIALS_MIN};
use crate::base::units::as_f64;
use crate::document::{Cell, Change, Compared, Estimate, ReferenceChange};
use crate::statistics::looks::{self, Look};
use crate::statistics::signed_rank;
use crate::statistics::{Interval, Verdict, rank, ratio};

/// What all rows of a comparison share.
pub(super) struct Sides<'a> {
    pub(super) base: &'a Run,
    pub(super) new: &'a Run,
    pub(super) margin: f64,
    pub(super) reference: Option<&'a ReferenceChange>,
    /// The looks at the trials, where both are sides of one run.
    pub(super) looks: Option<Vec<Look>>,
}

/// Which rows are wanted.
pub(super) fn is_wanted(args: &CompareArgs, cell: &Cell) -> bool {
    let among = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    among(&args.models, &cell.model) && among(&args.workloads, &cell.workload)
}

impl Sides<'_> {
    /// The rows of one figure, judged beside each other.
    pub(super) fn rows(&self, metric: &Metric, wanted: impl Fn(&Cell) -> bool) -> Vec<Compared> {
        let cells: Vec<&Cell> = self.base.cells().filter(|cell| wanted(cell)).collect();
        let known = |cell: &&Cell| (metric.of)(cell).is_some();
        let cells: Vec<&Cell> = cells.into_iter().filter(known).collect();
        let mut rows: Vec<Compared> =
            cells.iter().map(|cell| self.row(metric, cell, cells.len())).collect();
        if self.looks.is_none() {
            judge(metric, self.margin, &mut rows);
        }
        rows
    }

    fn row(&self, metric: &Metric, base: &Cell, all: usize) -> Compared {
        let new = self.new.cell(&base.workload, &base.model);
        let median = |cell: &Cell| (metric.of)(cell).map(|estimate| estimate.median);
        let mut row = Compared {
            workload: base.workload.clone(),
            model: base.model.clone(),
            metric: metric.name.into(),
            base: median(base),
            new: new.and_then(median),
            change: None,
            verdict: None,
            why: None,
        };
        match self.compared(metric, base, new, all) {
            Ok((change, verdict)) => (row.change, row.verdict) = (Some(change), verdict),
            Err(Stop { change, verdict, why }) => {
                (row.change, row.verdict, row.why) = (change, verdict, Some(why));
            }
        }
        row
    }

    /// The change and, of two sides of one run, what it comes to.
    fn compared(
        &self,
        metric: &Metric,
        base: &Cell,
        new: Option<&Cell>,
        all: usize,
    ) -> Result<(Change, Option<Verdict>), Stop> {
        if let Some(doubt) = doubt::doubt_about(base, metric) {
            return Err(Stop::unknown(format!("in the base: {}", doubt.words())));
        }
        let new = new.ok_or_else(|| Stop::worse("it is missing in the new run"))?;
        match doubt::doubt_about(new, metric) {
            Some(Doubt::Broken(why)) => return Err(Stop::worse(format!("in the new run: {why}"))),
            Some(Doubt::NotKnown(why)) => {
                return Err(Stop::unknown(format!("in the new run: {why}")));
            }
            None => {}
        }
        if (metric.of)(new).is_none() {
            return Err(Stop::unknown("the new run has too few samples for it"));
        }
        if metric.kind() == Kind::Throughput
            && [base, new].into_iter().all(doubt::is_generator_limited)
        {
            let why = "the generator was the limit in both; compare CPU per request";
            return Err(Stop::unknown(why));
        }
        match &self.looks {
            Some(looks) => side_by_side(metric, (base, new), (looks, all), self.margin),
            None => self.apart(metric, base, new).map(|change| (change, None)),
        }
    }

    /// Of two runs, without a verdict yet: that depends on all the others beside it.
    fn apart(&self, metric: &Metric, base: &Cell, new: &Cell) -> Result<Change, Stop> {
        let values = |cell: &Cell| counted(metric, cell);
        let (a, b) = (values(base), values(new));
        let mut change = ratio::unpaired(&b, &a).map(|found| Change {
            ratio: found.value,
            interval: found.interval,
            p_value: found.p_value,
            p_value_by_rank: Some(rank::mann_whitney(&a, &b)),
        });
        if let (Some(change), Some(factor)) = (&mut change, self.widened(metric.kind())) {
            let Interval { low, high } = change.interval;
            change.interval = Interval { low: low / factor, high: high * factor };
        }
        let stop = |why: String| Stop { change, verdict: None, why };
        for (cell, side) in [(base, "the base"), (new, "the new run")] {
            let (left, all) = (doubt::counting(cell, metric).len(), cell.trials.len());
            if left < TRIALS_MIN && left < all {
                return Err(stop(format!(
                    "in {side} {} of {all} trials were spoiled from outside ({}), leaving fewer than the \
                     {TRIALS_MIN} needed",
                    all - left,
                    doubt::spoilers(cell, metric).join(", ")
                )));
            }
        }
        let fewest = a.len().min(b.len());
        if fewest < TRIALS_MIN {
            return Err(stop(format!("{fewest} trials, but {TRIALS_MIN} are needed")));
        }
        if metric.kind() != Kind::Memory {
            match self.reference {
                None => {
                    return Err(stop(
                        "without a null baseline in both runs, a change of the machine cannot be ruled out"
                            .into(),
                    ));
                }
                Some(found) if found.sentence.is_some() => {
                    return Err(stop("the machine changed between the runs".into()));
                }
                Some(_) => {}
            }
        }
        change.ok_or_else(|| Stop::unknown("a trial got no reply, so there is no ratio"))
    }

    /// How many times as wide an interval is at either end.
    fn widened(&self, kind: Kind) -> Option<f64> {
        let widened = self.reference?.widened?;
        match kind {
            Kind::Throughput | Kind::Latency => Some(widened.throughput),
            Kind::Cost => Some(widened.cost),
            Kind::Memory => None,
        }
    }
}

/// Why a row has no verdict of its figures.
struct Stop {
    change: Option<Change>,
    verdict: Option<Verdict>,
    why: String,
}

impl Stop {
    fn worse(why: impl Into<String>) -> Self {
        Self { change: None, verdict: Some(Verdict::Worse), why: why.into() }
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self { change: None, verdict: None, why: why.into() }
    }
}

/// The values of the trials that count.
fn counted(metric: &Metric, cell: &Cell) -> Vec<f64> {
    let Some(Estimate { values, .. }) = (metric.of)(cell) else { return Vec::new() };
    let places = doubt::counting(cell, metric);
    places.into_iter().filter_map(|place| values.get(place).copied()).collect()
}

/// Of two sides of one run: in pairs of neighbours, for all cells of the figure at once.
fn side_by_side(
    metric: &Metric,
    (base, new): (&Cell, &Cell),
    (looks, all): (&[Look], usize),
    margin: f64,
) -> Result<(Change, Option<Verdict>), Stop> {
    let values = |cell| by_block(metric, cell).unwrap_or_default();
    let (a, b) = (values(base), values(new));
    let differences: Vec<(u32, f64)> = b
        .iter()
        .filter_map(|(block, new)| {
            let (_, base) = a.iter().find(|(other, _)| other == block)?;
            (*base > 0.0 && *new > 0.0).then(|| (*block, (new / base).ln()))
        })
        .collect();
    let part = 1.0 / as_f64(all.max(1) as u64);
    let found = looks::shift(&differences, looks, part);
    let found = found.ok_or_else(|| Stop::unknown("no round has a valid trial of both"))?;
    let Some(Interval { low, high }) = found.interval else {
        let error = looks.last().map_or(0.0, |look| look.error * part);
        return Err(Stop::unknown(format!(
            "{} pairs of trials, but {} are needed",
            differences.len(),
            signed_rank::fewest(error)
        )));
    };
    let change = Change {
        ratio: found.value.exp(),
        interval: Interval { low: low.exp(), high: high.exp() },
        p_value: (found.p_value / part).min(1.0),
        p_value_by_rank: None,
    };
    let as_ratio =
        ratio::Ratio { value: change.ratio, interval: change.interval, p_value: change.p_value };
    Ok((change, Some(Verdict::from_ratio(&as_ratio, metric.good, margin, None))))
}

/// Adjusts the p-values of a figure for each other and says what each row comes to.
pub(super) fn judge(metric: &Metric, margin: f64, rows: &mut [Compared]) {
    let is_open = |row: &Compared| row.verdict.is_none() && row.why.is_none();
    let p_values: Vec<f64> = rows
        .iter()
        .filter(|row| is_open(row))
        .filter_map(|row| row.change.map(|change| change.p_value))
        .collect();
    let open = rows.iter_mut().filter(|row| is_open(row));
    let changes = open.filter_map(|row| Some((row.change.as_mut()?, &mut row.verdict)));
    for ((change, verdict), p_value) in changes.zip(rank::holm(&p_values)) {
        change.p_value = p_value;
        let ratio = ratio::Ratio { value: change.ratio, interval: change.interval, p_value };
        *verdict = Some(Verdict::from_ratio(&ratio, metric.good, margin, Some(p_value)));
    }
}
