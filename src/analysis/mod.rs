//! What follows from measurements.

pub mod capacity;
