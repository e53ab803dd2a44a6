//! What is claimed of each figure.

use c10k::statistics::claim::Claim;
use loadgen::Engine;

use crate::tools::Subject;

/// What every server is claimed to do at least, of what its C program does.
const SHARE_OF_C: f64 = 0.95;
/// What the generator may cost at most, of what the C client of the same engine costs, which does
/// less.
const GENERATOR_COST: f64 = 1.05;

/// What the counts for a request may be at most, as ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) syscalls: f64,
}

/// Of two builds of this program: a change may cost so much.
pub(crate) const SAME: Counts = Counts { instructions: 1.01, syscalls: 1.01 };

/// Over those of C; `None` where nothing is claimed.
pub(crate) fn counts(subject: Subject) -> Option<Counts> {
    match subject {
        Subject::Server(reference) => reference.counts,
        // The C clients check nothing and record nothing.
        Subject::Generator(engine, _) => {
            let instructions = if engine == Engine::IoUring { 15.0 } else { 20.2 };
            Some(Counts { instructions, syscalls: 1.0 })
        }
    }
}

/// CPU for each request and throughput, over those of C; of the throughput of a generator nothing.
pub(crate) fn times(subject: Subject) -> (Claim, Option<Claim>) {
    match subject {
        Subject::Generator(..) => (Claim::AtMost(GENERATOR_COST), None),
        Subject::Server(_) => (Claim::AtMost(1.0 / SHARE_OF_C), Some(Claim::AtLeast(SHARE_OF_C))),
    }
}
