//! A client of other HTTP servers. It judges each reply by the first, and reconnects if the server
//! closes after a reply, as HTTP allows.

use anyhow::{Context, Result, bail};
use protocol::{Exchange, Reply};

use super::CheckClient;
use crate::workload::speech::{Page, show};

/// What the client remembers about its connection.
#[derive(Debug)]
pub(super) struct Pages {
    exchange: Exchange,
    /// The connection has ended, or the server has announced that it closes after the last reply.
    over: bool,
}

impl CheckClient {
    /// Whether the connection has ended or will end after the last reply.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.pages.as_ref().is_some_and(|pages| pages.over)
    }

    /// Connects again if the last connection is over.
    pub(super) fn come_back(&mut self) -> Result<()> {
        if self.is_over() {
            *self = Self::connect(self.address, self.patience)?;
        }
        Ok(())
    }

    /// Waits for the reply to a request for the page.
    pub(super) fn expect_page(&mut self, page: &Page) -> Result<()> {
        // The request was sent; here only its reply is expected.
        let pages =
            self.pages.get_or_insert_with(|| Pages { exchange: page.exchange(), over: false });
        pages.exchange.request(0, &mut Vec::new());
        let asked = || format!("asked {}", show(&page.request()));
        loop {
            let arrived = std::mem::take(&mut self.received);
            let reply = self.judge(&arrived);
            if let Some(reply) = reply {
                return said(reply).with_context(asked);
            }
            if !self.receive().with_context(|| format!("{}, got no complete reply", asked()))? {
                let pages = self.pages.as_mut().context("a page was requested")?;
                let last = pages.exchange.ended();
                pages.over = true;
                let Some(reply) = last else {
                    bail!("{}, got the end of the connection instead of a complete reply", asked())
                };
                return said(reply).with_context(asked);
            }
        }
    }

    fn judge(&mut self, mut arrived: &[u8]) -> Option<Reply> {
        let pages = self.pages.as_mut()?;
        loop {
            if let Some(reply) = pages.exchange.reply() {
                pages.over = pages.exchange.is_over();
                // The bytes behind a reply belong to the next one.
                self.received.extend_from_slice(arrived);
                return Some(reply);
            }
            if arrived.is_empty() {
                return None;
            }
            let space = pages.exchange.space();
            let n = space.len().min(arrived.len());
            space[..n].copy_from_slice(&arrived[..n]);
            pages.exchange.received(n);
            arrived = &arrived[n..];
        }
    }

    /// Whether every byte that has come belongs to a complete reply.
    pub(super) fn is_between_pages(&self) -> bool {
        self.pages.as_ref().is_none_or(|pages| pages.exchange.is_between_replies())
    }
}

fn said(reply: Reply) -> Result<()> {
    match reply {
        Reply::Right { .. } => Ok(()),
        Reply::Status { status } => bail!("got the status {status}"),
        Reply::Length { bytes, right } => {
            bail!("got a body of {bytes} bytes, but the first had {right}")
        }
        Reply::Wrong { got } => bail!("got {got}"),
        Reply::Greeting(_) | Reply::Refused { .. } => bail!("got {reply:?}"),
    }
}
