//! The analysis against summaries whose truth is known.

use crate::document::{ArrivalsRecord, Cell, Estimate, Excluded, Factor, Summary, Validity};
use crate::synthetic::{closed, set, summary};

mod page;

use super::{analysis, sentences};

/// What blocks have in common.
const BLOCKS: [f64; 4] = [1.0, 1.02, 0.97, 1.05];

/// CPU that a request takes in the truth of these tests.
fn truth(connection: u64, home: &str, history: u64) -> f64 {
    let connecting = match connection {
        0 => 0.0,
        k => 20_000.0 / k as f64,
    };
    let home = match home {
        "table" => 400.0,
        "client" => 1_000.0,
        "connection" => 100.0,
        _ => 0.0,
    };
    5_000.0 + connecting + home + history as f64 / 4.0
}

fn factor(name: &str, text: String, number: Option<f64>) -> Factor {
    Factor { name: name.into(), text, number }
}

fn place(cell: &mut Cell, connection: u64, home: &str, history: u64) {
    let number = |n: u64| (n.to_string(), Some(n as f64));
    let (text, n) = number(connection);
    cell.factors = vec![factor("requests-per-connection", text, n)];
    cell.factors.push(factor("server.state", home.into(), None));
    let (text, n) = number(history);
    cell.factors.push(factor("server.history", text, n));
    cell.workload = format!("steps-{connection}-{home}-{history}");
    cell.series = Some("steps".into());
}

/// A lab of one model. The home "connection" exists with kept connections only.
fn lab(model: &str) -> Vec<Cell> {
    let mut cells = Vec::new();
    for connection in [0, 10, 1] {
        for home in ["none", "connection", "table", "client"] {
            for history in [0, 4096] {
                if home == "connection" && connection != 0 {
                    continue;
                }
                let cpu = BLOCKS.map(|block| block * truth(connection, home, history));
                let mut cell = closed(model, &cpu.map(|ns| 1e9 / ns));
                cell.server_cpu_per_request_ns = Estimate::of(&cpu);
                place(&mut cell, connection, home, history);
                let mut open = cell.clone();
                open.workload = format!("open-{}", open.workload);
                open.arrivals = ArrivalsRecord::Poisson { rate_per_s: 1e3, seed: 1 };
                set(&mut open, 0.99, &BLOCKS.map(|block| block * 1e5));
                cells.extend([cell, open]);
            }
        }
    }
    for (home, bytes) in [("none", 300.0), ("table", 500.0)] {
        for clients in [100, 1_100] {
            let mut cell = closed(model, &BLOCKS);
            let pss = [1.0, 1.1, 0.9, 1.0].map(|noise| 1e6 + noise * bytes * f64::from(clients));
            cell.pss_bytes = Estimate::of(&pss).expect("values");
            cell.connections = usize::try_from(clients).expect("few");
            place(&mut cell, 0, home, 0);
            let text = clients.to_string();
            cell.factors.push(factor("connections", text, Some(f64::from(clients))));
            cell.workload = format!("held-{home}-{clients}");
            cells.push(cell);
        }
    }
    cells
}

fn made_up(cells: Vec<Cell>) -> Summary {
    summary(cells)
}

#[test]
fn the_largest_complete_design_leaves_out_the_home_that_lacks_cells_and_says_so() {
    let models = analysis::models(&made_up(lab("epoll")));
    let designs = &models[0].designs;
    let keys: Vec<&str> = designs.iter().map(|design| design.metric.as_str()).collect();
    let cpu = "server_cpu_per_request_ns";
    assert_eq!(keys, [cpu, cpu, "throughput_per_s", "throughput_per_s", "p99_ns", "p99_ns"]);
    assert_eq!(designs[0].factors[0].levels, ["kept", "every 10 requests", "one per request"]);
    assert_eq!(designs[0].factors[1].levels, ["none", "table", "client"]);
    assert_eq!((designs[0].cells_left_out, designs[0].blocks), (2, 4));
    assert_eq!(designs[1].factors[0].levels, ["kept"]);
    assert_eq!(designs[1].factors[1].levels, ["none", "connection", "table", "client"]);
}

#[test]
fn effects_are_those_of_the_truth() {
    let models = analysis::models(&made_up(lab("epoll")));
    let design = &models[0].designs[0];
    let effect =
        |level: &str| design.effects.iter().find(|e| e.level == level).expect("it is there");
    let block = BLOCKS.iter().sum::<f64>() / 4.0;
    assert!((effect("one per request").difference / (20_000.0 * block) - 1.0).abs() < 1e-9);
    assert!((effect("table").difference / (400.0 * block) - 1.0).abs() < 1e-9);
    assert!((effect("4.00 KiB").difference / (1_024.0 * block) - 1.0).abs() < 1e-9);
    // Blocks multiply everything, so ratios have no spread.
    assert!(effect("one per request").ratio > 3.0);
    assert_eq!(design.shares[0].source, "connection");
    assert!(design.shares[0].share > 0.9, "{:?}", design.shares);
}

#[test]
fn the_parts_of_a_cost_add_up_to_the_cell_that_they_lead_to() {
    let models = analysis::models(&made_up(lab("epoll")));
    let block = BLOCKS.iter().sum::<f64>() / 4.0;
    for (home, connection) in [("none", 1), ("table", 1), ("client", 1), ("connection", 0)] {
        let split = models[0].split.iter().find(|split| split.home == home).expect("a home");
        let sum: f64 = split.parts.iter().map(|part| part.ns).sum();
        assert!((sum / (block * truth(connection, home, 4_096)) - 1.0).abs() < 1e-9, "{split:?}");
    }
    let names = |home: &str| -> Vec<String> {
        let split = models[0].split.iter().find(|split| split.home == home).expect("a home");
        split.parts.iter().map(|part| part.name.clone()).collect()
    };
    assert_eq!(names("none"), ["request", "history", "connecting"]);
    assert_eq!(names("table"), ["request", "home", "history", "connecting"]);
    assert_eq!(names("connection"), ["request", "home", "history"], "it has no other cell");
}

#[test]
fn the_classrooms_difference_is_taken_apart() {
    let models = analysis::models(&made_up(lab("epoll")));
    let taken = models[0].decomposition.as_ref().expect("all three cells are there");
    let share = taken.connecting_share.expect("a difference");
    assert!((share - 20_000.0 / 19_900.0).abs() < 1e-9, "{share}");
    assert!((taken.keeping.ns + taken.connecting.ns - taken.whole.ns).abs() < 1e-6);
    let said = sentences::of(&models, &[]);
    assert!(said[0].contains("most of what a stateless request costs"), "{said:?}");
    assert!(said[0].contains("101 % to 101 %"), "{said:?}");
    assert!(said.iter().any(|s| s.starts_with("These are 4 blocks")), "{said:?}");
}

#[test]
fn sentences_say_what_the_intervals_allow_and_no_more() {
    let mut cells = lab("epoll");
    let said = sentences::of(&analysis::models(&made_up(cells.clone())), &[]);
    let has = |said: &[String], text: &str| said.iter().any(|s| s.contains(text));
    assert!(has(&said, "connections one per request against kept make server CPU"), "{said:#?}");
    assert!(has(&said, "p99 at equal load by less than 5 %"), "{said:#?}");
    // The home "table" now varies so much that nothing can be told of it.
    for cell in &mut cells {
        if cell.factors.iter().any(|factor| factor.text == "table") {
            let noisy = [2_000.0, 60_000.0, 9_000.0, 1_000.0];
            cell.server_cpu_per_request_ns = Estimate::of(&noisy);
        }
    }
    let said = sentences::of(&analysis::models(&made_up(cells)), &[]);
    let told = "what state in a table against state that the request carries does to server CPU";
    assert!(has(&said, told), "{said:#?}");
}

#[test]
fn memory_of_a_client_is_the_slope_over_clients() {
    let models = analysis::models(&made_up(lab("epoll")));
    let of = |home: &str| models[0].memory.iter().find(|m| m.home == home).expect("a home");
    assert!((of("none").bytes - 300.0).abs() < 1e-6, "{:?}", of("none"));
    assert!((of("table").bytes - 500.0).abs() < 1e-6);
    assert_eq!(of("table").clients, [100.0, 1_100.0]);
}

#[test]
fn cells_that_failed_a_check_still_tell_of_cpu_and_of_nothing_else() {
    let mut cells = lab("epoll");
    for cell in cells.iter_mut().filter(|cell| cell.workload.ends_with("-1-client-0")) {
        cell.validity = Validity::Invalid;
    }
    let summary = made_up(cells);
    let models = analysis::models(&summary);
    let of = |key: &str| models[0].designs.iter().find(|d| d.metric == key).expect("a design");
    assert_eq!(of("server_cpu_per_request_ns").cells_left_out, 2);
    assert!(of("throughput_per_s").cells_left_out > 2);
    let out = analysis::left_out(&summary);
    assert_eq!(
        out[0],
        "There is no cell with state in the connection and connections every 10 requests."
    );
    assert_eq!(
        out[1],
        "There is no cell with state in the connection and connections one per request."
    );
    assert!(out[2].contains("epoll is in no comparison of throughput or p99"), "{out:?}");
    assert!(out[2].ends_with("(2 cells)."), "{out:?}");
}

#[test]
fn twins_are_in_no_design_and_excluded_cells_are_named_with_their_reason() {
    let mut cells = lab("epoll");
    let mut twin = cells[0].clone();
    twin.twin = true;
    twin.server_cpu_per_request_ns = Estimate::of(&[1.0; 4]);
    cells.insert(0, twin);
    let mut summary = made_up(cells);
    let reason = "its processes share no table".to_string();
    for workload in ["a", "b"] {
        let reason = reason.clone();
        let out = Excluded { model: "fork".into(), workload: workload.into(), reason };
        summary.excluded.push(out);
    }
    let models = analysis::models(&summary);
    let first = &models[0].split[0].parts[0];
    assert!(first.ns > 4_000.0, "{first:?}");
    let out = analysis::left_out(&summary);
    assert_eq!(out[2..], ["fork was not measured: its processes share no table (2 cells)."]);
}
