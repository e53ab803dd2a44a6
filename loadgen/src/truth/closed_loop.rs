//! Closed loop: service times, what a slow server hides from it, and the fair share.

use super::oracle::{self, OracleServer};
use super::{MS, S, START, assert_told, constant, laws_of, load, run};
use crate::wire::virtual_time::{Costs, Laws};
use crate::{Arrivals, Load, Outcome};

fn told(load: &Load, work: fn(u64, u64) -> u64, server: &OracleServer<'_>) -> Outcome {
    let outcome = run(load, &|| laws_of(server, work), Costs::default());
    assert_told(&outcome, oracle::closed_loop(load, server));
    outcome
}

#[test]
fn a_fixed_latency_gives_each_connection_its_share() {
    let work = |_, _| 7 * MS + 1;
    let outcome = told(&load(100, Arrivals::Closed), work, &OracleServer::new(&work));
    let connections = &outcome.connections;
    assert_eq!((connections.served, connections.ok_min), (100, connections.ok_max));
    assert!((connections.jain - 1.0).abs() < 1e-9);
}

#[test]
fn a_server_of_one_at_a_time_is_a_queue_of_all_the_others() {
    let work = |_, _| 2 * MS + 1;
    let server = OracleServer { at_a_time: 1, ..OracleServer::new(&work) };
    let outcome = told(&load(20, Arrivals::Closed), work, &server);
    // Each waits for nineteen others.
    assert_eq!(outcome.latency.service.value_at_quantile(0.5) / MS, 40);
    told(
        &load(20, Arrivals::Closed),
        work,
        &OracleServer { at_a_time: 3, ..OracleServer::new(&work) },
    );
}

#[test]
fn a_ramp_of_latencies_is_in_the_series() {
    let work = |_, arrived: u64| MS + (arrived - START) * 9 / 5_000;
    told(&load(30, Arrivals::Closed), work, &OracleServer::new(&work));
}

#[test]
fn a_stall_is_felt_once_by_each_connection_and_so_hidden() {
    let work = |_, _| 200_001;
    let server = OracleServer { stall: Some((S, 100 * MS)), ..OracleServer::new(&work) };
    let closed = told(&load(4, Arrivals::Closed), work, &server);
    let laws = || Laws { stall: Some((S, 100 * MS)), ..Laws::fixed(200_001) };
    let open = run(&load(400, constant(2_000.0)), &laws, Costs::default());

    let share = |h: &crate::Histogram<u64>| h.count_between(50 * MS, S) as f64 / h.len() as f64;
    let (hidden, felt) = (share(&closed.latency.service), share(&open.latency.response.unwrap()));
    // Four connections, once a second each, of some 18,000 requests a second; but of any hundred
    // moments of that second, five are the first half of a stall.
    assert!(hidden < 0.000_5, "{hidden}");
    assert!(felt > 0.045, "{felt}");
    assert!(closed.latency.response.is_none() && closed.latency.conn_wait.is_empty());
}

#[test]
fn threads_add_up() {
    let work = |_, _| 7 * MS + 1;
    let load = Load { threads: 3, ..load(100, Arrivals::Closed) };
    told(&load, work, &OracleServer::new(&work));
}
