//! Work as data.
//!
//! A request that needs CPU or waits does not run where it was parsed. It becomes a [`Job`], and
//! the model decides where it runs: inline, in a thread, in a pool, in a task. CPU work is counted
//! in rounds and not in elapsed time; otherwise a preempted server would look idle.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use num_bigint::BigInt;

use crate::state::{self, AddJob, Added};

/// The most rounds one request may ask for: about a second of one core.
pub const WORK_ROUNDS_MAX: u64 = 10_000_000;
/// The longest wait one request may ask for.
pub const WORK_WAIT_MAX: Duration = Duration::from_secs(60);
/// The largest reply one request may ask for, in bytes.
pub const WORK_REPLY_BYTES_MAX: usize = 1024 * 1024;

/// Dependent steps in one round, which makes a round about a tenth of a microsecond on
/// a core of 3 GHz: small enough to state any cost, large enough that the loop is all of it.
const STEPS_PER_ROUND: u32 = 64;

/// What a step of a session counts for that asks another process: two round trips of some tens of
/// microseconds.
const STORE_ROUNDS: u64 = 500;

/// The `WORK` request: burn CPU, wait, reply with a given number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Rounds of CPU work.
    pub rounds: u64,
    /// How long to wait after the CPU work, as a server waits for its database.
    pub wait: Duration,
    /// Length of the reply in bytes, its terminator included; shorter ones are padded.
    pub reply_bytes: usize,
}

impl Work {
    /// Burns the rounds and returns what they computed, which the reply carries: a server
    /// cannot skip the work, and a client that knows the answer can check that it was done.
    #[must_use]
    pub fn burn(&self) -> u64 {
        burn_on(BURN_START, self.rounds)
    }
}

/// What no rounds compute.
pub(crate) const BURN_START: u64 = 0x9E37_79B9_7F4A_7C15;

/// Burns this many further rounds.
pub(crate) fn burn_on(mut x: u64, rounds: u64) -> u64 {
    for _ in 0..rounds {
        for _ in 0..STEPS_PER_ROUND {
            // Each step needs the one before, so no processor can do two at once; and the
            // shift keeps a compiler from folding many multiplications into one, which it
            // does with a plain congruential generator. The constant is Degski's.
            x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        }
    }
    x
}

/// A piece of work that a session wants done before it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Burn, wait, and answer.
    Work(Work),
    /// Multiply two whole numbers too long for the machine's own multiplication.
    Multiply(Arc<[BigInt; 2]>),
    /// Take a step of a session whose state is in another process.
    Add(AddJob),
    /// Wait for so long.
    Pause(Duration),
}

impl Job {
    /// How long the driver has to wait between [`Job::compute`] and handing the result to
    /// [`Session::finished`](crate::Session::finished). The waiting is done as the model
    /// waits: a sleep in a thread, a timer in a loop, a timer in a task.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Self::Work(work) => work.wait,
            Self::Pause(wait) => *wait,
            // What keeps the state is waited for where the step is computed.
            Self::Multiply(_) | Self::Add(_) => Duration::ZERO,
        }
    }

    /// An estimate of the CPU work in rounds of [`Work`]: the requested rounds, or, for a product,
    /// an estimate from the lengths of its factors.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        match self {
            Self::Work(work) => work.rounds,
            Self::Multiply(pair) => {
                // A word of one times a word of the other is a step or two, and writing the
                // product in decimal is as much again.
                let [a, b] = [&pair[0], &pair[1]].map(|factor| factor.bits() / 64 + 1);
                a.saturating_mul(b) / 16
            }
            Self::Add(_) => STORE_ROUNDS,
            Self::Pause(_) => 0,
        }
    }

    /// Does the CPU part, where it is called.
    #[must_use]
    pub fn compute(&self) -> Done {
        match self {
            Self::Work(work) => Done(Outcome::Burnt(work.burn())),
            Self::Multiply(pair) => {
                Done(Outcome::Product((&pair[0] * &pair[1]).to_string().into_bytes()))
            }
            Self::Add(add) => Done(Outcome::Added(Box::new(add.compute()))),
            Self::Pause(_) => Done(Outcome::Paused),
        }
    }
}

/// What a job came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done(pub(crate) Outcome);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Burnt(u64),
    Product(Vec<u8>),
    /// Boxed, so that what is handed back from work is small whatever was asked for.
    Added(Box<Result<Added, state::Refusal>>),
    Paused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_says_about_how_much_it_is() {
        let product = |digits: usize| {
            let factor: BigInt = "9".repeat(digits).parse().expect("digits");
            Job::Multiply(Arc::new([factor.clone(), factor])).rounds()
        };
        let work = Work { rounds: 7, wait: Duration::ZERO, reply_bytes: 0 };
        assert_eq!(Job::Work(work).rounds(), 7);
        assert!(product(20) < 10, "a product that the machine nearly does by itself");
        assert!(product(30_000) > 1000 * product(200), "it grows with both factors");
    }

    #[test]
    fn burning_depends_on_every_round() {
        let burn = |rounds| Work { rounds, wait: Duration::ZERO, reply_bytes: 0 }.burn();
        assert_ne!(burn(1), burn(2));
        assert_eq!(burn(1000), burn(1000));
        // From an independent implementation: Python's integers, masked to 64 bits.
        assert_eq!(burn(1), 0x7f1c_9f02_0748_6b77);
        assert_eq!(burn(1000), 0xe912_11ec_52da_80df);
    }
}
