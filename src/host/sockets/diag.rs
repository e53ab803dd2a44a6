//! Queries for sockets by netlink: one for each version of IP, in which the kernel filters by port
//! and state.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, Parseable,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, SOCK_DIAG_BY_FAMILY};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags,
};
use procfs::net::TcpState;
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::{Socket, plain};

/// The kernel answers at once; a load must not wait for one that does not.
const PATIENCE: Duration = Duration::from_secs(2);
/// Room for one answer; the kernel fills 32 KiB at most.
const ANSWER: usize = 1 << 15;
/// Messages that are not about a socket (netlink(7)).
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// What netlink pads its messages to.
const ALIGNMENT: usize = 4;

/// Sockets of this network with the port at their own end and one of the states.
pub(super) fn at_port(port: u16, states: &[TcpState]) -> Result<Vec<Socket>> {
    let asking = net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(SOCK_DIAG),
    )?;
    set_socket_timeout(&asking, Timeout::Recv, Some(PATIENCE))?;
    net::connect(&asking, &SocketAddrNetlink::new(0, 0))?;
    let mut found = Vec::new();
    ask(&asking, &request(AF_INET, port, states), &mut found)?;
    // Refused where there is no version 6.
    let _ = ask(&asking, &request(AF_INET6, port, states), &mut found);
    // To the kernel 0 is every port.
    found.retain(|socket| socket.local.port() == port);
    Ok(found)
}

fn request(family: u8, port: u16, states: &[TcpState]) -> Vec<u8> {
    let socket_id = match family {
        AF_INET => SocketId { source_port: port, ..SocketId::new_v4() },
        _ => SocketId { source_port: port, ..SocketId::new_v6() },
    };
    let states = states.iter().fold(0, |mask, state| mask | 1_u32 << state.to_u8());
    let request = SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::from_bits_retain(states),
        socket_id,
    });
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Sends a request and takes the answers until the last one.
fn ask(asking: &OwnedFd, request: &[u8], found: &mut Vec<Socket>) -> Result<()> {
    net::send(asking.as_fd(), request, SendFlags::empty())?;
    let mut room = vec![0; ANSWER];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, length) = match net::recv(asking, &mut room[..], RecvFlags::TRUNC) {
            Err(Errno::INTR) if Instant::now() < deadline => continue,
            answer => answer?,
        };
        let answer =
            room.get(..length).context("the answer is longer than any answer of the kernel")?;
        if read(answer, found)? {
            return Ok(());
        }
    }
}

/// Adds the sockets of one answer, which has several messages; whether it is the last.
fn read(mut answer: &[u8], found: &mut Vec<Socket>) -> Result<bool> {
    ensure!(!answer.is_empty(), "the kernel has closed the connection");
    while !answer.is_empty() {
        let message = NetlinkBuffer::new_checked(answer)?;
        match message.message_type() {
            DONE => return Ok(true),
            ERROR => bail!("the kernel refuses: {}", refusal(message.payload())),
            SOCK_DIAG_BY_FAMILY => found.extend(socket(message.payload())?),
            _ => {}
        }
        let length = usize::try_from(message.length())?.next_multiple_of(ALIGNMENT);
        answer = answer.get(length..).unwrap_or_default();
    }
    Ok(false)
}

/// Why: a negative errno comes first.
fn refusal(payload: &[u8]) -> io::Error {
    let errno = payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    io::Error::from_raw_os_error(errno.saturating_neg())
}

/// What a message says; `None` of a state that has no name.
fn socket(payload: &[u8]) -> Result<Option<Socket>> {
    let InetResponseHeader { state, socket_id, recv_queue, inode, .. } =
        InetResponseHeader::parse(payload)?;
    let end = |address: IpAddr, port| plain(address, port);
    Ok(TcpState::from_u8(state).map(|state| Socket {
        local: end(socket_id.source_address, socket_id.source_port),
        remote: end(socket_id.destination_address, socket_id.destination_port),
        state,
        receive_queue: recv_queue,
        inode: inode.into(),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn garbage_is_no_answer_and_does_not_stop_the_reader(
            mut bytes in prop::collection::vec(any::<u8>(), 0..400),
            length in 0..100_u32,
            kind in prop_oneof![Just(SOCK_DIAG_BY_FAMILY), Just(ERROR), Just(DONE), any::<u16>()],
        ) {
            let _ = read(&bytes, &mut Vec::new());
            if let Some(head) = bytes.first_chunk_mut::<6>() {
                head[..4].copy_from_slice(&length.to_ne_bytes());
                head[4..].copy_from_slice(&kind.to_ne_bytes());
            }
            let mut found = Vec::new();
            let _ = read(&bytes, &mut found);
            prop_assert!(found.len() <= bytes.len());
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let mut message = 20_u32.to_ne_bytes().to_vec();
        message.extend(ERROR.to_ne_bytes());
        message.extend([0; 10]);
        message.extend((-13_i32).to_ne_bytes());
        let error = read(&message, &mut Vec::new()).expect_err("refused");
        assert!(error.to_string().contains("Permission denied"), "{error}");
    }
}
