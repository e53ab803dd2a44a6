//! Output for people and for other tools: terminal tables, the page, exports, grading forms.

pub(crate) mod columns;
mod deliver;
mod excluded;
pub mod export;
pub(crate) mod figures;
pub(crate) mod grading;
pub mod page;
pub mod table;

pub use deliver::{deliver, is_broken_pipe};
