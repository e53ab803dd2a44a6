//! `c10k load --app chat`: every delivery is counted, and a faulty room is detected.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

fn load(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_c10k"));
    command.args(["load", "--app", "chat", "--quiet"]).args(words);
    command.output().expect("it runs")
}

fn document(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

const SHORT: [&str; 8] =
    ["--connections", "20", "--senders", "3", "--warmup", "50ms", "--duration", "600ms"];

#[test]
fn every_room_tells_every_message_to_every_member_in_one_order() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/room.v1.json");
    let schema = std::fs::read(schema).expect("the schema");
    let schema: Value = serde_json::from_slice(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for model in servers::MODELS.iter().filter(|model| model.chat.is_some()) {
        for rate in [&[][..], &["--rate", "200"]] {
            let words =
                [&["--serve", model.name, "--json", "-", "--drain", "30s"], &SHORT[..], rate]
                    .concat();
            let output = load(&words);
            let document = document(&output);
            assert_eq!(output.status.code(), Some(0), "{document}");
            let errors: Vec<_> =
                validator.iter_errors(&document).map(|it| it.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
            let found = |name: &str| document["found"][name].as_u64().expect("a number");
            assert!(found("messages") > 0);
            assert_eq!(found("deliveries"), 20 * found("messages"));
            assert_eq!(document["found"]["fan_out"]["count"], found("deliveries"));
            let (cpu, heard) = (&document["server"]["cpu_ns"], found("heard"));
            let cpu = cpu.as_f64().expect("its CPU time");
            assert!(cpu > 0.0 && heard > 0 && document["server"]["threads"].as_u64() >= Some(1));
            // Absent if this machine was too busy to read the clocks in time.
            if let Some(each) = document["found"]["server_cpu_per_delivery_ns"].as_f64() {
                #[expect(clippy::cast_precision_loss, reason = "deliveries of less than a second")]
                let deliveries = heard as f64;
                assert!((each * deliveries / cpu - 1.0).abs() < 1e-6, "{each} x {heard} of {cpu}");
            }
            let said = &document["target"]["stopped"]["counters"]["requests"];
            assert_eq!(said.as_u64(), Some(found("said")), "the server counts the same");
            assert_eq!(document["found"]["send_lag"].is_null(), rate.is_empty());
        }
    }
}

/// A room of two, in which the second member misses one message.
fn forgetful() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        let (mut first, one) = listener.accept().expect("a member");
        first.write_all(format!("[{one}] (connected)\n").as_bytes()).expect("it listens");
        let (mut second, two) = listener.accept().expect("a member");
        for stream in [&mut first, &mut second] {
            stream.write_all(format!("[{two}] (connected)\n").as_bytes()).expect("it listens");
        }
        let lines = BufReader::new(first.try_clone().expect("a handle")).lines();
        for (number, line) in lines.map_while(Result::ok).enumerate() {
            let line = format!("[{one}] {line}\n");
            let _ = first.write_all(line.as_bytes());
            if number != 5 {
                let _ = second.write_all(line.as_bytes());
            }
        }
    });
    address
}

#[test]
fn a_delivery_that_is_missing_makes_the_load_invalid() {
    let address = forgetful();
    let words = ["--connections", "2", "--rate", "100", "--duration", "300ms", "--warmup", "0s"];
    let output = load(&[&[&address[..]], &words[..]].concat());
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("INVALID: two members heard the messages in different orders"), "{text}");
    assert!(text.contains("deliveries are missing"), "{text}");
    assert!(!text.contains("every member received every message"), "{text}");
}

#[test]
fn what_a_room_cannot_be_asked_is_refused() {
    for (words, said) in [
        (&["--poisson", "--rate", "5"][..], "--poisson does not work with --app chat"),
        (&["-n", "5"], "--requests does not work with --app chat"),
        (&["--framing", "raw"], "needs line framing"),
        (&["--rate", "10..20"], "needs one constant rate"),
        (&["--senders", "51"], "no more senders than members"),
        (&["--message-bytes", "5"], "a message has from 11 bytes"),
        (&["--find-capacity", "p99<5ms"], "--find-capacity does not work with --app chat"),
    ] {
        let output = load(&[&["127.0.0.1:9"], words].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(said), "{words:?}: {errors}");
        assert_eq!(output.status.code(), Some(2), "{errors}");
    }
}
