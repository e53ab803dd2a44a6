//! The workload: what requests ask for, when they are sent, and how clients behave.

pub mod apps;
pub mod arrivals;
pub mod commands;
pub mod conduct;
pub mod pacing;
pub mod replay;
pub mod requests;
pub mod room;
pub mod speech;
pub mod state;

use std::time::Duration;

/// Width of one entry of the series.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// Time limit for connecting.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
