//! Queueing theory for an open loop, beside the measurement.

use maud::{Markup, html};

use super::fold::folded;
use super::sortable::{self, Row};
use crate::analysis::doubt::is_generator_limited;
use crate::base::units::{as_f64, show_count, show_ns_f64};
use crate::document::{Cell, LoadRecord, Validity};
use crate::statistics::queueing::{Queue, Service, little};
use crate::view::figures::Column;
use crate::workload::requests::variation;

/// The share of its processors that a server uses at its capacity; with less, something else was the
/// limit.
const BUSY: f64 = 0.9;
/// Within this factor, a mean counts as near its prediction.
const NEAR: f64 = 1.5;

/// One cell beside the theory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prediction {
    pub(super) workload: String,
    pub(super) model: String,
    pub(super) rate_per_s: f64,
    pub(super) capacity_per_s: f64,
    pub(super) utilisation: f64,
    pub(super) predicted_ns: f64,
    pub(super) measured_ns: f64,
    pub(super) greyed: bool,
}

impl Prediction {
    fn ratio(&self) -> f64 {
        self.measured_ns / self.predicted_ns
    }

    /// The mean number of requests in the server, by Little's law.
    fn inside(&self) -> f64 {
        little(self.rate_per_s, self.measured_ns / 1e9)
    }
}

/// A prediction for every cell of an open loop whose capacity is known from a closed loop of the
/// same run with the same requests. `servers` is the number of processors of the server.
pub(super) fn predictions(columns: &[&Column<'_>], servers: usize) -> Vec<Prediction> {
    let open = columns.iter().filter(|column| !column.cell.is_closed() && !column.cell.twin);
    open.filter_map(|column| prediction(column, columns, servers.max(1))).collect()
}

fn prediction(open: &Column<'_>, all: &[&Column<'_>], servers: usize) -> Option<Prediction> {
    let cell = open.cell;
    let rate_per_s = match &cell.arrivals {
        crate::document::ArrivalsRecord::Poisson { rate_per_s, .. } => *rate_per_s,
        _ => return None,
    };
    let load = open.drawn.load.as_ref()?;
    let closed = all.iter().filter(|other| {
        other.cell.is_closed() && !other.cell.twin && other.cell.model == cell.model
    });
    let same = closed
        .filter(|other| other.drawn.load.as_ref().is_some_and(|own| asks_the_same(own, load)));
    // Of several closed loops the fastest came nearest to the capacity.
    let capacity_per_s =
        same.filter_map(|other| capacity(other.cell, servers)).max_by(f64::total_cmp)?;
    let mean_s = as_f64(servers as u64) / capacity_per_s;
    let service = Service { mean_s, variation: variation(&load.request) };
    let queue = Queue::new(rate_per_s, service, u32::try_from(servers).ok()?)?;
    Some(Prediction {
        workload: cell.workload.clone(),
        model: cell.model.clone(),
        rate_per_s,
        capacity_per_s,
        utilisation: queue.utilisation(),
        predicted_ns: queue.response_mean_s() * 1e9,
        measured_ns: open.drawn.mean_ns?,
        greyed: cell.validity == Validity::Invalid,
    })
}

fn asks_the_same(a: &LoadRecord, b: &LoadRecord) -> bool {
    a.app == b.app && a.framing == b.framing && a.request == b.request
}

/// The capacity of a server, if it was busy nearly all of the time: otherwise clients, waits or the
/// generator were the limit.
fn capacity(cell: &Cell, servers: usize) -> Option<f64> {
    let cost_ns = cell.server_cpu_per_request_ns.as_ref()?.median;
    let served = cell.throughput_per_s.median;
    let busy = served * cost_ns / 1e9 / as_f64(servers as u64);
    let stands = !cell.starves() && !is_generator_limited(cell);
    (busy >= BUSY && stands && cell.validity != Validity::Invalid).then_some(served)
}

/// The section; nothing without a prediction.
pub(super) fn section(predictions: &[Prediction], servers: usize) -> Markup {
    let rows: Vec<Row> = predictions.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            (folded("theory", "Beside queueing theory", &html! {
                p { "The mean response time of a textbook queue (M/G/" (servers.max(1)) ", \
                    Pollaczek-Khinchine) at the same rate, beside the measured one. The queue has \
                    the capacity that the closed loop of this run found, and service times that \
                    vary as the requested work does. The last column is the mean number of \
                    requests in the system, by Little's law." }
                (sortable::sortable_table("Mean response time predicted and measured", &COLUMNS, &rows))
                p { b { "Notice: " } (notice(predictions)) }
                p.meta { b { "Caveats: " } "The theory assumes Poisson arrivals and a server \
                    without interruptions. Equal requests are assumed to take equal times; if they \
                    vary, waits grow: exponential service times double them. Capacity under full \
                    load benefits from warm caches and shared wake-ups, so a mostly idle server is \
                    slower than predicted. Event loops that serve in batches make requests wait \
                    for each other. The table lists only models that kept their processors busy in \
                    the closed loop; the capacity of the others is unknown." }
            }))
        }
    }
}

const COLUMNS: [&str; 8] = [
    "workload, model",
    "rate/s",
    "capacity/s",
    "utilisation",
    "predicted mean",
    "measured mean",
    "measured/predicted",
    "in the system",
];

fn row(prediction: &Prediction) -> Row {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let two = |value: f64| format!("{value:.2}");
    let field = |value: f64, show: &dyn Fn(f64) -> String| (show(value), Some(value));
    Row {
        name: format!("{}, {}", prediction.workload, prediction.model),
        greyed: prediction.greyed,
        fields: vec![
            field(prediction.rate_per_s, &show_count),
            field(prediction.capacity_per_s, &show_count),
            field(prediction.utilisation, &percent),
            field(prediction.predicted_ns, &show_ns_f64),
            field(prediction.measured_ns, &show_ns_f64),
            field(prediction.ratio(), &two),
            field(prediction.inside(), &two),
        ],
        files: Vec::new(),
    }
}

fn notice(predictions: &[Prediction]) -> String {
    let near = |p: &&Prediction| (1.0 / NEAR..=NEAR).contains(&p.ratio());
    let near = predictions.iter().filter(near).count();
    let mut text = format!(
        "{near} of {} means are within a factor of {NEAR} of the prediction.",
        predictions.len()
    );
    let above = predictions.iter().filter(|p| p.ratio() > NEAR);
    if let Some(far) = above.max_by(|a, b| a.ratio().total_cmp(&b.ratio())) {
        text += &format!(
            " The farthest above is {} under {}, {:.1} times: some wait is missing from the theory.",
            far.model,
            far.workload,
            far.ratio()
        );
    }
    let below = predictions.iter().filter(|p| p.ratio() < 1.0 / NEAR);
    if let Some(far) = below.min_by(|a, b| a.ratio().total_cmp(&b.ratio())) {
        text += &format!(
            " The farthest below is {} under {}, {:.2} times: arrivals vary less than Poisson, or \
             the capacity exceeds what the closed loop found.",
            far.model,
            far.workload,
            far.ratio()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, flag, open};
    use crate::document::{Estimate, RequestRecord};
    use crate::view::figures::trials::Drawn;
    use crate::view::figures::{columns, numbers};

    fn load(bytes: usize) -> LoadRecord {
        LoadRecord {
            request: RequestRecord::Echo { bytes },
            ..crate::document::example::closed().load
        }
    }

    /// A closed loop of this capacity and cost, and an open one at 10,000/s with this mean.
    fn predict(
        capacity: f64,
        cost_ns: f64,
        bytes: (usize, usize),
        mean: f64,
        change: fn(&mut Cell),
    ) -> Vec<Prediction> {
        let mut full = closed("epoll", &[capacity; 5]);
        full.server_cpu_per_request_ns = Estimate::from_values(&[cost_ns; 5]);
        change(&mut full);
        let half = open("epoll", &[1e5; 5]);
        let drawn = |bytes, mean_ns| Drawn { load: Some(load(bytes)), mean_ns, ..Drawn::default() };
        let full = columns(&[&full], vec![drawn(bytes.0, None)], &numbers([&full]));
        let half = columns(&[&half], vec![drawn(bytes.1, Some(mean))], &numbers([&half]));
        predictions(&full.iter().chain(&half).collect::<Vec<_>>(), 1)
    }

    #[test]
    fn the_mean_is_that_of_the_textbooks_queue() {
        // Capacity 20,000/s, rate 10,000/s, equal requests: 50 us of service after 25 us of
        // waiting.
        let found = predict(2e4, 5e4, (64, 64), 1.125e5, |_| ());
        let [found] = &found[..] else { panic!("{found:?}") };
        assert!(
            (found.utilisation - 0.5).abs() < 1e-9 && (found.predicted_ns - 7.5e4).abs() < 1e-3
        );
        assert!((found.ratio() - 1.5).abs() < 1e-9 && (found.inside() - 1.125).abs() < 1e-9);
    }

    #[test]
    fn a_capacity_is_known_only_of_a_busy_server_with_the_same_requests() {
        assert!(predict(2e4, 3e4, (64, 64), 1e5, |_| ()).is_empty(), "idle for 40 %");
        assert!(predict(2e4, 5e4, (64, 1024), 1e5, |_| ()).is_empty(), "other requests");
        assert!(predict(9e3, 1.1e5, (64, 64), 1e5, |_| ()).is_empty(), "it cannot keep up");
        assert!(predict(2e4, 5e4, (64, 64), 1e5, |cell| flag(cell, "fairness")).is_empty());
        let limited = |cell: &mut Cell| flag(cell, "generator-cpu");
        assert!(predict(2e4, 5e4, (64, 64), 1e5, limited).is_empty(), "the generator's capacity");
    }

    #[test]
    fn how_many_are_near_and_who_is_farthest_is_said() {
        let near = predict(2e4, 5e4, (64, 64), 1.1e5, |_| ());
        assert_eq!(notice(&near), "1 of 1 means are within a factor of 1.5 of the prediction.");
        let far = predict(2e4, 5e4, (64, 64), 4e5, |_| ());
        let text = notice(&[near[0].clone(), far[0].clone()]);
        assert!(
            text.contains("1 of 2 means") && text.contains("above is epoll under echo-open, 5.3")
        );
        assert!(section(&far, 1).into_string().contains("M/G/1"));
    }
}
