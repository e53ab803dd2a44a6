//! The census: how every request ended.

use std::collections::BTreeMap;

/// The outcomes of all requests of the measurement. A request belongs to the measurement if it was
/// due in it (open loop), or was sent in it or in flight when it began (closed loop). Its outcome
/// counts up to the end of the drain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Requests of the measurement.
    pub offered: u64,
    /// Requests whose first byte was passed to the kernel, or could not be because the connection
    /// had just ended.
    pub sent: u64,
    /// Requests that got the correct reply.
    pub ok: u64,
    /// Requests that failed, by [`Failure::name`]; names that did not occur are left out.
    pub errors: BTreeMap<&'static str, u64>,
    /// Requests given up after the request timeout.
    pub timeouts: u64,
    /// Requests that were sent and had no reply when the drain ended.
    pub unfinished: u64,
    /// Requests that were due and for which no connection was free until the drain ended. Zero in
    /// closed loop.
    pub never_sent: u64,
}

impl Census {
    /// How many requests failed, in any way of [`Failure`].
    #[must_use]
    pub fn errors_total(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Whether every offered request has exactly one outcome. If not, the generator has a bug, and no
    /// number of this run can be trusted.
    #[must_use]
    pub fn reconciles(&self) -> bool {
        let answered = self.ok + self.errors_total() + self.timeouts;
        self.offered == answered + self.unfinished + self.never_sent
            && self.sent + self.never_sent == self.offered
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.ok += other.ok;
        self.timeouts += other.timeouts;
        self.unfinished += other.unfinished;
        self.never_sent += other.never_sent;
        for (name, count) in &other.errors {
            *self.errors.entry(name).or_default() += count;
        }
    }

    pub(crate) fn failed(&mut self, failure: Failure, count: u64) {
        if count > 0 {
            *self.errors.entry(failure.name()).or_default() += count;
        }
    }
}

/// How a request that was sent can fail, timeouts aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server reset the connection.
    Reset,
    /// The server closed the connection instead of replying.
    Closed,
    /// The server closed a connection on which it had answered before, and sent no byte of this reply:
    /// the request and the close crossed on the way. The generator cannot know whether the server had
    /// read the request; an HTTP client sends it again (RFC 9112, 9.3.1).
    ClosedEarly,
    /// The reply was not the one that the request had to get.
    WrongReply,
    /// `ERR busy`: the server serves as many clients as it may.
    RefusedBusy,
    /// `ERR too-long`.
    RefusedTooLong,
    /// `ERR unknown-verb`.
    RefusedUnknownVerb,
    /// `ERR bad-argument`.
    RefusedBadArgument,
    /// `ERR no-session`: the server no longer has the session that this step belongs to.
    LostSession,
    /// `ERR bad-token`.
    RefusedBadToken,
    /// `ERR bad-step`.
    RefusedBadStep,
    /// `ERR table-full`: the server has reached its session limit.
    RefusedTableFull,
    /// `ERR store`: the server cannot reach the store of its sessions.
    RefusedStore,
    /// `ERR` with any other code.
    RefusedOther,
    /// In HTTP: a status from 200 to 299, where another one was expected.
    Status2xx,
    /// In HTTP: a status from 300 to 399, which was not expected.
    Status3xx,
    /// In HTTP: a status from 400 to 499, which was not expected.
    Status4xx,
    /// In HTTP: a status from 500 to 599, which was not expected.
    Status5xx,
    /// In HTTP: any other status, which was not expected.
    StatusOther,
    /// The kernel refused to write or to read, and not because of the server.
    Io,
    /// The request was pipelined behind one that failed or timed out, for which its connection was
    /// given up.
    Abandoned,
}

impl Failure {
    /// Every way to fail.
    pub const ALL: [Self; 21] = [
        Self::Reset,
        Self::Closed,
        Self::ClosedEarly,
        Self::WrongReply,
        Self::RefusedBusy,
        Self::RefusedTooLong,
        Self::RefusedUnknownVerb,
        Self::RefusedBadArgument,
        Self::LostSession,
        Self::RefusedBadToken,
        Self::RefusedBadStep,
        Self::RefusedTableFull,
        Self::RefusedStore,
        Self::RefusedOther,
        Self::Status2xx,
        Self::Status3xx,
        Self::Status4xx,
        Self::Status5xx,
        Self::StatusOther,
        Self::Io,
        Self::Abandoned,
    ];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::ClosedEarly => "closed_early",
            Self::WrongReply => "wrong_reply",
            Self::RefusedBusy => "refused:busy",
            Self::RefusedTooLong => "refused:too-long",
            Self::RefusedUnknownVerb => "refused:unknown-verb",
            Self::RefusedBadArgument => "refused:bad-argument",
            Self::LostSession => "lost_session",
            Self::RefusedBadToken => "refused:bad-token",
            Self::RefusedBadStep => "refused:bad-step",
            Self::RefusedTableFull => "refused:table-full",
            Self::RefusedStore => "refused:store",
            Self::RefusedOther => "refused:other",
            Self::Status2xx => "status:2xx",
            Self::Status3xx => "status:3xx",
            Self::Status4xx => "status:4xx",
            Self::Status5xx => "status:5xx",
            Self::StatusOther => "status:other",
            Self::Io => "io",
            Self::Abandoned => "abandoned",
        }
    }

    /// A reply with this status, which was not expected.
    pub(crate) fn status(status: u16) -> Self {
        match status {
            200..300 => Self::Status2xx,
            300..400 => Self::Status3xx,
            400..500 => Self::Status4xx,
            500..600 => Self::Status5xx,
            _ => Self::StatusOther,
        }
    }

    /// The refusal with this code.
    pub(crate) fn refused(code: &str) -> Self {
        match code {
            "busy" => Self::RefusedBusy,
            "too-long" => Self::RefusedTooLong,
            "unknown-verb" => Self::RefusedUnknownVerb,
            "bad-argument" => Self::RefusedBadArgument,
            "no-session" => Self::LostSession,
            "bad-token" => Self::RefusedBadToken,
            "bad-step" => Self::RefusedBadStep,
            "table-full" => Self::RefusedTableFull,
            "store" => Self::RefusedStore,
            _ => Self::RefusedOther,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_different_names() {
        let mut names = Failure::ALL.map(Failure::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn refusals_of_the_protocol_are_told_apart() {
        use protocol::app::{BUSY, Fault};
        let codes = [Fault::UnknownVerb, Fault::BadArgument(""), Fault::TooLong].map(Fault::code);
        let busy = std::str::from_utf8(BUSY).unwrap().split(' ').nth(1).unwrap();
        for code in codes.into_iter().chain([busy]) {
            assert_eq!(Failure::refused(code).name(), format!("refused:{code}"));
        }
        assert_eq!(Failure::refused("never-heard-of"), Failure::RefusedOther);
    }

    #[test]
    fn a_lost_or_doubled_request_does_not_reconcile() {
        let mut census = Census {
            offered: 21,
            sent: 15,
            ok: 1,
            errors: BTreeMap::new(),
            timeouts: 3,
            unfinished: 5,
            never_sent: 6,
        };
        census.failed(Failure::Reset, 6);
        assert!(census.reconciles());
        census.failed(Failure::Closed, 1);
        assert!(!census.reconciles());
        census.offered += 1;
        assert!(!census.reconciles(), "one was not sent and not counted as never sent");
        census.sent += 1;
        assert!(census.reconciles());
    }
}
