//! A run that sweeps a setting, made from the cells of a committed run.

use std::path::Path;

use c10k::document::{Cell, Estimate, Excluded, Factor, Pooled, Summary};
use c10k::store::{read_json, write_json};

/// Connections.
const LOADS: [u32; 7] = [1, 4, 16, 64, 256, 1024, 4096];
const TRIALS: usize = 5;

/// Writes the summary of such a run into a folder: a series over connections in two states, in which fork
/// and epoll change places, with a second measurement of epoll, and one model left out at the end.
pub(crate) fn write(run: &Path, folder: &Path) {
    let mut summary: Summary = read_json(&run.join("summary.json")).expect("a summary");
    let models = ["fork", "thread-per-client", "epoll", "io-uring", "tokio-multi"];
    let of = |model: &str| {
        let mut cells = summary.cells.iter();
        cells.find(|cell| cell.workload == "echo" && cell.model == model).expect("a cell").clone()
    };
    let (mut cells, mut noise) = (Vec::new(), Noise(17));
    for state in ["none", "table"] {
        for load in LOADS {
            let drift: Vec<f64> = (0..TRIALS).map(|_| noise.around(1.0, 0.05)).collect();
            for model in models {
                let factors = [
                    factor("connections", &load.to_string(), Some(f64::from(load))),
                    factor("server.state", state, None),
                ];
                let costs = law(model, f64::from(load)) * if state == "table" { 0.8 } else { 1.0 };
                if model != "tokio-multi" || load < 4096 {
                    cells.push(point(of(model), &factors, costs, &drift, &mut noise));
                }
                if model == "epoll" {
                    let mut again = point(of(model), &factors, costs, &drift, &mut noise);
                    again.twin = true;
                    again.trials.iter_mut().for_each(|f| *f = f.replace(".epoll.", ".epoll+twin."));
                    cells.push(again);
                }
            }
        }
    }
    summary.cells = cells;
    let workload = "many-connections4096-none".to_string();
    let reason = "it is left out to see that this is said".to_string();
    summary.excluded = vec![Excluded { model: "tokio-multi".into(), workload, reason }];
    (summary.verdicts, summary.recommendations) = (Vec::new(), Vec::new());
    write_json(&folder.join("summary.json"), &summary).expect("written");
}

fn factor(name: &str, text: &str, number: Option<f64>) -> Factor {
    Factor { name: name.into(), text: text.into(), number }
}

/// Throughput at a load; a few connections cannot fill a server.
fn law(model: &str, n: f64) -> f64 {
    let (sigma, kappa, lambda) = match model {
        "fork" => (0.02, 3e-5, 2.5e4),
        "thread-per-client" => (0.05, 2e-6, 2.2e4),
        "epoll" => (0.08, 1e-7, 2.0e4),
        "io-uring" => (0.06, 2e-7, 1.6e4),
        _ => (0.09, 1e-7, 1.9e4),
    };
    lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
}

fn point(mut cell: Cell, factors: &[Factor], rate: f64, drift: &[f64], noise: &mut Noise) -> Cell {
    let (load, state) = (&factors[0].text, &factors[1].text);
    cell.workload = format!("many-connections{load}-{state}");
    cell.series = Some("many".into());
    cell.factors = factors.to_vec();
    // The limits of the run that these cells are from do not apply here.
    cell.flags.retain(|flag| flag.name != "generator-cpu");
    cell.connections = load.parse().expect("a number");
    let blocks = 0..TRIALS;
    cell.trials =
        blocks.map(|b| format!("trials/{}.{}.{b}.json", cell.workload, cell.model)).collect();
    let mut values = |usual: f64| {
        let each = drift.iter().map(|drift| usual * drift * noise.around(1.0, 0.03));
        Estimate::from_values(&each.collect::<Vec<f64>>()).expect("values")
    };
    let load = factors[0].number.expect("a number");
    for quantile in &mut cell.latency {
        let usual = load / rate * 1e9 * (1.0 + 3.0 * quantile.q);
        quantile.value_ns = (quantile.q < 0.999).then(|| values(usual));
        quantile.pooled = quantile.value_ns.as_ref().map(pooled);
    }
    cell.server_cpu_per_request_ns = Some(values(1e9 / rate));
    cell.pss_bytes = values(2e6 + 1e4 * load);
    cell.throughput_per_s = values(rate);
    cell
}

/// The pooled value of all trials. It differs a little from their median, so that a test detects a mix-up.
fn pooled(of: &Estimate) -> Pooled {
    #[expect(clippy::cast_possible_truncation, reason = "far below the largest")]
    let whole = |value: f64| value as u64;
    Pooled {
        value_ns: whole(of.median * 1.01),
        admitted: true,
        effective_count: 10_000,
        at_least: false,
        of_trials: of.values.iter().map(|value| whole(*value)).collect(),
        most_of_one_trial: None,
    }
}

/// Pseudo-random numbers that are the same in every run.
struct Noise(u64);

impl Noise {
    fn around(&mut self, middle: f64, reach: f64) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = f64::from(u32::try_from(self.0 >> 33).unwrap_or(0)) / f64::from(1u32 << 31);
        middle + reach * (2.0 * unit - 1.0)
    }
}
