//! Lines about connections, below the figures of one load.

use std::fmt::Write as _;

use super::load::{kinds, quantile};
use crate::base::units::{show_ns, show_ns_f64};
use crate::document::{Trial, Turnaround};

/// How connections came and went, and the clients beside the load; empty where there is nothing to
/// say.
pub(super) fn lines(trial: &Trial) -> String {
    let mut text = String::new();
    let connections = &trial.connections;
    if let Some(conduct) = &trial.load.conduct {
        let _ = write!(
            text,
            "connections reopened {}, closed by the generator {}, failed to open {}",
            connections.reconnects, connections.closed_by_us, connections.connect_failures
        );
        if conduct.sources.len() > 1 {
            let _ = write!(text, ", from {} source addresses", conduct.sources.len());
        }
        text.push('\n');
        if connections.thinking + connections.connecting > 0.0 {
            let _ = writeln!(
                text,
                "on average {:.1} requests in service, {:.1} clients thinking, {:.1} connecting",
                connections.effective_concurrency, connections.thinking, connections.connecting
            );
        }
    }
    if trial.turnaround.as_ref().is_some_and(|found| found.times.count == 0) {
        text.push_str(
            "turnaround: no client finished within the measurement; measure for longer\n",
        );
    } else if let Some(Turnaround { total_ns, times }) = &trial.turnaround {
        let _ = writeln!(
            text,
            "turnaround of {} clients: mean {}, p50 {}, p95 {}, p99 {}, sum {}",
            times.count,
            show_ns_f64(times.mean),
            quantile(times, 0.5),
            quantile(times, 0.95),
            quantile(times, 0.99),
            show_ns(*total_ns)
        );
    }
    if let Some(idle) = &connections.idle {
        let open = idle.opened - idle.idle_lost;
        let _ = writeln!(text, "idle connections requested {}, open at the end {open}", idle.asked);
    }
    for (way, clients) in &trial.misbehaving {
        let _ = writeln!(
            text,
            "{way} clients {}, connections {}, requests {}, correct replies {}, ended {}",
            clients.connections,
            clients.opened,
            clients.requests,
            clients.right,
            kinds(&clients.ended)
        );
    }
    text
}
