//! How opening a connection can fail.

use std::collections::BTreeMap;

use rustix::io::Errno;

/// How opening a connection can fail. No request was sent, so it is counted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// No server listens there.
    Refused,
    /// It took longer than the connect timeout, for example because the listener's queue was full.
    TimedOut,
    /// The server, or something on the way, aborted it.
    Reset,
    /// There is no route to the host.
    Unreachable,
    /// This machine had no local port left for that address: the generator's limit.
    NoPort,
    /// This process had no descriptor left: the generator's limit.
    NoDescriptor,
    /// The kernel refused for another reason.
    Io,
}

impl ConnectFailure {
    /// Every way to fail.
    pub const ALL: [Self; 7] = [
        Self::Refused,
        Self::TimedOut,
        Self::Reset,
        Self::Unreachable,
        Self::NoPort,
        Self::NoDescriptor,
        Self::Io,
    ];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::NoPort => "no_port",
            Self::NoDescriptor => "no_descriptor",
            Self::Io => "io",
        }
    }

    pub(crate) fn from_errno(errno: Errno) -> Self {
        match errno {
            // A socket in the file system reports NOENT if it does not exist, and AGAIN if its queue is
            // full.
            Errno::CONNREFUSED | Errno::NOENT => Self::Refused,
            Errno::TIMEDOUT | Errno::AGAIN => Self::TimedOut,
            Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE => Self::Reset,
            Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN | Errno::HOSTDOWN => {
                Self::Unreachable
            }
            Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Self::NoPort,
            Errno::MFILE | Errno::NFILE => Self::NoDescriptor,
            _ => Self::Io,
        }
    }
}

/// How many attempts failed in each way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectFailures([u64; ConnectFailure::ALL.len()]);

impl ConnectFailures {
    pub(crate) fn count(&mut self, errno: Errno) {
        self.0[ConnectFailure::from_errno(errno) as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// By name; names that did not occur are left out.
    pub(crate) fn named(&self) -> BTreeMap<&'static str, u64> {
        let all = ConnectFailure::ALL.map(|way| (way.name(), self.0[way as usize]));
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_a_name_and_a_place_of_its_own() {
        let mut names = ConnectFailure::ALL.map(ConnectFailure::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        let mut failures = ConnectFailures::default();
        [Errno::CONNREFUSED, Errno::MFILE, Errno::ADDRNOTAVAIL, Errno::CONNREFUSED]
            .into_iter()
            .for_each(|errno| failures.count(errno));
        failures.add(&failures.clone());
        let expected = [("no_descriptor", 2), ("no_port", 2), ("refused", 4)];
        assert_eq!(failures.named(), expected.into());
    }
}
