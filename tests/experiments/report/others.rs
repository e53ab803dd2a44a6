//! Other things that a saved run, or all that are kept, are made into.

use super::{Report, copy, report, support, text};

mod answers;
mod saved;
