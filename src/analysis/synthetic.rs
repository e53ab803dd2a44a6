//! Synthetic summaries for tests.

use std::collections::BTreeMap;

use crate::analysis::standings;
use crate::document::{
    ArrivalsRecord, Cell, CellQuantile, CellStep, Estimate, Factor, Flag, Host, Pooled, Reference,
    ReferenceTrial, RunRecord, Status, Summary, Validity,
};
pub(crate) use crate::statistics::normal;

/// A cell of a closed loop, one value of throughput for each trial; its other figures are alike
/// for all.
pub(crate) fn closed(model: &str, throughput: &[f64]) -> Cell {
    let n = throughput.len();
    let same = |value: f64| Estimate::from_values(&vec![value; n]);
    let quantile = |(q, value_ns)| CellQuantile { q, value_ns, at_least: false, pooled: None };
    let latency = [
        (0.5, same(1e5)),
        (0.9, same(2e5)),
        (0.95, same(3e5)),
        (0.99, same(4e5)),
        (0.999, None),
        (1.0, same(1e6)),
    ];
    Cell {
        series: None,
        factors: Vec::new(),
        twin: false,
        turnaround: None,
        connect: Vec::new(),
        steps: Vec::new(),
        workload: "echo".into(),
        model: model.into(),
        arrivals: ArrivalsRecord::Closed,
        connections: 50,
        request: None,
        conduct: None,
        rank_by: None,
        trials: (0..n).map(|block| format!("trials/echo.{model}.{block}.json")).collect(),
        throughput_per_s: Estimate::from_values(throughput).expect("values"),
        latency: latency.map(quantile).into(),
        server_cpu_per_request_ns: same(5e3),
        client_cpu_per_request_ns: same(5e3),
        syscalls: None,
        pss_bytes: same(4_194_304.0).expect("values"),
        replies_checked: 1000,
        replies_wrong: 0,
        validity: Validity::Valid,
        flags: Vec::new(),
        spoiled: Vec::new(),
    }
}

/// A cell of an open loop, one value of the 99th percentile for each trial.
pub(crate) fn open(model: &str, p99_ns: &[f64]) -> Cell {
    let mut cell = closed(model, &vec![1e4; p99_ns.len()]);
    cell.workload = "echo-open".into();
    cell.arrivals = ArrivalsRecord::Poisson { rate_per_s: 1e4, seed: 1 };
    cell.trials = cell.trials.iter().map(|file| file.replace("echo", "echo-open")).collect();
    set(&mut cell, 0.99, p99_ns);
    cell
}

/// Gives a cell another quantile.
pub(crate) fn set(cell: &mut Cell, q: f64, values_ns: &[f64]) {
    let found = cell.latency.iter_mut().find(|quantile| (quantile.q - q).abs() < 1e-9);
    found.expect("a quantile of the cell").value_ns = Estimate::from_values(values_ns);
}

/// Gives a cell a quantile of all its trials together.
pub(crate) fn pool<'a>(
    cell: &'a mut Cell,
    q: f64,
    value_ns: u64,
    of_trials: &[u64],
) -> &'a mut Pooled {
    let found = cell.latency.iter_mut().find(|quantile| (quantile.q - q).abs() < 1e-9);
    found.expect("a quantile of the cell").pooled.insert(Pooled {
        value_ns,
        admitted: true,
        effective_count: 10_000,
        at_least: false,
        of_trials: of_trials.to_vec(),
        most_of_one_trial: None,
    })
}

/// Something flagged in all of a cell's trials.
pub(crate) fn flag(cell: &mut Cell, name: &str) {
    cell.validity = Validity::Suspect;
    cell.flags.push(Flag {
        name: name.into(),
        trials: cell.trials.len(),
        status: Status::Warn,
        about: None,
        excess: 1.5,
        message: format!("{name} said something"),
        at: (0..cell.trials.len()).collect(),
        failed_at: Vec::new(),
    });
}

/// Something that these of a cell's trials failed.
pub(crate) fn fail(cell: &mut Cell, name: &str, at: &[usize]) {
    let most = 2 * at.len() > cell.trials.len();
    cell.validity = if most { Validity::Invalid } else { Validity::Suspect };
    cell.flags.push(Flag {
        name: name.into(),
        trials: at.len(),
        status: Status::Fail,
        about: None,
        excess: 1.5,
        message: format!("{name} failed"),
        at: at.to_vec(),
        failed_at: at.to_vec(),
    });
}

/// The second measurement of a cell's model.
pub(crate) fn twin(of: &Cell, throughput: &[f64]) -> Cell {
    let mut cell = closed(&of.model, throughput);
    cell.twin = true;
    let twice = |file: &String| file.replacen(&of.model, &format!("{}+twin", of.model), 1);
    cell.trials = of.trials.iter().map(twice).collect();
    cell
}

/// A cell as a point of a sweep over one setting.
pub(crate) fn point(mut cell: Cell, series: &str, setting: &str, x: f64) -> Cell {
    let last = setting.rsplit('.').next().unwrap_or(setting);
    cell.workload = format!("{series}-{last}{x}");
    cell.series = Some(series.into());
    cell.factors.push(Factor { name: setting.into(), text: x.to_string(), number: Some(x) });
    cell
}

/// The series `many` over its connections: epoll stays, fork falls from twice that to half of it.
pub(crate) fn crossing() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (at, x) in [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0].into_iter().enumerate() {
        let fork = [2e5, 1.6e5, 1.3e5, 8e4, 6e4, 5e4][at];
        for (model, usual) in [("fork", fork), ("epoll", 1e5)] {
            let values = [0.99, 1.0, 1.01, 1.0, 0.995].map(|factor| factor * usual);
            cells.push(point(closed(model, &values), "many", "connections", x));
        }
    }
    cells
}

/// A null baseline with these CPU times for each request, block by block.
pub(crate) fn reference(null_per_s: f64, client_ns: &[f64], server_ns: &[f64]) -> Reference {
    let trials = (0_u32..).zip(client_ns.iter().zip(server_ns));
    let trials = trials.map(|(block, (client, server))| ReferenceTrial {
        file: format!("trials/reference.{block}.json"),
        block,
        later: false,
        beside: None,
        throughput_per_s: null_per_s,
        client_cpu_per_request_ns: Some(*client),
        server_cpu_per_request_ns: Some(*server),
    });
    Reference::from_trials(50, trials.collect()).expect("values")
}

/// A summary of these cells, with all that follows from them.
pub(crate) fn summary(cells: Vec<Cell>) -> Summary {
    let mut summary = bare(cells);
    standings::derive(&mut summary);
    summary
}

/// A summary of these cells, and nothing of what follows from them.
pub(crate) fn bare(cells: Vec<Cell>) -> Summary {
    let run = RunRecord {
        id: "made-up".into(),
        plan: "made-up".into(),
        question: "Which is best?".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        written_at: "2026-01-01T00:00:00Z".into(),
        command: vec!["c10k".into(), "run".into()],
        program_version: "0.1.0".into(),
        seed: 7,
        plan_digest: None,
        trials_planned: 10,
        trials_done: 10,
        interrupted: false,
        server_cpus: vec![0],
        client_cpus: vec![1],
        placement: None,
        notes: Vec::new(),
        contenders: Vec::new(),
        rounds: None,
        beside: None,
    };
    Summary::from_cells(run, host(), cells)
}

/// A made-up machine, so that what is written of it is the same on every one.
fn host() -> Host {
    Host {
        kernel: "Linux 6.0.0".into(),
        cpu_model: "A Processor".into(),
        cpus: 2,
        memory_bytes: 8 << 30,
        governor: None,
        clock_source: Some("tsc".into()),
        congestion_control: Some("cubic".into()),
        somaxconn: Some(4096),
        descriptors_max: Some(1 << 20),
        hypervisor: None,
        turbo: None,
        smt: None,
        mitigations: BTreeMap::new(),
        huge_pages: None,
        processes_max: None,
        port_range: Some((32_768, 60_999)),
        tcp_tw_reuse: None,
        work_round_ps: 1_000,
    }
}

/// A cell of a staircase: the rate of each step, the share that was answered, and the median response time.
pub(crate) fn climbed(model: &str, steps: &[(f64, f64, f64)]) -> Cell {
    let mut cell = open(model, &[4e5; 3]);
    let thrice = |value: f64| Estimate::from_values(&[value; 3]).expect("values");
    let step = |(rate_per_s, answered, p50): &(f64, f64, f64)| CellStep {
        start_ns: 0,
        width_ns: 500_000_000,
        rate_per_s: *rate_per_s,
        answered: thrice(*answered),
        response: vec![CellQuantile {
            q: 0.5,
            value_ns: Some(thrice(*p50)),
            at_least: false,
            pooled: None,
        }],
    };
    cell.steps = steps.iter().map(step).collect();
    cell
}
