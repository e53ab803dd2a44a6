//! Processes beside this one: servers are started, watched and stopped here.
//!
//! - [`ours`]: this program as the server of one trial
//! - [`server`]: any server that a command starts, and [`watch`]: how it looks from outside

pub mod child;
pub mod inherited;
mod interrupts;
pub(crate) mod ours;
mod parent;
mod processors;
mod program;
pub mod redis;
mod serve;
pub mod server;
pub mod starting;
mod until;
pub mod watch;
mod words;

pub use interrupts::interrupts;
pub(crate) use interrupts::{interrupts_pipe, is_ignored};
pub(crate) use processors::assign_processors;
pub(crate) use program::this_program;
pub use serve::ServeArgs;
pub use until::until;
