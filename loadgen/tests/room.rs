//! A load on a room, against a room of this test's own, which is right or wrong on purpose.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use loadgen::{RoomLoad, RoomOutcome, run_room};

/// What the room does wrong with the message of this number, and its first member.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Misses,
    Swaps,
    Changes,
    Closes,
    SaysMore,
}

const AT: usize = 20;

/// A room for so many members: a thread for each reads, one writes to all.
fn room(members: usize, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (sender, lines) = mpsc::channel::<String>();
        let mut streams: Vec<TcpStream> = Vec::new();
        for _ in 0..members {
            let (stream, peer) = listener.accept().expect("a member");
            let reader = BufReader::new(stream.try_clone().expect("a handle"));
            let sender = sender.clone();
            thread::spawn(move || {
                for line in reader.lines().map_while(Result::ok) {
                    let _ = sender.send(format!("[{peer}] {line}\n"));
                }
            });
            streams.push(stream);
            tell(&mut streams, &format!("[{peer}] (connected)\n"));
        }
        drop(sender);
        let mut held: Option<String> = None;
        for (number, line) in lines.iter().enumerate() {
            let (first, others) = streams.split_at_mut(1);
            tell(others, &line);
            match fault {
                Fault::Misses if number == AT => {}
                Fault::Swaps if number == AT => held = Some(line),
                Fault::Changes if number == AT => tell(first, &line.replace("xxx", "xyx")),
                Fault::Closes if number == AT => {
                    let _ = first[0].shutdown(std::net::Shutdown::Both);
                }
                Fault::SaysMore if number == AT => {
                    tell(first, &line);
                    tell(first, "[127.0.0.1:1] who is this\n");
                }
                _ => {
                    tell(first, &line);
                    held.take().into_iter().for_each(|line| tell(first, &line));
                }
            }
        }
    });
    address
}

fn tell(streams: &mut [TcpStream], line: &str) {
    // One that has left hears nothing.
    streams.iter_mut().for_each(|stream| drop(stream.write_all(line.as_bytes())));
}

fn load(address: SocketAddr) -> RoomLoad {
    RoomLoad {
        address,
        members: 5,
        senders: 2,
        message_bytes: 32,
        rate_per_s: None,
        warmup: Duration::ZERO,
        measure: Duration::from_millis(300),
        drain: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
    }
}

fn found(fault: Fault, change: impl FnOnce(RoomLoad) -> RoomLoad) -> RoomOutcome {
    let load = change(load(room(5, fault)));
    run_room(&load, &AtomicBool::new(false), &mut |_| ()).expect("it can be loaded")
}

#[test]
fn every_delivery_of_a_room_that_is_right_is_counted_once() {
    for rate_per_s in [None, Some(500.0)] {
        let load = |load| RoomLoad { rate_per_s, ..load };
        let found = found(Fault::None, load);
        assert!(found.messages > 0);
        assert_eq!((found.missing, found.out_of_order, found.strange, found.gone), (0, 0, 0, 0));
        assert_eq!(found.delivered, 5 * found.messages);
        assert_eq!(found.fan_out.len(), found.delivered);
        // In an open loop each message has its due time, whatever the room does.
        let due = rate_per_s.map_or(found.messages, |_| 150);
        assert_eq!((found.messages, found.said), (due, due));
        assert_eq!(found.send_lag.len(), rate_per_s.map_or(0, |_| 150));
    }
}

#[test]
fn what_was_said_while_warming_up_is_checked_and_not_counted() {
    let rate_per_s = Some(500.0);
    let warmup = Duration::from_millis(100);
    let found = found(Fault::None, |load| RoomLoad { rate_per_s, warmup, ..load });
    assert_eq!((found.said, found.messages), (200, 150));
}

#[test]
fn what_a_room_does_wrong_is_found() {
    let open = |load| RoomLoad { rate_per_s: Some(500.0), ..load };
    let swapped = found(Fault::Swaps, open);
    assert!(swapped.out_of_order > 0);
    // The next one comes in the place of the one that is missing.
    let missed = found(Fault::Misses, open);
    assert!(missed.out_of_order > 0 && missed.missing > 0);
    let changed = found(Fault::Changes, open);
    assert!(changed.strange > 0 && changed.missing > 0);
    let closed = found(Fault::Closes, open);
    assert!(closed.gone == 1 && closed.missing > 0);
    let more = found(Fault::SaysMore, open);
    assert_eq!((more.strange, more.missing), (1, 0));
}

#[test]
fn what_is_no_room_and_what_is_no_load_is_refused() {
    let stop = AtomicBool::new(false);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("it is bound");
    let short = RoomLoad { connect_timeout: Duration::from_millis(100), ..load(address) };
    let error =
        run_room(&short, &stop, &mut |_| ()).map(|_| ()).expect_err("nobody answers").to_string();
    assert!(error.contains("the target is not a chat room"), "{error}");
    for wrong in [
        RoomLoad { senders: 6, ..short.clone() },
        RoomLoad { members: 0, senders: 0, ..short.clone() },
        RoomLoad { message_bytes: 10, ..short.clone() },
    ] {
        let error = run_room(&wrong, &stop, &mut |_| ())
            .map(|_| ())
            .expect_err("it makes no sense")
            .to_string();
        assert!(error.starts_with("impossible load: a "), "{error}");
    }
}
