//! The address of a server, or all addresses of its name.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a server may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port of TCP.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(Arc<Path>),
}

impl Address {
    /// The IP address; `None` for a socket in the file system.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A server. If its name has several addresses, they are tried one after the other, and the whole
/// load goes to the first one that accepts a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Arc<[Address]>);

impl Target {
    /// A target with these addresses, tried in this order; `None` without any.
    #[must_use]
    pub fn new(addresses: Vec<Address>) -> Option<Self> {
        (!addresses.is_empty()).then(|| Self(addresses.into()))
    }

    /// Its addresses, at least one.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.0
    }

    /// The address that is tried first.
    #[must_use]
    pub fn first(&self) -> &Address {
        &self.0[0]
    }

    /// The same with only the addresses for which this holds; `None` without any.
    #[must_use]
    pub fn only(&self, holds: impl Fn(&Address) -> bool) -> Option<Self> {
        Self::new(self.0.iter().filter(|address| holds(address)).cloned().collect())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, address) in self.0.iter().enumerate() {
            write!(f, "{}{address}", if at > 0 { " or " } else { "" })?;
        }
        Ok(())
    }
}

impl From<Address> for Target {
    fn from(address: Address) -> Self {
        Self([address].into())
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address).into()
    }
}

impl From<PathBuf> for Target {
    fn from(path: PathBuf) -> Self {
        Address::Unix(path.into()).into()
    }
}

/// The current address of a target, to which the connections of all threads go.
#[derive(Debug)]
pub(crate) struct Route {
    target: Target,
    at: AtomicUsize,
}

impl Route {
    pub(crate) fn to(target: Target) -> Self {
        Self { target, at: AtomicUsize::new(0) }
    }

    /// Whether there is a choice.
    pub(crate) fn has_choice(&self) -> bool {
        self.target.0.len() > 1
    }

    pub(crate) fn at(&self) -> usize {
        self.at.load(Ordering::Relaxed)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.target.0[self.at()]
    }

    /// No connection can be opened to address number `at`: moves on to the next one, in a circle, unless
    /// another thread has done so already.
    pub(crate) fn leads_nowhere(&self, at: usize) {
        let next = (at + 1) % self.target.0.len();
        let _ = self.at.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_turn_and_one_failure_is_one_step() {
        let tcp = |port| Address::Tcp(([127, 0, 0, 1], port).into());
        let target = Target::new(vec![tcp(1), tcp(2), Address::Unix(Path::new("/s").into())]);
        let target = target.expect("some");
        assert_eq!(target.to_string(), "127.0.0.1:1 or 127.0.0.1:2 or unix:/s");
        let route = Route::to(target.clone());
        // All connections that were tried at the first fail.
        (0..5).for_each(|_| route.leads_nowhere(0));
        assert_eq!((route.at(), route.address()), (1, &tcp(2)));
        (1..3).for_each(|at| route.leads_nowhere(at));
        assert_eq!(route.at(), 0, "a server may have begun to listen meanwhile");
        assert_eq!(
            target.only(|address| address.ip().is_none()).expect("one").addresses().len(),
            1
        );
        assert!(target.only(|_| false).is_none() && Target::new(Vec::new()).is_none());
    }
}
