//! Servers with several addresses, and servers that listen on a socket in the file system.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use loadgen::{Address, Arrivals, Conduct, Engine, Load, LoadError, Misbehaviour, Target};
use support::{constant, echo_server, run, serve_on};

/// An address of this machine at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap()
}

fn load(target: impl Into<Target>) -> Load {
    Load { target: target.into(), ..support::load(([127, 0, 0, 1], 1).into()) }
}

fn several(addresses: &[SocketAddr]) -> Target {
    Target::new(addresses.iter().copied().map(Address::Tcp).collect()).unwrap()
}

#[test]
fn the_first_address_that_can_be_connected_to_has_the_whole_load() {
    let engines = [Engine::Epoll, Engine::IoUring];
    for engine in engines.into_iter().filter(|engine| engine.resolve().is_ok()) {
        let (here, there) = (echo_server(), echo_server());
        for (addresses, expected) in [
            (vec![nobody(), here], here),
            (vec![nobody(), nobody(), here, there], here),
            (vec![there, nobody(), here], there),
        ] {
            let load = Load { engine, connections: 40, threads: 2, ..load(several(&addresses)) };
            let outcome = run(&load);
            assert_eq!(outcome.address, Address::Tcp(expected), "{addresses:?}");
            assert_eq!(outcome.connections.opened, 40);
            let later = outcome.connect_errors.values().sum::<u64>();
            assert_eq!(later, outcome.connect_errors_before.values().sum::<u64>());
        }
    }
}

#[test]
fn an_address_that_does_not_answer_is_passed_over() {
    // Its queue is full: what it is asked for is dropped.
    let full = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    rustix::net::bind(&full, &SocketAddr::from(([127, 0, 0, 3], 0))).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let silent = SocketAddr::try_from(rustix::net::getsockname(&full).unwrap()).unwrap();
    let fill: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect_timeout(&silent, Duration::from_millis(50)))
        .collect();
    assert!(fill.iter().any(Result::is_err), "its queue is not full");
    let here = echo_server();
    let outcome = run(&Load { connections: 3, ..load(several(&[silent, here])) });
    assert_eq!(outcome.address, Address::Tcp(here));
    assert_eq!(outcome.connections.opened, 3);
}

#[test]
fn all_that_is_beside_a_load_goes_to_the_same_address() {
    let here = echo_server();
    let conduct = Conduct {
        idle: 5,
        misbehaving: [(Misbehaviour::HalfCloser, 1)].into(),
        ..Conduct::default()
    };
    let target = several(&[nobody(), here]);
    let outcome = run(&Load { conduct, measure: Duration::from_millis(400), ..load(target) });
    assert_eq!((outcome.idle.opened, outcome.idle.lost), (5, 0));
    assert!(outcome.misbehaving[&Misbehaviour::HalfCloser].opened > 0);
    assert_eq!(outcome.address, Address::Tcp(here));
}

#[test]
fn a_server_that_begins_to_listen_late_at_its_first_address_is_found_there() {
    let first = nobody();
    let target = several(&[first, nobody()]);
    let listens = thread::spawn(move || {
        thread::sleep(Duration::from_millis(350));
        serve_on(TcpListener::bind(first).unwrap(), |mut talk| talk.echo_all());
    });
    let outcome = run(&load(target));
    listens.join().unwrap();
    assert_eq!(outcome.address, Address::Tcp(first));
    assert_eq!(outcome.connections.opened, outcome.connections.asked);
}

#[test]
fn a_server_at_none_of_its_addresses_is_named_with_all_of_them() {
    let (one, other) = (nobody(), nobody());
    let load = Load { connect_timeout: Duration::from_millis(300), ..load(several(&[one, other])) };
    let error = loadgen::run(&load, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LoadError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&one.to_string()) && text.contains(&other.to_string()), "{text}");
}

/// A socket in a folder of its own, whose server echoes lines.
fn socket() -> (PathBuf, PathBuf) {
    let folder = std::env::temp_dir().join(format!(
        "loadgen-{}-{:?}",
        std::process::id(),
        thread::current().id()
    ));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("server.sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines();
                while let Some(Ok(line)) = lines.next() {
                    let text = line.strip_prefix("ECHO ").unwrap_or_default();
                    let _ = (&stream).write_all(format!("OK {text}\n").as_bytes());
                }
            });
        }
    });
    (path, folder)
}

#[test]
fn a_server_on_a_socket_in_the_file_system_is_loaded_like_any_other() {
    let (path, folder) = socket();
    let engines = [Engine::Epoll, Engine::IoUring];
    for engine in engines.into_iter().filter(|engine| engine.resolve().is_ok()) {
        for arrivals in [Arrivals::Closed, constant(500.0)] {
            let conduct = Conduct {
                idle: 2,
                requests_per_connection: std::num::NonZeroU64::new(20),
                misbehaving: [(Misbehaviour::Resetter, 1)].into(),
                ..Conduct::default()
            };
            let load = Load { engine, arrivals, conduct, ..load(path.clone()) };
            let outcome = run(&load);
            let census = &outcome.census;
            assert!(census.ok > 50 && census.errors.is_empty(), "{census:?}");
            assert_eq!(outcome.connections.opened, outcome.connections.asked);
            assert_eq!(outcome.idle.opened, 2);
            assert_eq!(outcome.address.to_string(), format!("unix:{}", path.display()));
        }
    }
    let sources = vec![[127, 0, 0, 1].into()];
    let bound = Load { conduct: Conduct { sources, ..Conduct::default() }, ..load(path) };
    assert!(bound.check().is_err(), "it has no source address");
    let gone = Load {
        connect_timeout: Duration::from_millis(200),
        ..load(Address::Unix(Path::new("/nowhere/at.all").into()))
    };
    let error = loadgen::run(&gone, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("unix:/nowhere/at.all"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}
