//! What people and other tools read.

mod deliver;
pub mod export;
pub(crate) mod grading;
pub mod page;
pub mod table;

pub use deliver::{deliver, is_broken_pipe};
