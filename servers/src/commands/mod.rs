//! Commands of others, run without a shell: what may run, and how one runs.
//!
//! A server of `shell` runs what its clients ask for, and a client of `dispatch` what its server asks
//! for. Both run only what was allowed by name ([`allowed`]), bounded in time and in output
//! ([`running`]).

pub mod allowed;
mod left;
pub mod running;

pub use allowed::{AllowList, Command, Refusal};
pub use left::reap_in_background;
pub use running::{Advance, End, Limits, Running, keep_inherited_descriptors};
