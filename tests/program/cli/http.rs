//! HTTP: any HTTP server can be loaded, and incompatible options are refused.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::{SHORT, fails, run};

#[test]
fn http_has_no_greeting_and_a_check_of_nobody_says_so() {
    let serve = ["serve", "--model", "epoll", "--listen", "127.0.0.1:0", "--framing", "http"];
    fails(&[&serve[..], &["--greeting"]].concat(), 2, &["greeting", "line"]);
    let nobody = ["check", "--target", "127.0.0.1:1", "--framing", "http"];
    fails(&nobody, 1, &["is the server running"]);
}

/// A server that reads the heads of requests and sends the same reply to each.
fn http_server(reply: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
                let mut stream = stream;
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() && stream.write_all(reply.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn any_http_server_can_be_loaded() {
    let address =
        http_server("HTTP/1.1 404 Nope\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n");
    let load = |more: &[&'static str]| {
        let start =
            ["load", "--target", &address, "--framing", "http", "--path", "/x", "--json", "-"];
        let (exit, stdout, stderr) = run(&[&start[..], &SHORT, more].concat());
        let result: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
        (exit, result)
    };
    let (exit, result) = load(&["--status", "404", "--expect-bytes", "2", "--header", "A: b"]);
    assert_eq!(exit, 0, "{}", result["checks"]);
    assert!(result["census"]["ok"].as_u64() > Some(0) && result["census"]["errors"] == json!({}));
    let expected = json!({
        "kind": "http", "method": "GET", "path": "/x", "headers": ["A: b"], "body_bytes": 0,
        "status": 404, "expect_bytes": 2
    });
    assert_eq!(result["load"]["request"], expected);
    assert_eq!(
        (&result["load"]["app"], &result["load"]["framing"]),
        (&json!("any"), &json!("http"))
    );

    let (exit, result) = load(&[]);
    assert_eq!(exit, 4);
    assert_eq!(result["census"]["errors"]["status:4xx"], result["census"]["offered"]);
    let (exit, result) = load(&["--status", "404", "--expect-bytes", "3"]);
    assert_eq!(exit, 4);
    assert_eq!(result["census"]["wrong_example"], "a body of 2 bytes instead of 3");
}
