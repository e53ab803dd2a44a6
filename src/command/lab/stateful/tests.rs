//! The analysis, tested against summaries whose truth is known.

use crate::analysis::synthetic::{closed, set, summary};
use crate::document::{
    ArrivalsRecord, Cell, DesignRecord, Estimate, Excluded, Factor, LabModel, Pooled, Summary,
    Validity,
};

mod apart;
mod page;

use super::{analysis, noise, sentences};

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

/// What a hundred clients do to what ten take: to a request, and more where it connects.
fn truth_of_many(connection: u64, home: &str) -> f64 {
    1.1 * truth(connection, home, 0) * if connection == 1 { 1.2 } else { 1.0 }
}

/// The same with a hundred clients: without history, and connections are kept or last for one request.
fn many(model: &str) -> Vec<Cell> {
    let mut cells = Vec::new();
    for connection in [0, 1] {
        for home in ["none", "connection", "table", "client"] {
            if home == "connection" && connection != 0 {
                continue;
            }
            let cpu = BLOCKS.map(|block| block * truth_of_many(connection, home));
            let mut cell = closed(model, &cpu.map(|ns| 1e9 / ns));
            cell.server_cpu_per_request_ns = Estimate::from_values(&cpu);
            cell.connections = 100;
            place(&mut cell, connection, home, 0);
            cell.factors.push(factor("connections", "100".into(), Some(100.0)));
            cell.workload = format!("many-{}", cell.workload);
            cells.push(cell);
        }
    }
    cells
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
                cell.connections = 10;
                cell.server_cpu_per_request_ns = Estimate::from_values(&cpu);
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
        for clients in [50, 1_050] {
            let mut cell = closed(model, &BLOCKS);
            let pss = [1.0, 1.1, 0.9, 1.0].map(|noise| 1e6 + noise * bytes * f64::from(clients));
            cell.pss_bytes = Estimate::from_values(&pss).expect("values");
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

/// Two models, one of which was measured twice somewhere.
fn everything() -> Vec<Cell> {
    let mut cells = [lab("thread-per-client"), lab("epoll"), many("epoll")].concat();
    let mut twin = cells.iter().find(|cell| cell.model == "epoll").expect("a cell").clone();
    twin.twin = true;
    cells.push(twin);
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
fn sentences_say_what_the_intervals_allow_and_no_more() {
    let mut cells = lab("epoll");
    let said = sentences::stateful_sentences(&analysis::models(&made_up(cells.clone())), &[], None);
    let has = |said: &[String], text: &str| said.iter().any(|s| s.contains(text));
    assert!(has(&said, "connections one per request against kept make server CPU"), "{said:#?}");
    assert!(has(&said, "p99 at equal load by less than 5 %"), "{said:#?}");
    // The home "table" now varies so much that nothing can be told of it.
    for cell in &mut cells {
        if cell.factors.iter().any(|factor| factor.text == "table") {
            let noisy = [2_000.0, 60_000.0, 9_000.0, 1_000.0];
            cell.server_cpu_per_request_ns = Estimate::from_values(&noisy);
        }
    }
    let said = sentences::stateful_sentences(&analysis::models(&made_up(cells)), &[], None);
    let told =
        "the effect of state in a table against state that the request carries on server CPU";
    assert!(has(&said, told), "{said:#?}");
}

#[test]
fn memory_of_a_client_is_the_slope_over_clients() {
    let models = analysis::models(&made_up(lab("epoll")));
    let of = |home: &str| models[0].memory.iter().find(|m| m.home == home).expect("a home");
    assert!((of("none").bytes - 300.0).abs() < 1e-6, "{:?}", of("none"));
    assert!((of("table").bytes - 500.0).abs() < 1e-6);
    assert_eq!(of("table").clients, [50.0, 1_050.0]);
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
    assert!(out[2].contains("epoll is excluded from comparisons of throughput and p99"), "{out:?}");
    assert!(out[2].ends_with("(2 cells)."), "{out:?}");
}

#[test]
fn twins_are_in_no_design_and_excluded_cells_are_named_with_their_reason() {
    let mut cells = lab("epoll");
    let mut twin = cells[0].clone();
    twin.twin = true;
    twin.server_cpu_per_request_ns = Estimate::from_values(&[1.0; 4]);
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

#[test]
fn clients_are_crossed_with_connections_and_homes_and_the_first_designs_stay_as_they_were() {
    let without = analysis::models(&made_up(lab("epoll")));
    let models = analysis::models(&made_up([lab("epoll"), many("epoll")].concat()));
    let cpu = |models: &[LabModel]| -> Vec<DesignRecord> {
        let own = |design: &&DesignRecord| design.metric == "server_cpu_per_request_ns";
        models[0].designs.iter().filter(own).cloned().collect()
    };
    let designs = cpu(&models);
    assert_eq!(designs[..2], cpu(&without)[..]);
    assert_eq!((&models[0].split, &models[0].memory), (&without[0].split, &without[0].memory));
    assert_eq!(models[0].decompositions, without[0].decompositions);
    let levels = |design: &DesignRecord| -> Vec<String> {
        design
            .factors
            .iter()
            .map(|factor| format!("{}: {}", factor.name, factor.levels.join(",")))
            .collect()
    };
    let clients = "clients: 10,100";
    let homes = "home: none,table,client";
    assert_eq!(levels(&designs[2]), [clients, "connection: kept,one per request", homes]);
    assert_eq!(
        levels(&designs[3]),
        [clients, "connection: kept", "home: none,connection,table,client"]
    );
    let effect = designs[2].effects.iter().find(|e| e.factor == "clients").expect("an effect");
    assert!((effect.ratio - 1.1 * 1.2_f64.sqrt()).abs() < 1e-9, "{effect:?}");
    let with = |level: &str| {
        let found = designs[2].interactions.iter().find(|i| i.levels == ["100", level]);
        found.expect("an interaction").ratio
    };
    assert!((with("one per request") - 1.2).abs() < 1e-9 && (with("table") - 1.0).abs() < 1e-9);
    let said = sentences::stateful_sentences(&models, &[], None);
    for text in [
        "epoll: clients, 100 against 10, make server CPU per request 1.20 times",
        "epoll: clients, 100 of them, and connections one per request together make server CPU per \
         request 1.20 times",
    ] {
        assert!(said.iter().any(|s| s.starts_with(text)), "{text}: {said:#?}");
    }
    assert!(!said.iter().any(|s| s.contains("100 of them, and state")), "{said:#?}");
}

#[test]
fn what_two_equal_cells_differ_by_is_claimed_of_nothing() {
    let mut cells = lab("epoll");
    let mut twin = cells[0].clone();
    twin.twin = true;
    twin.trials = twin.trials.iter().map(|file| file.replace("epoll", "epoll+twin")).collect();
    // The second is 1.3 times the first in every block.
    let cpu = BLOCKS.map(|block| 1.3 * block * truth(0, "none", 0));
    twin.server_cpu_per_request_ns = Estimate::from_values(&cpu);
    cells.push(twin);
    let summary = made_up(cells);
    let (models, noise) = (analysis::models(&summary), noise::lab_noise(&summary));
    let floors = &noise.as_ref().expect("a twin").floors;
    let figures: Vec<&str> = floors.iter().map(|floor| floor.metric.as_str()).collect();
    assert_eq!(figures, ["throughput_per_s", "server_cpu_per_request_ns"]);
    let with = sentences::stateful_sentences(&models, &[], noise.as_ref());
    let without = sentences::stateful_sentences(&models, &[], None);
    let has = |said: &[String], text: &str| said.iter().any(|s| s.contains(text));
    assert!(has(&with, "No difference below 30 % is claimed"), "{with:#?}");
    assert!(has(&with, "The noise floor of p99 at equal load is unknown"));
    assert!(has(&without, "The run has no A/A control"));
    // A history makes a request 1.12 times as dear, a connection for each more than three times.
    let history = "a history of 4.00 KiB against 0 B";
    assert!(has(&without, &format!("{history} makes server CPU")), "{without:#?}");
    assert!(!has(&with, &format!("{history} makes server CPU")), "{with:#?}");
    assert!(has(
        &with,
        &format!("the effect of {history} on server CPU per request is within the A/A noise floor")
    ));
    assert!(has(&with, "connections one per request against kept make server CPU"), "{with:#?}");
    assert!(
        with[0].starts_with("Connecting is most of the extra server CPU of a stateless request"),
        "{with:#?}"
    );
}

#[test]
fn what_memory_differs_by_in_equal_cells_is_no_cost_of_a_home() {
    let cells = || {
        let mut cells = lab("epoll");
        for cell in cells.iter_mut().filter(|cell| cell.workload.starts_with("held-table")) {
            let sure = vec![1e6 + 800.0 * cell.connections as f64; 4];
            cell.pss_bytes = Estimate::from_values(&sure).expect("values");
        }
        cells
    };
    let twins = |bytes: f64| {
        let held = cells().into_iter().filter(|cell| cell.workload.starts_with("held-none"));
        let twin = held.map(|mut cell| {
            cell.twin = true;
            let more = bytes * cell.connections as f64;
            let pss: Vec<f64> = cell.pss_bytes.values.iter().map(|pss| pss + more).collect();
            cell.pss_bytes = Estimate::from_values(&pss).expect("values");
            cell
        });
        made_up(cells().into_iter().chain(twin).collect())
    };
    let said = |bytes: f64| {
        let summary = twins(bytes);
        sentences::stateful_sentences(
            &analysis::models(&summary),
            &[],
            noise::lab_noise(&summary).as_ref(),
        )
    };
    let more =
        |said: &[String]| said.iter().any(|s| s.ends_with("more than a client without state."));
    assert!(more(&said(10.0)), "{:#?}", said(10.0));
    assert!(!more(&said(900.0)), "{:#?}", said(900.0));
}

#[test]
fn the_p99_of_all_trials_together_is_shown_where_no_trial_has_its_own_and_compared_by_nothing() {
    let pooled = |admitted| Pooled {
        value_ns: 123_456,
        admitted,
        effective_count: 700,
        at_least: false,
        of_trials: vec![100_000, 150_000],
        most_of_one_trial: None,
    };
    let mut cells = lab("epoll");
    for cell in cells.iter_mut().filter(|cell| !cell.is_closed()) {
        let p99 = cell.latency.iter_mut().find(|latency| latency.q == 0.99).expect("a p99");
        p99.value_ns = None;
        p99.pooled = Some(pooled(cell.factors[1].text == "table"));
    }
    let models = analysis::models(&made_up(cells));
    assert!(models[0].designs.iter().all(|design| design.metric != "p99_ns"));
    let of = |home: &str| {
        let tail = models[0].tails.iter().find(|tail| tail.home == home).expect("a cell");
        (tail.value_ns, tail.spread.map(|spread| (spread.low, spread.high)))
    };
    assert_eq!(of("table"), (Some(123_456.0), Some((1e5, 1.5e5))));
    assert_eq!(of("none"), (None, None));
    let said = sentences::stateful_sentences(&models, &[], None);
    assert!(!said.iter().any(|sentence| sentence.contains("p99")), "{said:#?}");
}
