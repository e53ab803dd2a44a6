//! Whether the null baseline was the same in both runs: if not, the machine was not.

use crate::analysis::standings::reference::{farthest, is_unlike};
use crate::document::{Estimate, Reference, ReferenceChange, Summary, Widened};
use crate::statistics::{Interval, ratio};

/// The null baseline of one run over that of the other; `None` where one has none. Between runs that are `apart`
/// intervals are widened by as far as the null baseline may have moved.
pub(super) fn change(base: &Summary, new: &Summary, apart: bool) -> Option<ReferenceChange> {
    let (a, b) = (base.reference.as_ref()?, new.reference.as_ref()?);
    let ratio = |of: fn(&Reference) -> Option<&Estimate>| {
        let (a, b) = (of(a)?.median, of(b)?.median);
        (a > 0.0 && b > 0.0).then_some(b / a)
    };
    let moved = |of: fn(&Reference) -> Option<&Estimate>| {
        let Interval { low, high } = ratio::unpaired(&of(b)?.values, &of(a)?.values)?.interval;
        Some(high.max(1.0 / low))
    };
    let (client, server, throughput): (Figure, Figure, Figure) = (
        |reference| reference.client_cpu_per_request_ns.as_ref(),
        |reference| reference.server_cpu_per_request_ns.as_ref(),
        |reference| Some(&reference.throughput_per_s),
    );
    let (client_ratio, server_ratio) = (ratio(client), ratio(server));
    let throughput_ratio = ratio(throughput);
    let unlike = |found: Option<f64>| found.filter(|ratio| is_unlike(*ratio));
    let (in_cost, in_throughput) =
        (unlike(farthest([client_ratio, server_ratio])), unlike(throughput_ratio));
    let of_them = [
        in_cost.map(|ratio| format!("used {ratio:.2} times the CPU per request")),
        in_throughput.map(|ratio| format!("served {ratio:.2} times as many requests per second")),
    ];
    let of_them: Vec<String> = of_them.into_iter().flatten().collect();
    let sentence = (!of_them.is_empty()).then(|| {
        format!(
            "the null baseline, which is the same in both runs, {} in {}: the machines differ, or one had a slow \
             spell, so no model is judged",
            of_them.join(" and "),
            new.run.id
        )
    });
    let widened = || {
        let cost = [moved(client), moved(server)].into_iter().flatten().max_by(f64::total_cmp);
        Some(Widened { throughput: moved(throughput)?, cost: cost? })
    };
    let widened = if apart { widened() } else { None };
    Some(ReferenceChange { client_ratio, server_ratio, throughput_ratio, widened, sentence })
}

/// A figure of a null baseline.
type Figure = fn(&Reference) -> Option<&Estimate>;

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
        let slower = change(&with(5e3), &with(7.5e3), true).expect("both have one");
        assert!((slower.client_ratio.expect("known") - 1.5).abs() < 1e-9);
        assert!((slower.server_ratio.expect("known") - 1.0).abs() < 1e-9);
        let sentence = slower.sentence.expect("they are unlike");
        assert!(sentence.contains("1.50 times") && sentence.contains("made-up"), "{sentence}");
        assert!(change(&with(7.5e3), &with(5e3), true).expect("both").sentence.is_some());
        assert_eq!(change(&with(5e3), &with(5.9e3), true).expect("both").sentence, None);
        let without = bare(vec![closed("epoll", &[1e5; 3])]);
        assert_eq!(change(&with(5e3), &without, true), None);
    }
}
