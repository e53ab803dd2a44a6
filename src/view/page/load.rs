//! The load of a workload in words, for readers who have not read the plan.

use crate::base::units::{as_f64, counted, show_ns, show_ns_f64};
use crate::document::{Cell, ConductRecord, LoadRecord, RequestRecord};
use crate::workload::requests;

/// Picoseconds in a nanosecond.
const PS: f64 = 1e3;

/// The arrivals, the connections and the work of a request in words. Without a record of the load,
/// the work is left out.
pub(super) fn in_words(cell: &Cell, load: Option<&LoadRecord>, round_ps: u64) -> String {
    let arrivals = crate::workload::arrivals::describe(&cell.arrivals);
    let mut text = format!("{arrivals}, {}", counted(cell.connections, "connection"));
    if let Some(load) = load {
        let framing = if load.framing == "http" { " over HTTP" } else { "" };
        text += &format!("; each request: {}{framing}", request(&load.request, round_ps));
        let conduct = load.conduct.as_ref().map(conduct).unwrap_or_default();
        if !conduct.is_empty() {
            text += &format!("; {}", conduct.join(", "));
        }
    }
    text
}

fn request(request: &RequestRecord, round_ps: u64) -> String {
    match request {
        RequestRecord::Echo { bytes } => format!("{bytes} bytes echoed"),
        RequestRecord::Multiply { digits } => format!("two numbers of {digits} digits multiplied"),
        RequestRecord::Work { rounds, wait_ns, reply_bytes } => {
            let mut parts = Vec::new();
            if *rounds > 0 {
                let long = as_f64(*rounds) * as_f64(round_ps) / PS;
                parts.push(format!("{rounds} rounds of CPU work (about {})", show_ns_f64(long)));
            }
            if *wait_ns > 0 {
                parts.push(format!("a wait of {}", show_ns(*wait_ns)));
            }
            parts.push(format!("{reply_bytes} bytes back"));
            parts.join(", ")
        }
        RequestRecord::Session { steps, history_bytes, home } => {
            let home = home.as_deref().map(|home| format!(", state in {home}")).unwrap_or_default();
            format!("a step of a session of {steps}, {history_bytes} bytes of history{home}")
        }
        RequestRecord::Http { method, path, .. } => format!("{method} {path}"),
        drawn => requests::describe(drawn).unwrap_or_default(),
    }
}

/// How connections behave, where that differs from the default.
fn conduct(conduct: &ConductRecord) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(requests) = conduct.requests_per_connection {
        parts.push(format!("a new connection after {}", counted(requests, "request")));
    }
    if let Some(age) = conduct.lifetime_ns {
        parts.push(format!("a new connection after {}", show_ns(age)));
    }
    if conduct.pipeline > 1 {
        parts.push(format!("{} requests in flight on each", conduct.pipeline));
    }
    if conduct.think_time.is_some() {
        parts.push("clients think between requests".into());
    }
    if conduct.idle_connections > 0 {
        let idle = counted(conduct.idle_connections, "idle connection");
        parts.push(format!("{idle} beside the load"));
    }
    parts.extend(
        conduct.misbehaving.iter().map(|(how, n)| {
            format!("{} beside the load", counted(*n, &format!("{how} connection")))
        }),
    );
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::closed;

    #[test]
    fn a_load_says_when_on_what_and_what_for() {
        let mut load = crate::document::example::closed().load;
        load.framing = "line".into();
        load.conduct = None;
        load.request = RequestRecord::Work { rounds: 1500, wait_ns: 5_000_000, reply_bytes: 64 };
        let cell = closed("epoll", &[1e5; 5]);
        assert_eq!(
            in_words(&cell, Some(&load), 100_000),
            "closed loop, service time, 50 connections; each request: 1500 rounds of CPU work (about 150 us), \
             a wait of 5.00 ms, 64 bytes back"
        );
        assert_eq!(in_words(&cell, None, 0), "closed loop, service time, 50 connections");
    }

    #[test]
    fn connections_that_are_replaced_are_said_to_be() {
        let mut load = crate::document::example::closed().load;
        load.request = RequestRecord::Echo { bytes: 64 };
        load.framing = "http".into();
        load.conduct = Some(ConductRecord {
            requests_per_connection: Some(1),
            lifetime_ns: None,
            pipeline: 4,
            think_time: None,
            idle_connections: 100,
            sources: Vec::new(),
            misbehaving: [("slow".to_string(), 3)].into(),
        });
        let text = in_words(&closed("epoll", &[1e5; 5]), Some(&load), 0);
        assert!(
            text.ends_with(
                "64 bytes echoed over HTTP; a new connection after 1 request, 4 requests in flight on each, \
                 100 idle connections beside the load, 3 slow connections beside the load"
            ),
            "{text}"
        );
    }
}
