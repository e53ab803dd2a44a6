//! What `c10k load` reports on servers whose latencies are autocorrelated or drift.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{c10k, until};
use serde_json::Value;

/// Answers every request correctly, one at a time, after calling `wait` with its number.
fn server(wait: impl FnMut(u64) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let turn = Arc::new(Mutex::new((0, wait)));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let turn = Arc::clone(&turn);
            thread::spawn(move || {
                stream.set_nodelay(true).expect("a socket");
                let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
                let mut stream = stream;
                while let Some(Ok(line)) = lines.next() {
                    let mut turn = turn.lock().expect("nobody panics");
                    let (number, wait) = &mut *turn;
                    wait(*number);
                    *number += 1;
                    drop(turn);
                    let text = line.strip_prefix("ECHO ").unwrap_or_default();
                    if stream.write_all(format!("OK {text}\n").as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn load(address: &str, flags: &[&str]) -> Value {
    let output = c10k().args(["load", "--json", "-", "--target", address]).args(flags).output();
    let output = output.expect("it runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {complaint}"))
}

fn check<'a>(result: &'a Value, name: &str) -> &'a Value {
    let checks = result["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_quantile_that_one_stall_decides_is_not_admitted() {
    let address = server(|number| {
        if number == 1_000 {
            thread::sleep(Duration::from_millis(300));
        }
    });
    let flags = ["--rate", "2k", "--poisson", "-d", "1s", "--warmup", "0s", "-c", "20"];
    let result = load(&address, &flags);
    for kind in ["response", "service"] {
        let latency = &result["latency"][kind];
        let quantiles = latency["quantiles"].as_array().expect("quantiles");
        let p99 = quantiles.iter().find(|quantile| quantile["q"] == 0.99).expect("it is listed");
        let [count, effective] = [&latency["count"], &p99["effective_count"]];
        let [count, effective] = [count, effective].map(|n| n.as_u64().expect("a number"));
        assert!(count >= 600, "enough of them, counted plainly: {latency}");
        assert!(effective < 600 && p99["admitted"] == false, "{kind}: {p99}");
    }
    assert!(result["sent_gaps"]["count"].as_u64() > Some(1_000), "{}", result["sent_gaps"]);
    assert_eq!(check(&result, "arrivals-as-asked")["about"], "generator");
}

#[test]
fn a_server_that_slows_down_is_not_stationary() {
    // Each request takes longer than the one before. A busy machine may hide that in one load.
    until("it is told", || {
        let address = server(|number| thread::sleep(Duration::from_micros(500 + number * 20)));
        let result = load(&address, &["-d", "1s", "--warmup", "0s", "-c", "1"]);
        let stationary = check(&result, "stationary");
        let message = stationary["message"].as_str().expect("a sentence");
        stationary["status"] == "warn"
            && message.starts_with("latency rose by")
            && result["validity"] != "valid"
    });
}

#[test]
fn a_warm_up_that_was_too_short_is_told_with_how_long_it_has_to_be() {
    // A slow machine may spoil one load.
    until("it is told", || {
        // A cold cache, until 50 requests have filled it.
        let cold = |number| Duration::from_millis(if number < 50 { 10 } else { 1 });
        let address = server(move |number| thread::sleep(cold(number)));
        let result = load(&address, &["-d", "2s", "--warmup", "100ms", "-c", "1"]);
        let warmed_up = check(&result, "warmed-up");
        let message = warmed_up["message"].as_str().expect("a sentence");
        warmed_up["status"] == "warn" && message.contains("or longer")
    });
}

#[test]
fn a_warm_up_is_made_longer_until_it_is_over() {
    // Cold for a second from the first request on.
    let mut first = None;
    let wait = move |_| {
        let cold = first.get_or_insert_with(Instant::now).elapsed() < Duration::from_secs(1);
        thread::sleep(Duration::from_millis(if cold { 10 } else { 1 }));
    };
    let result = load(&server(wait), &["-d", "2s", "--warmup", "auto", "-c", "1"]);
    let phases = &result["phases"];
    let (trials, warmup) = (phases["warmup_trials"].as_u64(), phases["warmup_ns"].as_u64());
    // The first trial is half cold; by the second the server is warm, or the warm-up is at its limit.
    let over = check(&result, "warmed-up")["status"] == "pass";
    assert!(trials >= Some(2) && (over || warmup == Some(1_000_000_000)), "{phases}");
}
