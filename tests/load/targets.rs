//! Targets of a load: names and URLs, every address of a name, sockets in the file system, and a server that
//! is started for the load.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Output;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::support::{c10k, server};
use serde_json::Value;

const SHORT: [&str; 8] = ["-d", "200ms", "--warmup", "10ms", "--drain", "20s", "-c", "3"];

/// The result of a load that gets correct replies.
fn load(arguments: &[&str]) -> Value {
    let command = [&["load", "--json", "-"], arguments, &SHORT].concat();
    let Output { status, stdout, stderr } = c10k().args(&command).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(matches!(status.code(), Some(0 | 4)), "{arguments:?}: {stderr}");
    let document: Value = serde_json::from_slice(&stdout).expect("JSON");
    let census = &document["census"];
    assert!(census["ok"].as_u64() > Some(0), "{arguments:?}: {census} {stderr}");
    assert_eq!(census["errors"], serde_json::json!({}), "{arguments:?}: {census}");
    document
}

/// An HTTP server on 127.0.0.1 only: its port, and the heads of its requests.
fn http_server() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (tells, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tells = tells.clone();
            thread::spawn(move || serve_http(BufReader::new(&stream), &stream, &tells));
        }
    });
    (port, told)
}

/// Answers each request, and passes its head on.
fn serve_http(from: impl BufRead, mut to: impl Write, tells: &Sender<String>) {
    let (mut lines, mut head) = (from.lines(), String::new());
    while let Some(Ok(line)) = lines.next() {
        if !line.is_empty() {
            head = format!("{head}{line}\n");
            continue;
        }
        let _ = tells.send(std::mem::take(&mut head));
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

#[test]
fn a_url_is_asked_for_by_its_name_and_the_result_remembers_it() {
    let (port, told) = http_server();
    let head = || told.try_iter().last().expect("it was asked");
    for (url, line) in [
        (format!("http://localhost:{port}/path?q=1"), "GET /path?q=1 HTTP/1.1"),
        (format!("http://localhost:{port}"), "GET / HTTP/1.1"),
    ] {
        let document = load(&[&url]);
        let head = head();
        assert!(head.starts_with(line), "{head}");
        assert!(head.contains(&format!("Host: localhost:{port}\n")), "{head}");
        // The name may have other addresses, but the server listens only at this one.
        assert_eq!(document["target"]["address"], format!("127.0.0.1:{port}"));
        assert_eq!(document["target"]["name"], url);
        assert_eq!(document["load"]["framing"], "http");
    }
    let url = format!("http://127.0.0.1:{port}/");
    load(&["--target", &url, "-H", "Host: example.org", "-m", "HEAD"]);
    let head = head();
    assert!(head.starts_with("HEAD / HTTP/1.1") && head.contains("Host: example.org"), "{head}");
    assert_eq!(head.matches("Host:").count(), 1, "{head}");
}

#[test]
fn a_name_is_tried_at_each_of_its_addresses() {
    let server = server("epoll");
    let name = format!("localhost:{}", server.address.port());
    let document = load(&[&name]);
    assert_eq!(document["target"]["address"], server.address.to_string());
    assert_eq!(document["target"]["name"], name);
    let document = load(&[&server.address.to_string()]);
    assert!(document["target"].get("name").is_none(), "there is nothing to remember");
    let document = load(&[&name, "--source-addresses", "2"]);
    assert_eq!(document["target"]["address"], server.address.to_string());
    let check = ["check", "--target", &name, "--only", "every_request_gets_its_reply"];
    let score = c10k().args(check).output().expect("it runs");
    assert_eq!(score.status.code(), Some(0), "{}", String::from_utf8_lossy(&score.stderr));
}

#[test]
fn a_server_on_a_socket_in_the_file_system_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines();
                while let Some(Ok(line)) = lines.next() {
                    let _ = (&stream).write_all(format!("{line}\n").as_bytes());
                }
            });
        }
    });
    let target = format!("unix:{}", path.display());
    let document = load(&[&target, "--app", "echo"]);
    assert_eq!(document["target"]["address"], target);
    load(&[&target, "--app", "echo", "--rate", "200", "--requests-per-connection", "5"]);
}

#[test]
fn a_model_is_started_for_one_load_and_stopped_after_it() {
    let document = load(&["--serve", "epoll"]);
    assert_eq!(document["target"]["model"], "epoll");
    let counters = &document["target"]["stopped"]["counters"];
    assert!(counters["requests"].as_u64() >= document["census"]["ok"].as_u64(), "{counters}");
    assert!(document["server"]["cpu_ns"].as_u64() > Some(0), "its accounts are there");
}

#[test]
fn a_socket_in_the_file_system_can_speak_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    let (tells, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tells = tells.clone();
            thread::spawn(move || serve_http(BufReader::new(&stream), &stream, &tells));
        }
    });
    let target = format!("unix:{}", path.display());
    let document = load(&[&target, "--path", "/x", "-H", "Host: example.org"]);
    assert_eq!(document["load"]["framing"], "http");
    let head = told.try_iter().last().expect("it was asked");
    assert!(head.starts_with("GET /x HTTP/1.1") && head.contains("Host: example.org"), "{head}");
}

#[test]
fn the_target_is_named_where_its_figures_are() {
    let (port, _told) = http_server();
    let url = format!("http://localhost:{port}/x");
    let command = [&["load", &*url, "--quiet"], &SHORT[..]].concat();
    let Output { stdout, .. } = c10k().args(&command).output().expect("it runs");
    let text = String::from_utf8_lossy(&stdout);
    assert!(text.contains(&format!("{url} at 127.0.0.1:{port}")), "{text}");
}

#[test]
fn a_closed_loop_says_that_it_cannot_see_stalls_and_an_open_one_does_not() {
    let server = server("epoll");
    let address = server.address.to_string();
    for (more, closed) in [(&["--closed"][..], true), (&["--rate", "100"], false)] {
        let command = [&["load", &*address, "--quiet"], &SHORT[..], more].concat();
        let Output { stdout, .. } = c10k().args(&command).output().expect("it runs");
        let text = String::from_utf8_lossy(&stdout);
        assert_eq!(text.contains("A closed loop hides stalls"), closed, "{text}");
    }
}

#[test]
fn what_is_no_target_ends_with_what_to_write() {
    for (target, part) in [
        ("https://localhost:8443/", "nor is TLS"),
        ("localhost:8080/path", "http://localhost:8080/path"),
        ("localhost", "127.0.0.1:9000"),
        ("::1", "[::1]:9000"),
    ] {
        let Output { status, stderr, .. } =
            c10k().args(["load", target]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(2), "{target}: {stderr}");
        assert!(stderr.contains(part), "{target}: {stderr}");
    }
    // A name without an address is not a usage error, but it is reported.
    let nobody = ["load", "http://no-such-host.invalid/"];
    let Output { status, stderr, .. } = c10k().args(nobody).output().expect("it runs");
    assert_ne!(status.code(), Some(0));
    assert!(String::from_utf8_lossy(&stderr).contains("no-such-host.invalid"));
}

#[test]
fn a_number_of_requests_ends_a_load() {
    let (port, told) = http_server();
    let url = format!("http://127.0.0.1:{port}/");
    let Output { stdout, stderr, status } = c10k()
        .args(["load", &url, "-n", "70", "-c", "20", "--json", "-"])
        .output()
        .expect("it runs");
    let document: Value = serde_json::from_slice(&stdout).unwrap_or_else(|error| {
        panic!("{status} {error}: {}", String::from_utf8_lossy(&stderr));
    });
    assert_eq!(document["census"]["ok"], 70, "{}", document["census"]);
    assert_eq!(document["load"]["requests"], 70);
    assert_eq!(document["phases"]["warmup_ns"], 0);
    assert_eq!(told.try_iter().count(), 70, "and no other was sent");
    let few = c10k().args(["load", &url, "-n", "3", "-t", "2", "--json", "-"]).output();
    let document: Value = serde_json::from_slice(&few.expect("it runs").stdout).expect("JSON");
    assert_eq!(
        (&document["census"]["ok"], &document["load"]["connections"]),
        (&3.into(), &3.into())
    );
    let cut = ["load", &url, "-n", "1000000000", "-d", "100ms", "-c", "2"];
    let Output { stdout, .. } = c10k().args(cut).output().expect("it runs");
    let text = String::from_utf8_lossy(&stdout);
    assert!(
        text.contains(
            "of 1000000000 requests were sent: the time limit was reached: raise --duration"
        ),
        "{text}"
    );
}
