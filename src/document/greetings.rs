//! The greetings: their outcomes, and the connections of each worker.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::units::as_f64;

/// The outcomes of all expected greetings, in all phases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Greetings {
    /// Connections that were opened, each of which had to begin with one.
    pub expected: u64,
    /// Those that did.
    pub received: u64,
    /// Those on which something else came, or an end, by reason.
    pub errors: BTreeMap<String, u64>,
    /// No greeting within the request timeout.
    pub timeouts: u64,
    /// Still waited for when the drain ended.
    pub unfinished: u64,
    /// Received, with stamps that cannot be of the generator's clock: they are in no delay.
    pub other_clock: u64,
    /// Whether the above add up.
    pub reconciles: bool,
}

impl Greetings {
    /// Those that failed, for whatever reason.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum::<u64>() + self.timeouts
    }
}

/// A worker of the server, as its greetings named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Its number.
    pub worker: u32,
    /// Connections that it took, counted by their greetings.
    pub connections: u64,
}

/// How unevenly connections were spread over the server's workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Imbalance {
    /// Number of workers: as the server reported when it stopped, or, for other servers, according
    /// to the highest worker number.
    pub workers: u64,
    /// Connections of the worker with most over the mean: 1 is even, the number of workers is all
    /// with one of them.
    pub max_over_mean: f64,
    /// The Gini coefficient: 0 is even, 1 - 1/n is all with one of n.
    pub gini: f64,
}

impl Imbalance {
    /// Imbalance over this many workers; those not listed took no connection. `None` if there can
    /// be no imbalance.
    #[must_use]
    pub fn from_workers(listed: &[Worker], workers: u64) -> Option<Self> {
        let mut shares: Vec<u64> = listed.iter().map(|worker| worker.connections).collect();
        shares.sort_unstable();
        let total = as_f64(shares.iter().sum());
        if workers < 2 || total == 0.0 {
            return None;
        }
        let n = as_f64(workers);
        // Workers without connections come first in ascending order and contribute only their rank.
        let none = workers.saturating_sub(shares.len() as u64);
        let ranks = shares.iter().zip(none + 1..);
        let ranked: f64 = ranks.map(|(share, rank)| as_f64(*share) * as_f64(rank)).sum();
        Some(Self {
            workers,
            max_over_mean: as_f64(*shares.last()?) * n / total,
            gini: (2.0 * ranked / (n * total) - (n + 1.0) / n).max(0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imbalance(connections: &[u64], workers: u64) -> Option<Imbalance> {
        let listed = connections.iter().zip(0..);
        let listed: Vec<_> = listed
            .map(|(connections, worker)| Worker { worker, connections: *connections })
            .collect();
        Imbalance::from_workers(&listed, workers)
    }

    /// Straight from the definition: the mean difference of all pairs over twice the mean.
    fn gini(shares: &[u64]) -> f64 {
        let pairs = shares.iter().flat_map(|a| shares.iter().map(|b| as_f64(a.abs_diff(*b))));
        let n = as_f64(shares.len() as u64);
        pairs.sum::<f64>() / (2.0 * n * as_f64(shares.iter().sum()))
    }

    #[test]
    fn imbalance_is_as_defined_whoever_is_not_listed() {
        for (shares, idle) in [
            (&[5, 5, 5][..], 0),
            (&[7, 0, 1, 4], 0),
            (&[3, 1], 2),
            (&[9], 3),
            (&[1, 2, 3, 4, 100], 59),
        ] {
            let all = [shares, &vec![0; idle]].concat();
            let found = imbalance(shares, all.len() as u64).expect("something to spread");
            assert!((found.gini - gini(&all)).abs() < 1e-12, "{all:?}: {found:?}");
            let mean = as_f64(all.iter().sum()) / as_f64(all.len() as u64);
            let most = as_f64(*all.iter().max().expect("some"));
            assert!((found.max_over_mean - most / mean).abs() < 1e-12, "{all:?}: {found:?}");
        }
        let one_of_four = imbalance(&[9], 4).expect("something to spread");
        assert!((one_of_four.gini - 0.75).abs() < 1e-12);
        assert!((one_of_four.max_over_mean - 4.0).abs() < 1e-12);
    }

    #[test]
    fn one_worker_or_no_connection_is_neither_even_nor_uneven() {
        assert_eq!(imbalance(&[9], 1), None);
        assert_eq!(imbalance(&[], 4), None);
        assert_eq!(imbalance(&[0, 0], 2), None);
    }

    #[test]
    fn a_number_that_a_server_made_up_costs_nothing() {
        let listed = [Worker { worker: u32::MAX, connections: 3 }];
        let found =
            Imbalance::from_workers(&listed, u64::from(u32::MAX) + 1).expect("something to spread");
        assert!(found.gini > 0.999_999 && found.gini <= 1.0);
    }
}
