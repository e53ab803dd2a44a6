//! The universal scalability law over a sweep of connections or workers.

use super::{Line, Sweep};
use crate::analysis::doubt::is_generator_limited;
use crate::analysis::metric::MARGIN;
use crate::document::{Cell, Scaling, ScalingLaw, Validity};
use crate::statistics::scalability::{self, Fit, NoFit, POINTS_MIN};

/// The settings to which the law applies, by the end of their key: concurrent requests, or workers.
const SETTINGS: [&str; 3] = ["connections", "workers", "server-processors"];
/// A law that explains less of the variance gives no peak.
const EXPLAINS_MIN: f64 = 0.8;
/// The significance level.
const CHANCE_MIN: f64 = 0.01;

/// A fit for each model of a panel in a closed loop; none where the setting is another one.
pub(crate) fn fit_scaling(sweep: &Sweep<'_>, seed: u64) -> Vec<Scaling> {
    let setting = sweep.factor.rsplit('.').next().unwrap_or_default();
    if !SETTINGS.contains(&setting) {
        return Vec::new();
    }
    let closed = |line: &&Line<'_>| line.points.iter().all(|(_, cell)| cell.is_closed());
    sweep.lines.iter().filter(closed).map(|line| fitted(sweep, line, seed)).collect()
}

fn fitted(sweep: &Sweep<'_>, line: &Line<'_>, seed: u64) -> Scaling {
    let fit = fit(line, seed);
    Scaling {
        series: sweep.series.into(),
        factor: sweep.factor.into(),
        fixed: sweep.fixed.clone(),
        model: line.model.into(),
        law: fit.as_ref().ok().cloned(),
        why_none: fit.err(),
    }
}

fn fit(line: &Line<'_>, seed: u64) -> Result<ScalingLaw, String> {
    // A model that serves only some of its clients has a different load.
    let stands = |cell: &Cell| !cell.starves() && cell.validity != Validity::Invalid;
    let all = line.points.iter().filter(|(_, cell)| stands(cell));
    // Where the generator was the limit, throughput is its own.
    let (limited, sound): (Vec<_>, Vec<_>) = all.partition(|(_, cell)| is_generator_limited(cell));
    let values = |(x, cell): &&(f64, &Cell)| {
        let x = *x;
        cell.throughput_per_s.values.iter().map(move |value| (x, *value)).collect::<Vec<_>>()
    };
    let points: Vec<(f64, f64)> = sound.iter().flat_map(values).collect();
    let fit = scalability::fit(&points, seed).map_err(|why| match why {
        NoFit::TooFewLoads(n) => {
            let settings = if n == 1 { "setting" } else { "settings" };
            let few = format!("{n} {settings}, but a fit needs {POINTS_MIN}");
            match limited.len() {
                0 => few,
                left_out => format!("{few}; at {left_out} more, the generator was the limit"),
            }
        }
        NoFit::NoLoad => "a setting is below 1, or there was no reply".into(),
    })?;
    Ok(ScalingLaw {
        lambda_per_s: fit.law.lambda,
        sigma: fit.law.sigma,
        sigma_interval: fit.sigma,
        kappa: fit.law.kappa,
        kappa_interval: fit.kappa,
        peak: fit.law.peak(),
        peak_interval: fit.peak,
        r_squared: fit.r_squared,
        limited_points: limited.len(),
        points: sound.len(),
        misfit: misfit(&fit),
    })
}

/// Why a law does not describe its points. One that is off by no more than the margin within which models count
/// as equal describes them, however sure it is that it is off.
fn misfit(fit: &Fit) -> Option<String> {
    let is_chance = fit.lack.chance.is_some_and(|chance| chance >= CHANCE_MIN);
    if fit.lack.share > MARGIN && !is_chance {
        let percent = fit.lack.share * 100.0;
        return Some(format!("it deviates by {percent:.0} % where trials agree"));
    }
    (fit.r_squared < EXPLAINS_MIN)
        .then(|| format!("it explains {:.0} % of the variance", (fit.r_squared * 100.0).max(0.0)))
}
