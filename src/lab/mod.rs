//! Labs: a question that is often answered by a single comparison, taken apart.

mod analysis;
mod points;
mod sentences;

#[cfg(test)]
mod tests;
