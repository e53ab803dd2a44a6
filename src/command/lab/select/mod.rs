//! The lab "select": where the second client waits, and what idle clients cost select, poll and
//! epoll.

mod idle;
mod second;
mod sentences;
mod tell;

use std::path::Path;

use anyhow::Result;
use idle::Cost;
use second::{Refusal, Second};
use serde::{Deserialize, Serialize};

use super::lesson::{Lab, Lesson};

/// The lab.
pub(super) struct Select;

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    second: Vec<Second>,
    /// More clients at once than `select` can watch; absent where this process may not open enough.
    refusal: Option<Refusal>,
    costs: Vec<Cost>,
    /// Clients that send requests all the time, in each of those loads.
    asking: usize,
    /// Trials of each.
    blocks: u32,
    /// The smallest detectable difference in CPU, as a share; absent without an A/A control.
    detectable: Option<f64>,
    /// The measurements that were left out, and why.
    left_out: Vec<String>,
}

impl Lab for Select {
    const NAME: &'static str = "select";
    const QUESTION: &'static str = "Where does a second client wait, and what do silent clients cost select, poll \
                                    and epoll?";
    type Measured = Measured;

    fn measure(quick: bool, dir: &Path) -> Result<Measured> {
        let second = second::of_both(quick)?;
        let refusal = second::refusal()?;
        let idle::Found { costs, blocks, detectable, left_out } = idle::measure(quick, dir)?;
        Ok(Measured { second, refusal, costs, asking: idle::ASKING, blocks, detectable, left_out })
    }

    fn lesson(measured: &Measured) -> Lesson {
        tell::lesson(measured)
    }
}

#[cfg(test)]
mod tests;
