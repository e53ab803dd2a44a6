//! The machine: its facts, its activity, and the resources that processes use.

pub mod accounts;
pub mod machine;
pub mod sockets;
pub mod syscalls;
