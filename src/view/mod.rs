//! What people and other tools read.

pub mod export;
pub mod page;
pub mod table;
