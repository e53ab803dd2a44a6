//! What theory says of a server under the same load. Where a measurement agrees, it is understood;
//! where it does not, something is at work that the theory leaves out.

/// Little's law (1961): how many are in a system on average, in which `rate_per_s` arrive and stay for
/// `mean_s` each. It holds for every system in the long run, so it tells a measurement that
/// contradicts itself.
#[must_use]
pub fn little(rate_per_s: f64, mean_s: f64) -> f64 {
    rate_per_s * mean_s
}

/// A queue in front of some servers that are alike: Poisson arrivals, exponential service, first
/// come first served (M/M/c in Kendall's notation).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    rate_per_s: f64,
    service_s: f64,
    servers: u32,
}

impl Queue {
    /// `None` unless the servers can keep up: otherwise the queue grows for ever and nothing has a
    /// mean.
    #[must_use]
    pub fn new(rate_per_s: f64, service_s: f64, servers: u32) -> Option<Self> {
        let queue = Self { rate_per_s, service_s, servers };
        (rate_per_s > 0.0 && service_s > 0.0 && servers > 0 && queue.utilisation() < 1.0)
            .then_some(queue)
    }

    /// The share of their time for which the servers are busy.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        self.offered() / f64::from(self.servers)
    }

    /// The share of those who arrive that have to wait (Erlang's C, 1917).
    pub(super) fn waiting_share(&self) -> f64 {
        // Erlang's B by its recurrence, which neither overflows nor cancels, and C from it.
        let offered = self.offered();
        let blocked = (1..=self.servers)
            .fold(1.0, |blocked, n| offered * blocked / (f64::from(n) + offered * blocked));
        blocked / (1.0 - self.utilisation() * (1.0 - blocked))
    }

    /// The mean response time in seconds: waiting and service.
    #[must_use]
    pub fn response_mean_s(&self) -> f64 {
        self.service_s + self.waiting_share() / self.drain_per_s()
    }

    fn offered(&self) -> f64 {
        self.rate_per_s * self.service_s
    }

    /// How fast a queue shrinks while all servers are busy.
    fn drain_per_s(&self) -> f64 {
        f64::from(self.servers) / self.service_s - self.rate_per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn one_server_is_the_formula_of_the_textbooks() {
        // M/M/1: response 1/(mu - lambda), and the waiting share is the utilisation.
        let queue = Queue::new(8.0, 0.1, 1).expect("it keeps up");
        assert!(close(queue.utilisation(), 0.8) && close(queue.waiting_share(), 0.8));
        assert!(close(queue.response_mean_s(), 0.5));
        assert!(close(little(8.0, queue.response_mean_s()), 4.0), "rho / (1 - rho)");
    }

    #[test]
    fn several_servers_are_the_published_table() {
        // Erlang's C for 2 servers and 1 Erlang is 1/3; for 10 servers and 8 Erlangs 0.40918.
        assert!(close(Queue::new(1.0, 1.0, 2).expect("it keeps up").waiting_share(), 1.0 / 3.0));
        let share = Queue::new(8.0, 1.0, 10).expect("it keeps up").waiting_share();
        assert!((share - 0.409_18).abs() < 5e-6, "{share}");
    }

    #[test]
    fn a_queue_that_grows_for_ever_has_no_figures() {
        assert_eq!(Queue::new(10.0, 0.1, 1), None);
        assert_eq!(Queue::new(10.0, 0.1, 0), None);
        assert_eq!(Queue::new(0.0, 0.1, 1), None);
    }
}
