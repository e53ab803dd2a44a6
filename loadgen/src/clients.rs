//! How many replies each connection received within the measurement.

use std::time::Duration;

/// For each connection, the number of correct replies that arrived within the measurement, whenever
/// their requests were sent, and the sum of their service times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Vec<(u64, u64)>);

impl Clients {
    pub(crate) fn new(connections: usize) -> Self {
        Self(vec![(0, 0); connections])
    }

    pub(crate) fn served(&mut self, connection: usize, service_ns: u64) {
        let (replies, service) = &mut self.0[connection];
        *replies += 1;
        *service += service_ns;
    }

    /// Adds the connections of another thread.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// All service times together.
    pub(crate) fn service(&self) -> Duration {
        Duration::from_nanos(self.0.iter().map(|(_, service)| service).sum())
    }

    /// The longest mean service time of a connection.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        let means = self.0.iter().filter_map(|(replies, service)| service.checked_div(*replies));
        means.max().map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_is_the_one_with_the_longest_mean() {
        let (mut one, mut other) = (Clients::new(2), Clients::new(1));
        assert_eq!(one.slowest(), None);
        [10, 20].into_iter().for_each(|ns| one.served(0, ns));
        other.served(0, 25);
        one.add(&other);
        assert_eq!(one.slowest(), Some(Duration::from_nanos(25)));
        assert_eq!(one.service(), Duration::from_nanos(55));
    }
}
