//! The machine: what it is, what it does meanwhile, and what a process on it uses.

pub mod accounts;
pub mod machine;
pub mod sockets;
pub mod syscalls;
