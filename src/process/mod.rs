//! Processes beside this one: servers are started, watched and stopped here.
//!
//! - [`ours`]: this program as the server of one trial
//! - [`server`]: any server that a command starts, and [`watch`]: how it looks from outside

mod apart;
pub mod child;
pub mod inherited;
mod interrupts;
pub(crate) mod ours;
mod parent;
mod processors;
pub mod redis;
mod serve;
pub mod server;
pub mod starting;
mod until;
pub mod watch;
mod words;

pub(crate) use apart::{run_from_a_copy, this_program};
pub use interrupts::interrupts;
pub(crate) use interrupts::{interrupts_pipe, is_ignored};
pub(crate) use processors::assign_processors;
pub use serve::ServeArgs;
pub use until::until;
