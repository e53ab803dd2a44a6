//! Handles completions: a reply to read, a failed send, or free space in the queue.

use io_uring::cqueue;
use rustix::io::Errno;

use super::UringWire;
use super::link::{Op, read};

impl UringWire {
    pub(super) fn complete(&mut self, completion: &cqueue::Entry) {
        let (op, token, is_current) = read(completion.user_data(), &self.links);
        let errno = || Errno::from_raw_os_error(-completion.result());
        let result = usize::try_from(completion.result()).map_err(|_| errno());
        match op {
            Op::Receive => self.on_received(token, is_current, result, completion.flags()),
            Op::Send if is_current => self.on_not_sent(token, result),
            Op::Room if is_current => self.on_room(token),
            Op::Send | Op::Room | Op::Cancel => {}
        }
    }

    fn on_received(
        &mut self,
        token: usize,
        is_current: bool,
        result: Result<usize, Errno>,
        flags: u32,
    ) {
        let buffer = cqueue::buffer_select(flags);
        if !is_current {
            if let Some(id) = buffer {
                self.buffers.put(id);
            }
            return;
        }
        let link = &mut self.links[token];
        link.receiving = cqueue::more(flags);
        match (result, buffer) {
            (Ok(bytes @ 1..), Some(id)) => self.buffers.keep(&mut link.inbox, id, bytes),
            (Ok(_), unused) => {
                if let Some(id) = unused {
                    self.buffers.put(id);
                }
                link.ended = Some(Ok(()));
            }
            (Err(Errno::NOBUFS), _) => {
                self.starved.push((token, link.generation));
                return;
            }
            (Err(Errno::AGAIN | Errno::INTR), _) => {}
            (Err(errno), _) => link.ended = Some(Err(errno)),
        }
        if link.ended.is_none() && !link.receiving {
            self.begin_receiving(token);
        }
        if self.links[token].is_readable() {
            self.list(token);
        }
    }

    /// A request was sent in part or not at all.
    fn on_not_sent(&mut self, token: usize, result: Result<usize, Errno>) {
        let link = &mut self.links[token];
        match result {
            Ok(sent) => link.sent = Some(link.queued_from + sent),
            Err(Errno::AGAIN | Errno::INTR) => link.sent = Some(link.queued_from),
            // A receive finds what the peer has still sent, and how it ended the connection.
            Err(Errno::CONNRESET | Errno::PIPE) => link.refused = true,
            Err(errno) => {
                link.ended = Some(Err(errno));
                self.list(token);
            }
        }
        if self.links[token].sent.is_some() {
            self.look_for_room(token);
        }
    }

    fn on_room(&mut self, token: usize) {
        let link = &mut self.links[token];
        link.polling = false;
        if let Some(from) = link.sent {
            self.queue_send(token, from);
        } else if link.wants_room {
            link.writable = true;
            self.list(token);
        }
    }
}
