//! The order of messages, their receivers, and lost members.

use alloc::vec;

use super::*;

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn room(framing: Framing, max_behind: usize) -> Room {
    Room::new(framing, Rules { max_behind, ..Rules::default() })
}

/// Takes so much of what is pending, in pieces, as a socket does.
fn take(room: &mut Room, seat: Seat, most: usize) -> Vec<u8> {
    let mut taken = vec![];
    while taken.len() < most {
        let pending = room.pending(seat).expect("it is not lost");
        let n = pending.len().min(most - taken.len());
        if n == 0 {
            break;
        }
        taken.extend_from_slice(&pending[..n]);
        room.sent(seat, n);
    }
    taken
}

fn heard(room: &mut Room, seat: Seat) -> String {
    String::from_utf8(take(room, seat, usize::MAX)).expect("text")
}

#[test]
fn everyone_is_told_of_everything_from_its_own_arrival_to_its_own_leaving() {
    let mut room = room(Framing::Line, 1 << 20);
    let a = room.join(peer(1)).unwrap();
    room.say(a, b"alone").unwrap();
    let b = room.join(peer(2)).unwrap();
    room.say(b, b"hello\xff").unwrap();
    room.say(a, b"").unwrap();
    room.leave(a).unwrap();
    room.say(b, b"gone?").unwrap();
    let first = b"[127.0.0.1:1] (connected)\n[127.0.0.1:1] alone\n";
    let both = b"[127.0.0.1:2] (connected)\n[127.0.0.1:2] hello\xff\n[127.0.0.1:1] \n";
    assert_eq!(take(&mut room, a, usize::MAX), [&first[..], both].concat());
    assert!(room.is_done(a));
    let rest = b"[127.0.0.1:1] (disconnected)\n[127.0.0.1:2] gone?\n";
    assert_eq!(take(&mut room, b, usize::MAX), [&both[..], rest].concat());
    assert!(!room.is_done(b));
    room.close();
    room.quiet(b);
    assert!(room.is_over() && room.is_done(b));
}

#[test]
fn without_line_ends_nothing_is_added_to_a_message() {
    let labels = Labels { joined: "in".into(), left: "out".into() };
    let mut room = Room::new(Framing::Raw, Rules { labels, max_behind: 1 << 20 });
    let a = room.join(peer(1)).unwrap();
    room.say(a, b"one\ntwo").unwrap();
    let b = room.join(peer(2)).unwrap();
    room.leave(b).unwrap();
    let told = "[127.0.0.1:1] (in)[127.0.0.1:1] one\ntwo[127.0.0.1:2] (in)[127.0.0.1:2] (out)";
    assert_eq!(heard(&mut room, a), told);
    assert_eq!(heard(&mut room, b), "[127.0.0.1:2] (in)", "it is not told of its own leaving");
}

/// Every split of what is pending and every wrap of the log, against a list of lines.
#[test]
fn the_order_is_the_same_for_all_however_fast_each_takes_it() {
    let mut room = room(Framing::Line, Rules::MAX_BEHIND_MIN);
    let seats: Vec<Seat> = (1..=5).map(|port| room.join(peer(port)).unwrap()).collect();
    let mut told: Vec<Vec<u8>> = vec![vec![]; seats.len()];
    let mut said = 0_usize;
    for round in 0..20_000_usize {
        let message = format!("{said} {}", "x".repeat(round * 7 % 90));
        if room.say(seats[round % 5], message.as_bytes()).is_ok() {
            said += 1;
        } else {
            for (told, seat) in told.iter_mut().zip(&seats) {
                told.extend(take(&mut room, *seat, usize::MAX));
            }
        }
        let who = round * 31 % 5;
        told[who].extend(take(&mut room, seats[who], round * 13 % 400));
        assert!(room.heap_bytes() <= 2 * Rules::MAX_BEHIND_MIN, "{}", room.heap_bytes());
    }
    for (told, seat) in told.iter_mut().zip(&seats) {
        told.extend(take(&mut room, *seat, usize::MAX));
    }
    let last = String::from_utf8(told[4].clone()).expect("text");
    assert_eq!(last.lines().count(), said + 1);
    for (n, line) in last.lines().skip(1).enumerate() {
        let text = line.split_once("] ").expect("a name").1;
        assert!(text.starts_with(&format!("{n} ")), "{n}: {line}");
    }
    assert!(told.iter().all(|told| told.ends_with(&told[told.len() - last.len()..])));
    for told in &told {
        assert!(told.ends_with(last.as_bytes()), "another order");
    }
}

#[test]
fn who_takes_nothing_is_lost_at_the_bound_and_not_before_and_nobody_else_is() {
    let mut room = room(Framing::Line, Rules::MAX_BEHIND_MIN);
    let (slow, fast) = (room.join(peer(1)).unwrap(), room.join(peer(2)).unwrap());
    room.stall(slow);
    let mut behind = room.end();
    loop {
        heard(&mut room, fast);
        if !room.take_lost().is_empty() {
            break;
        }
        assert!(room.pending(slow).is_ok());
        room.say(fast, &[b'x'; 999]).unwrap();
        behind = room.end();
    }
    assert_eq!(room.pending(slow), Err(Lost));
    assert!(behind > Rules::MAX_BEHIND_MIN as u64, "{behind}");
    assert!(behind < Rules::MAX_BEHIND_MIN as u64 + 1100, "{behind}");
    room.remove(slow);
    room.say(fast, b"on").unwrap();
    assert!(heard(&mut room, fast).ends_with("on\n"));
}

#[test]
fn who_could_take_more_is_waited_for() {
    let mut room = room(Framing::Line, Rules::MAX_BEHIND_MIN);
    let (a, b) = (room.join(peer(1)).unwrap(), room.join(peer(2)).unwrap());
    let mut said = 0;
    while room.say(a, &[b'x'; 60_000]).is_ok() {
        said += 1;
    }
    assert_eq!(said, 2);
    assert_eq!(room.say(b, &[b'x'; 60_000]), Err(Full));
    heard(&mut room, a);
    // The other has not been found slow.
    assert_eq!(room.say(a, &[b'x'; 60_000]), Err(Full));
    heard(&mut room, b);
    assert_eq!(room.say(a, &[b'x'; 60_000]), Ok(()));
    assert!(room.take_lost().is_empty());
}

#[test]
fn an_empty_room_holds_nothing() {
    let mut room = room(Framing::Line, 1 << 20);
    let seats: Vec<Seat> = (0..1000).map(|port| room.join(peer(port)).unwrap()).collect();
    for seat in seats {
        room.remove(seat);
    }
    assert_eq!(room.heap_bytes(), 0);
    let again = room.join(peer(9)).unwrap();
    assert_eq!(heard(&mut room, again), "[127.0.0.1:9] (connected)\n");
}

#[test]
fn every_language_has_two_labels() {
    for language in Labels::languages() {
        let labels = Labels::in_language(language).expect("it is listed");
        assert_ne!(labels.joined, labels.left);
    }
    assert_eq!(Labels::in_language("xx"), None);
}
