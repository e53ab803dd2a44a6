//! Whether the reference was the same in both runs: if not, the machine was not.

use crate::analysis::standings::reference::{farthest, is_unlike};
use crate::document::{Estimate, Reference, ReferenceChange, Summary};

/// The reference of one run over that of the other; `None` where one has none.
pub(super) fn change(base: &Summary, new: &Summary) -> Option<ReferenceChange> {
    let (a, b) = (base.reference.as_ref()?, new.reference.as_ref()?);
    let ratio = |of: fn(&Reference) -> Option<&Estimate>| {
        let (a, b) = (of(a)?.median, of(b)?.median);
        (a > 0.0 && b > 0.0).then_some(b / a)
    };
    let client_ratio = ratio(|reference| reference.client_cpu_per_request_ns.as_ref());
    let server_ratio = ratio(|reference| reference.server_cpu_per_request_ns.as_ref());
    let sentence = farthest([client_ratio, server_ratio]).filter(|ratio| is_unlike(*ratio));
    let sentence = sentence.map(|ratio| {
        format!(
            "the reference, which is the same in both, took {ratio:.2} times the CPU for each request \
             in {}: another machine, or one of the two in a slow spell; what differs by as much says \
             nothing of the models",
            new.run.id
        )
    });
    Some(ReferenceChange { client_ratio, server_ratio, sentence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{bare, closed, reference};

    fn with(client_ns: f64) -> Summary {
        let mut summary = bare(vec![closed("epoll", &[1e5; 3])]);
        summary.reference = Some(reference(2e5, &[client_ns; 3], &[3e3; 3]));
        summary
    }

    #[test]
    fn a_machine_that_is_not_the_same_is_named() {
        let slower = change(&with(5e3), &with(7.5e3)).expect("both have one");
        assert!((slower.client_ratio.expect("known") - 1.5).abs() < 1e-9);
        assert!((slower.server_ratio.expect("known") - 1.0).abs() < 1e-9);
        let sentence = slower.sentence.expect("they are unlike");
        assert!(sentence.contains("1.50 times") && sentence.contains("made-up"), "{sentence}");
        assert!(change(&with(7.5e3), &with(5e3)).expect("both").sentence.is_some());
        assert_eq!(change(&with(5e3), &with(5.9e3)).expect("both").sentence, None);
        let without = bare(vec![closed("epoll", &[1e5; 3])]);
        assert_eq!(change(&with(5e3), &without), None);
    }
}
