//! Gunther's universal scalability law (Guerrilla Capacity Planning, 2007): throughput at load n is
//!
//! ```text
//! X(n) = λ n / (1 + σ (n - 1) + κ n (n - 1))
//! ```
//!
//! with λ what one alone would do, σ the share that is done one after the other (contention), and κ
//! what each costs every other (coherency). With κ above 0 throughput has a peak and falls beyond it.

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::interval::Interval;
use super::{count, mean};

/// Fewer loads than this fit any curve.
pub const POINTS_MIN: usize = 6;
/// How often the points' residuals are dealt out again.
const RESAMPLES: usize = 400;

/// The law, fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// Throughput of one alone.
    pub lambda: f64,
    /// Contention, from 0.
    pub sigma: f64,
    /// Coherency, from 0.
    pub kappa: f64,
}

impl Law {
    /// Throughput at this load.
    #[must_use]
    pub fn throughput(&self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    /// The load at which throughput is greatest; `None` where it never falls.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma).max(0.0) / self.kappa).sqrt())
    }
}

/// A fit and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The law that is nearest.
    pub law: Law,
    /// Where σ may be.
    pub sigma: Interval,
    /// Where κ may be.
    pub kappa: Interval,
    /// Where the peak may be; `None` where some of the resampled fits never fall.
    pub peak: Option<Interval>,
    /// The share of the variance that the law explains.
    pub r_squared: f64,
    /// What the law leaves unexplained that is not scatter.
    pub lack: LackOfFit,
}

/// How far the means of the loads are from a law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LackOfFit {
    /// The root mean square of their distances, as a share of what the law has there.
    pub share: f64,
    /// How likely chance has them as far apart, by the scatter at each load (F test of lack of fit against pure
    /// error); `None` where no load was measured more than once.
    pub chance: Option<f64>,
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFit {
    /// Of fewer than [`POINTS_MIN`] different loads any curve is as good as another.
    TooFewLoads(usize),
    /// A load below 1, or a throughput that is not above 0.
    NoLoad,
}

/// Fits the law to points of (load, throughput) by least squares on n / X(n), which is a parabola in
/// n (Gunther's own transformation), weighted so that relative errors of throughput count alike. Intervals
/// are from resampled residuals. σ and κ are not allowed below 0: a server that does better than in
/// proportion had something else change with the load.
///
/// # Errors
/// When the points cannot support a fit.
pub fn fit(points: &[(f64, f64)], seed: u64) -> Result<Fit, NoFit> {
    if points.iter().any(|(n, x)| *n < 1.0 || *x <= 0.0 || !x.is_finite()) {
        return Err(NoFit::NoLoad);
    }
    let mut loads: Vec<f64> = points.iter().map(|(n, _)| *n).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    if loads.len() < POINTS_MIN {
        return Err(NoFit::TooFewLoads(loads.len()));
    }
    let law = solve(points);
    let errors: Vec<f64> = points.iter().map(|(n, x)| x / law.throughput(*n)).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut sigmas, mut kappas, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RESAMPLES {
        let again: Vec<(f64, f64)> = points
            .iter()
            .map(|(n, _)| (*n, law.throughput(*n) * errors[random.usize(..errors.len())]))
            .collect();
        let law = solve(&again);
        sigmas.push(law.sigma);
        kappas.push(law.kappa);
        peaks.extend(law.peak());
    }
    // A fit without a peak has it beyond any load, and that is no end of an interval.
    let peak = (peaks.len() == RESAMPLES).then(|| middle(peaks));
    let xs: Vec<f64> = points.iter().map(|(_, x)| *x).collect();
    let mean = mean(&xs);
    let left: f64 = points.iter().map(|(n, x)| (x - law.throughput(*n)).powi(2)).sum();
    let all: f64 = xs.iter().map(|x| (x - mean).powi(2)).sum();
    let r_squared = if all > 0.0 { 1.0 - left / all } else { 1.0 };
    let lack = lack_of_fit(points, &loads, &law);
    Ok(Fit { law, sigma: middle(sigmas), kappa: middle(kappas), peak, r_squared, lack })
}

fn lack_of_fit(points: &[(f64, f64)], loads: &[f64], law: &Law) -> LackOfFit {
    const PARAMETERS: f64 = 3.0;
    let (mut all, mut far, mut scatter) = (0.0, 0.0, 0.0);
    for load in loads {
        let at = points.iter().filter(|(n, _)| n.total_cmp(load).is_eq());
        let off: Vec<f64> = at.map(|(n, x)| x / law.throughput(*n) - 1.0).collect();
        let mean = mean(&off);
        all += count(&off);
        far += count(&off) * mean.powi(2);
        scatter += off.iter().map(|off| (off - mean).powi(2)).sum::<f64>();
    }
    let freedom = (count(loads) - PARAMETERS, all - count(loads));
    let f = (far / freedom.0) / (scatter / freedom.1);
    let distribution = FisherSnedecor::new(freedom.0, freedom.1).ok().filter(|_| f.is_finite());
    let chance = distribution.map(|distribution| distribution.sf(f));
    LackOfFit { share: (far / all).sqrt(), chance }
}

/// What nearly all of these are in.
fn middle(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 40;
    Interval { low: values[cut], high: values[values.len() - 1 - cut] }
}

/// The least squares; where that puts σ or κ below 0, the best with it at 0.
fn solve(points: &[(f64, f64)]) -> Law {
    // n / X = (1 + σ (n - 1) + κ n (n - 1)) / λ, linear in 1/λ, σ/λ and κ/λ.
    let candidates = [[true, true], [true, false], [false, true], [false, false]];
    let laws = candidates.iter().filter_map(|[contention, coherency]| {
        let law = least_squares(points, *contention, *coherency)?;
        (law.lambda > 0.0 && law.sigma >= 0.0 && law.kappa >= 0.0).then_some(law)
    });
    let off = |law: &Law| -> f64 {
        points.iter().map(|(n, x)| (x / law.throughput(*n) - 1.0).powi(2)).sum()
    };
    let best = laws.min_by(|a, b| off(a).total_cmp(&off(b)));
    best.unwrap_or(Law { lambda: points[0].1 / points[0].0, sigma: 0.0, kappa: 0.0 })
}

fn least_squares(points: &[(f64, f64)], contention: bool, coherency: bool) -> Option<Law> {
    let terms = |n: f64| {
        let mut row = vec![1.0];
        row.extend(contention.then_some(n - 1.0));
        row.extend(coherency.then_some(n * (n - 1.0)));
        row
    };
    let size = 1 + usize::from(contention) + usize::from(coherency);
    let mut normal = vec![vec![0.0; size + 1]; size];
    for (n, x) in points {
        let (row, y) = (terms(*n), n / x);
        // An error of one per cent of X is one per cent of n / X.
        let weight = (x / n).powi(2);
        for i in 0..size {
            for j in 0..size {
                normal[i][j] += weight * row[i] * row[j];
            }
            normal[i][size] += weight * row[i] * y;
        }
    }
    let solution = eliminate(normal)?;
    let lambda = 1.0 / solution[0];
    let mut rest = solution[1..].iter().map(|value| value * lambda);
    let sigma = if contention { rest.next()? } else { 0.0 };
    let kappa = if coherency { rest.next()? } else { 0.0 };
    Some(Law { lambda, sigma, kappa })
}

/// Gauss, with the largest pivot first; `None` of a singular system.
fn eliminate(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = rows.len();
    for column in 0..size {
        let largest = (column..size)
            .max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, largest);
        let pivot = rows[column].clone();
        if pivot[column].abs() < 1e-300 {
            return None;
        }
        for (at, row) in rows.iter_mut().enumerate() {
            if at != column {
                let factor = row[column] / pivot[column];
                row.iter_mut().zip(&pivot).for_each(|(value, p)| *value -= factor * p);
            }
        }
    }
    Some((0..size).map(|at| rows[at][size] / rows[at][at]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0];

    fn points(law: Law, noise: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        LOADS.iter().enumerate().map(|(i, n)| (*n, law.throughput(*n) * (1.0 + noise(i)))).collect()
    }

    #[test]
    fn exact_points_give_the_law_back() {
        let law = Law { lambda: 1_000.0, sigma: 0.05, kappa: 0.002 };
        let fit = fit(&points(law, |_| 0.0), 1).expect("a fit");
        assert!((fit.law.lambda / law.lambda - 1.0).abs() < 1e-9, "{fit:?}");
        assert!(
            (fit.law.sigma - law.sigma).abs() < 1e-9 && (fit.law.kappa - law.kappa).abs() < 1e-9
        );
        assert!((fit.law.peak().expect("a peak") - (0.95_f64 / 0.002).sqrt()).abs() < 1e-6);
        assert!(fit.r_squared > 1.0 - 1e-9);
    }

    #[test]
    fn what_no_law_has_is_not_taken_for_scatter() {
        // Ten trials at each load, 2 % apart; the law itself, and a step down at the fourth load.
        let law = Law { lambda: 1_000.0, sigma: 0.05, kappa: 0.002 };
        let lack = |step: f64, seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            let trials = LOADS.iter().enumerate().flat_map(|(at, n)| {
                let x = law.throughput(*n) * if at < 3 { 1.0 } else { step };
                [(*n, x); 10].map(|(n, x)| (n, x * (1.0 + 0.04 * (random.f64() - 0.5))))
            });
            let trials: Vec<_> = trials.collect();
            // The intervals, which a whole fit has too, would be most of the time of this test.
            lack_of_fit(&trials, &LOADS, &solve(&trials))
        };
        let chances: Vec<f64> =
            (0..200).map(|seed| lack(1.0, seed).chance.expect("repeated")).collect();
        // Two in a hundred have a chance of 2 %: 4, with a standard deviation of 2.
        assert!(chances.iter().filter(|chance| **chance < 0.02).count() <= 12, "{chances:?}");
        let stepped = lack(0.7, 1);
        assert!(stepped.chance.expect("repeated") < 1e-6 && stepped.share > 0.05, "{stepped:?}");
        let once = fit(&points(law, |_| 0.0), 1).expect("a fit").lack;
        assert!(once.chance.is_none() && once.share < 1e-9, "{once:?}");
    }

    #[test]
    fn the_test_of_fit_is_that_of_the_textbooks() {
        // Distances of +-3 % at six loads and a scatter of +-1 % around each: 6 * 2 * 0.03^2 / 3 over 12 * 0.01^2 / 6.
        let law = Law { lambda: 1_000.0, sigma: 0.05, kappa: 0.002 };
        let loads = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let points: Vec<(f64, f64)> = loads
            .iter()
            .zip([0.03, -0.03, 0.03, -0.03, 0.03, -0.03])
            .flat_map(|(n, off)| [0.01, -0.01].map(|e| (*n, law.throughput(*n) * (1.0 + off + e))))
            .collect();
        let found = lack_of_fit(&points, &loads, &law);
        assert!((found.share - 0.03).abs() < 1e-9, "{found:?}");
        // Of F with 3 and 6 degrees of freedom, beyond 18.
        assert!((found.chance.expect("repeated") - 0.002_103_7).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn intervals_hold_the_truth_under_noise() {
        let law = Law { lambda: 1_000.0, sigma: 0.05, kappa: 0.002 };
        let mut held = 0;
        for seed in 0..40 {
            let random = std::cell::RefCell::new(fastrand::Rng::with_seed(seed));
            let fit = fit(&points(law, |_| 0.04 * (random.borrow_mut().f64() - 0.5)), seed);
            held += i32::from(fit.expect("a fit").kappa.contains(law.kappa));
        }
        assert!(held >= 30, "{held} of 40");
    }

    #[test]
    fn neither_contention_nor_coherency_is_below_nothing() {
        // Better than in proportion.
        let points: Vec<_> = LOADS.iter().map(|n| (*n, n.powf(1.2))).collect();
        let fit = fit(&points, 1).expect("a fit");
        assert!(fit.law.sigma >= 0.0 && fit.law.kappa >= 0.0, "{fit:?}");
        assert_eq!(Law { kappa: 0.0, ..fit.law }.peak(), None);
    }

    #[test]
    fn an_interval_leaves_out_a_fortieth_at_either_end() {
        let values = (0..400).rev().map(f64::from).collect();
        assert_eq!(middle(values), Interval { low: 10.0, high: 389.0 });
    }

    #[test]
    fn few_loads_are_refused_however_often_they_were_measured() {
        let points: Vec<_> = (0..20).map(|i| (f64::from(i % 5 + 1), 10.0)).collect();
        assert_eq!(fit(&points, 1), Err(NoFit::TooFewLoads(5)));
        assert_eq!(fit(&[(0.0, 1.0)], 1), Err(NoFit::NoLoad));
    }
}
