//! Queueing theory for a server under the same load. If a measurement agrees, it is understood; if
//! not, something is at work that the theory leaves out.

/// Little's law (1961): the mean number in a system in which `rate_per_s` arrive and stay for
/// `mean_s` each. It holds for every system in the long run, so it reveals contradictory
/// measurements.
#[must_use]
pub fn little(rate_per_s: f64, mean_s: f64) -> f64 {
    rate_per_s * mean_s
}

/// A queue in front of some servers that are alike: Poisson arrivals, service times of any distribution, first
/// come first served (M/G/c in Kendall's notation).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    rate_per_s: f64,
    service: Service,
    servers: u32,
}

/// Service times, as far as a mean response depends on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Their mean, in seconds.
    pub mean_s: f64,
    /// Their variance over the square of their mean: 0 where all take the same time, 1 of an exponential
    /// distribution.
    pub variation: f64,
}

impl Queue {
    /// `None` unless the servers can keep up: otherwise the queue grows forever and has no mean.
    #[must_use]
    pub fn new(rate_per_s: f64, service: Service, servers: u32) -> Option<Self> {
        let queue = Self { rate_per_s, service, servers };
        let has_work = rate_per_s > 0.0 && service.mean_s > 0.0 && service.variation >= 0.0;
        (has_work && servers > 0 && queue.utilisation() < 1.0).then_some(queue)
    }

    /// The share of their time for which the servers are busy.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        self.offered() / f64::from(self.servers)
    }

    /// The share of arrivals that have to wait, with exponential service (Erlang's C, 1917).
    pub(super) fn waiting_share(&self) -> f64 {
        // Erlang's B by its recurrence, which neither overflows nor cancels, and C from it.
        let offered = self.offered();
        let blocked = (1..=self.servers)
            .fold(1.0, |blocked, n| offered * blocked / (f64::from(n) + offered * blocked));
        blocked / (1.0 - self.utilisation() * (1.0 - blocked))
    }

    /// The mean response time in seconds: waiting and service. Of one server it is exact (Pollaczek and
    /// Khinchine, 1930); of several, waiting is in the same proportion to that of exponential service (Lee and
    /// Longton, 1959), which is exact for that and near otherwise.
    #[must_use]
    pub fn response_mean_s(&self) -> f64 {
        let waiting_s = self.waiting_share() / self.drain_per_s();
        self.service.mean_s + f64::midpoint(1.0, self.service.variation) * waiting_s
    }

    fn offered(&self) -> f64 {
        self.rate_per_s * self.service.mean_s
    }

    /// How fast a queue shrinks while all servers are busy.
    fn drain_per_s(&self) -> f64 {
        f64::from(self.servers) / self.service.mean_s - self.rate_per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    /// Exponential service times.
    fn exponential(rate_per_s: f64, mean_s: f64, servers: u32) -> Option<Queue> {
        Queue::new(rate_per_s, Service { mean_s, variation: 1.0 }, servers)
    }

    #[test]
    fn who_always_takes_the_same_time_makes_others_wait_half_as_long() {
        let response = |variation| {
            let queue = Queue::new(8.0, Service { mean_s: 0.1, variation }, 1);
            queue.expect("it keeps up").response_mean_s()
        };
        // M/D/1: s + rho s / (2 (1 - rho)) = 0.1 + 0.08 / 0.4; and exponential service 0.1 + 0.08 / 0.2.
        assert!(close(response(0.0), 0.3) && close(response(1.0), 0.5));
        // One in a hundred takes 100 times as long as the others: E[S^2] / E[S]^2 - 1 = 100.99 / 1.99^2 - 1.
        let variation = 100.99 / (1.99 * 1.99) - 1.0;
        assert!(close(response(variation), 0.1 + 0.4 * 100.99 / (1.99 * 1.99) / 2.0));
        assert_eq!(Queue::new(8.0, Service { mean_s: 0.1, variation: -1.0 }, 1), None);
    }

    #[test]
    fn one_server_is_the_formula_of_the_textbooks() {
        // M/M/1: response 1/(mu - lambda), and the waiting share is the utilisation.
        let queue = exponential(8.0, 0.1, 1).expect("it keeps up");
        assert!(close(queue.utilisation(), 0.8) && close(queue.waiting_share(), 0.8));
        assert!(close(queue.response_mean_s(), 0.5));
        assert!(close(little(8.0, queue.response_mean_s()), 4.0), "rho / (1 - rho)");
    }

    #[test]
    fn several_servers_are_the_published_table() {
        // Erlang's C for 2 servers and 1 Erlang is 1/3; for 10 servers and 8 Erlangs 0.40918.
        assert!(close(exponential(1.0, 1.0, 2).expect("it keeps up").waiting_share(), 1.0 / 3.0));
        let share = exponential(8.0, 1.0, 10).expect("it keeps up").waiting_share();
        assert!((share - 0.409_18).abs() < 5e-6, "{share}");
    }

    #[test]
    fn a_queue_that_grows_for_ever_has_no_figures() {
        assert_eq!(exponential(10.0, 0.1, 1), None);
        assert_eq!(exponential(10.0, 0.1, 0), None);
        assert_eq!(exponential(0.0, 0.1, 1), None);
    }
}
