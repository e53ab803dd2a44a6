//! Commands of the other end, run without a shell.
//!
//! A server of `shell` runs the commands of its clients, and a client of `dispatch` runs those of
//! its server. Both run only commands that were allowed by name ([`allowed`]), with limits on time
//! and output ([`running`]).

pub mod allowed;
mod left;
pub mod running;

pub use allowed::{AllowList, Command, Refusal};
pub use left::reap_in_background;
pub use running::{Advance, End, Limits, Running, keep_inherited_descriptors};
