//! Every behaviour, by theme.

mod delivery;
mod framing;
mod http;
mod limits;
mod output;
mod processes;
mod resets;
mod side_by_side;
mod signals;
mod starting;
mod stopping;
mod timeouts;
mod urgent;

use super::Behaviour;

/// Every behaviour, in the order of a report.
pub fn all() -> impl Iterator<Item = &'static Behaviour> {
    let themes = [
        framing::ALL,
        http::ALL,
        resets::ALL,
        side_by_side::ALL,
        limits::ALL,
        timeouts::ALL,
        urgent::ALL,
        signals::ALL,
        starting::ALL,
        stopping::ALL,
        delivery::ALL,
        processes::ALL,
        output::ALL,
    ];
    themes.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_behaviour_has_a_name_of_its_own_a_reason_and_a_weight() {
        let mut names = HashSet::new();
        for Behaviour { name, why, points, .. } in all() {
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert!(!why.is_empty() && !why.ends_with('.'), "{name}: {why}");
            assert!((1..=3).contains(points), "{name}");
        }
    }
}
