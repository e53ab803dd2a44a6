use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};

use super::*;

/// A wire with one connection to a local socket, if this kernel offers io_uring.
fn pair() -> Option<(UringWire, OwnedFd)> {
    if let Err(why) = probe() {
        eprintln!("skipped: {why}");
        return None;
    }
    let nowhere = Address::Tcp(([127, 0, 0, 1], 0).into());
    let mut wire = UringWire::new(&nowhere, 1, Clock::starting_now()).unwrap();
    let (ours, theirs) = sockets();
    wire.adopt(0, ours);
    Some((wire, theirs))
}

fn sockets() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
}

fn say(socket: &OwnedFd, bytes: &[u8]) {
    assert_eq!(send(socket, bytes, SendFlags::NOSIGNAL), Ok(bytes.len()));
}

/// Waits until something is ready, and returns what it is.
fn wait(wire: &mut UringWire) -> Ready {
    let deadline = wire.now() + 30_000_000_000;
    loop {
        let now = wire.now();
        assert!(now < deadline, "nothing became ready");
        if wire.wait(now, deadline).unwrap() > 0 {
            return wire.event(0).1;
        }
    }
}

/// Submits queued operations, and returns how many connections are ready then.
fn glance(wire: &mut UringWire) -> usize {
    wire.wait(0, 0).unwrap()
}

fn receive_all(wire: &mut UringWire, bytes: usize) -> Vec<u8> {
    let (mut all, mut space) = (Vec::new(), [0; 7]);
    while all.len() < bytes {
        match wire.receive(0, &mut space) {
            Ok(got) => all.extend_from_slice(&space[..got]),
            Err(Errno::AGAIN) => assert!(wait(wire).readable),
            Err(errno) => panic!("{errno}"),
        }
    }
    all
}

#[test]
fn what_is_not_read_is_reported_again() {
    let Some((mut wire, theirs)) = pair() else { return };
    say(&theirs, b"one two");
    let readable = Ready { readable: true, ..Ready::default() };
    for part in [b"one", b" tw"] {
        assert_eq!(wait(&mut wire), readable);
        let mut space = [0; 3];
        assert_eq!(wire.receive(0, &mut space), Ok(3));
        assert_eq!(&space, part);
    }
    assert_eq!(wait(&mut wire), readable);
    assert_eq!(wire.receive(0, &mut [0; 3]), Ok(1));
    assert_eq!(wire.receive(0, &mut [0; 3]), Err(Errno::AGAIN));
    assert_eq!(glance(&mut wire), 0);
}

#[test]
fn an_end_is_told_with_the_last_bytes_and_again() {
    let Some((mut wire, theirs)) = pair() else { return };
    say(&theirs, b"bye");
    drop(theirs);
    let goodbye = Ready { readable: true, goodbye: true, ..Ready::default() };
    assert_eq!(wait(&mut wire), goodbye);
    assert_eq!(wire.receive(0, &mut [0; 9]), Ok(3));
    for _ in 0..2 {
        assert_eq!(wait(&mut wire), goodbye);
        assert_eq!(wire.receive(0, &mut [0; 9]), Ok(0));
    }
}

#[test]
fn more_than_all_buffers_hold_arrives_in_order() {
    let Some((mut wire, theirs)) = pair() else { return };
    let message: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let sent = message.clone();
    let peer = thread::spawn(move || {
        let mut rest = &sent[..];
        while !rest.is_empty() {
            rest = &rest[send(&theirs, rest, SendFlags::NOSIGNAL).unwrap()..];
        }
        theirs
    });
    // The peer fills all buffers and its socket before anything is read.
    wait(&mut wire);
    assert!(receive_all(&mut wire, message.len()) == message);
    drop(peer.join().unwrap());
}

#[test]
fn a_request_that_falls_short_is_sent_to_its_end() {
    let Some((mut wire, theirs)) = pair() else { return };
    sockopt::set_socket_send_buffer_size(wire.socket(0), 1).unwrap();
    let request: Vec<u8> = (0..=250).cycle().take(SLOT_MAX).collect();
    assert_eq!(wire.send(0, &request), Ok(SLOT_MAX));
    glance(&mut wire);
    glance(&mut wire);
    assert!(wire.links[0].sent.is_some_and(|sent| sent < SLOT_MAX), "it fits");
    assert_eq!(wire.send(0, b"x"), Err(Errno::AGAIN), "the slot is in use");

    let (mut arrived, mut buffer) = (Vec::new(), vec![0; SLOT_MAX]);
    let deadline = wire.now() + 30_000_000_000;
    while arrived.len() < SLOT_MAX && wire.now() < deadline {
        while let Ok((got @ 1.., _)) = recv(&theirs, &mut buffer, RecvFlags::DONTWAIT) {
            arrived.extend_from_slice(&buffer[..got]);
        }
        let now = wire.now();
        wire.wait(now, now + 1_000_000).unwrap();
    }
    assert!(arrived == request);
    assert_eq!(wire.send(0, b"x"), Ok(1));
}

#[test]
fn sends_are_handed_over_before_the_next_wait_when_they_are_many() {
    let Some((mut wire, theirs)) = pair() else { return };
    glance(&mut wire);
    wire.links.extend((1..QUEUED_MAX).map(|_| Link::closed()));
    let mut peers = vec![theirs];
    for token in 1..QUEUED_MAX as usize {
        let (ours, theirs) = sockets();
        wire.links[token].socket = Some(ours);
        peers.push(theirs);
    }
    for token in 0..QUEUED_MAX as usize {
        assert_eq!(recv(&peers[0], &mut [0; 9], RecvFlags::DONTWAIT), Err(Errno::AGAIN));
        assert_eq!(wire.send(token, b"request"), Ok(7));
    }
    let arrived = |peer| recv(peer, &mut [0; 9], RecvFlags::DONTWAIT).map(|(got, _)| got);
    assert!(peers.iter().all(|peer| arrived(peer) == Ok(7)));
}

#[test]
fn a_peer_that_is_gone_is_a_reset_after_what_it_said() {
    let Some((mut wire, theirs)) = pair() else { return };
    say(&theirs, b"no");
    drop(theirs);
    assert_eq!(wire.send(0, b"request"), Ok(7));
    wait(&mut wire);
    assert_eq!(wire.receive(0, &mut [0; 9]), Ok(2));
    assert_eq!(wire.receive(0, &mut [0; 9]), Err(Errno::CONNRESET));
}

#[test]
fn a_closed_connection_is_gone_at_once_and_its_bytes_reach_nobody() {
    let Some((mut wire, theirs)) = pair() else { return };
    glance(&mut wire);
    say(&theirs, b"for the first");
    wire.close(0);
    let (ours, peer) = sockets();
    wire.adopt(0, ours);
    glance(&mut wire);
    // Unread bytes make the close a reset instead of an end.
    let end = recv(&theirs, &mut [0; 9], RecvFlags::DONTWAIT).map(|(got, _)| got);
    assert!(matches!(end, Ok(0) | Err(Errno::CONNRESET)), "{end:?}");
    say(&peer, b"for the second");
    assert_eq!(receive_all(&mut wire, 14), b"for the second");
    assert_eq!(wire.receive(0, &mut [0; 9]), Err(Errno::AGAIN));

    drop(wire);
    assert_eq!(recv(&peer, &mut [0; 9], RecvFlags::DONTWAIT).map(|(got, _)| got), Ok(0));
}

#[test]
fn a_request_of_a_closed_connection_reaches_no_other() {
    let Some((mut wire, theirs)) = pair() else { return };
    let descriptor = wire.socket(0).as_raw_fd();
    assert_eq!(wire.send(0, b"old"), Ok(3));
    wire.close(0);
    let (ours, peer) = sockets();
    assert_ne!(ours.as_raw_fd(), descriptor, "the number is taken while an operation names it");
    wire.adopt(0, ours);
    assert_eq!(wire.send(0, b"new"), Ok(3));
    glance(&mut wire);
    let mut space = [0; 9];
    assert_eq!(recv(&theirs, &mut space, RecvFlags::DONTWAIT).map(|(got, _)| got), Ok(3));
    assert_eq!(recv(&peer, &mut space, RecvFlags::DONTWAIT).map(|(got, _)| got), Ok(3));
    assert_eq!(&space[..3], b"new");
}

#[test]
fn room_to_write_is_told_as_long_as_somebody_asks() {
    let Some((mut wire, _theirs)) = pair() else { return };
    wire.watch_room(0, true).unwrap();
    for _ in 0..3 {
        assert!(wait(&mut wire).writable);
    }
    wire.watch_room(0, false).unwrap();
    glance(&mut wire);
    assert_eq!(glance(&mut wire), 0);
}

#[test]
fn a_connection_to_nobody_is_refused() {
    if probe().is_err() {
        return;
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut wire = UringWire::new(&Address::Tcp(nobody), 1, Clock::starting_now()).unwrap();
    for _ in 0..2 {
        wire.open(0).unwrap();
        assert!(wait(&mut wire).writable);
        assert_eq!(wire.opened(0), Err(Errno::CONNREFUSED));
        wire.close(0);
    }
}
