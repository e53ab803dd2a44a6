//! The limits that the project claims for each figure.

use c10k::statistics::claim::Claim;
use loadgen::Engine;

use crate::tools::Subject;

/// The claim for every server: at least this share of what its C program does.
const SHARE_OF_C: f64 = 0.95;
/// The generator costs at most this multiple of the C client of the same engine, which does less.
const GENERATOR_COST: f64 = 1.05;

/// The highest allowed ratios of the counts for a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) syscalls: f64,
}

/// Between two builds of this program: what a change may cost.
pub(crate) const SAME: Counts = Counts { instructions: 1.01, syscalls: 1.01 };

/// Limits of the counts over those of C; `None` where there is no claim.
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

/// The claims for CPU per request and throughput over those of C. A generator has no claim for
/// throughput.
pub(crate) fn times(subject: Subject) -> (Claim, Option<Claim>) {
    match subject {
        Subject::Generator(..) => (Claim::AtMost(GENERATOR_COST), None),
        Subject::Server(_) => (Claim::AtMost(1.0 / SHARE_OF_C), Some(Claim::AtLeast(SHARE_OF_C))),
    }
}
