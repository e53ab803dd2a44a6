//! Spells and limits by made-up references.

use super::*;
use crate::analysis::standings;
use crate::analysis::synthetic::{bare, closed, open, reference, summary};

fn spells(client_ns: &[f64], server_ns: &[f64]) -> Vec<Spell> {
    let mut reference = reference(1e5, client_ns, server_ns);
    derive(&mut reference, 7);
    reference.spells
}

#[test]
fn a_block_that_is_unlike_the_others_is_a_spell() {
    let found = spells(&[5e3, 5.5e3, 7e3, 4.8e3], &[3e3, 3.1e3, 3.3e3, 2.9e3]);
    let [spell] = &found[..] else { panic!("{found:?}") };
    assert_eq!((spell.block, spell.later), (2, false));
    assert!((spell.client_ratio.expect("known") - 7.0 / 5.25).abs() < 1e-9, "{spell:?}");
    assert!(spell.sentence.starts_with("Block 3: the null baseline used 1.3 times"), "{spell:?}");
    assert!(spell.sentence.contains("server 1.08): a slow spell"), "{spell:?}");
    let server = spells(&[5e3; 5], &[3e3, 3e3, 3e3, 3e3, 1.5e3]);
    assert!(
        server[0].sentence.starts_with("Block 5: the null baseline used 0.5 times"),
        "{server:?}"
    );
    assert!(server[0].sentence.contains("a fast spell"), "{server:?}");
}

#[test]
fn what_is_usual_takes_three_trials_and_a_margin() {
    assert!(spells(&[5e3, 9e3], &[3e3, 9e3]).is_empty(), "of two nobody knows which is usual");
    assert!(spells(&[5e3, 6.2e3, 4.1e3], &[3e3; 3]).is_empty(), "within the margin");
    assert_eq!(spells(&[5e3, 6.3e3, 3.9e3], &[3e3; 3]).len(), 2, "beyond it either way");
}

#[test]
fn a_later_part_is_told_from_its_block() {
    let mut reference = reference(1e5, &[5e3, 5e3, 5e3, 8e3], &[3e3; 4]);
    (reference.trials[3].block, reference.trials[3].later) = (1, true);
    derive(&mut reference, 7);
    assert!(reference.spells[0].sentence.starts_with("Block 2, later part:"));
    assert!(reference.spells[0].later);
}

#[test]
fn who_does_what_the_null_server_does_is_limited_by_the_generator() {
    let cells = || vec![closed("epoll", &[95e3; 5]), closed("fork", &[50e3; 5])];
    let with = |cells, null_per_s| {
        let mut summary = bare(cells);
        summary.reference = Some(reference(null_per_s, &[5e3; 3], &[3e3; 3]));
        standings::derive(&mut summary);
        summary.verdicts[0].clone()
    };
    let found = with(cells(), 100e3);
    let bound = found.generator_bound.expect("a limit");
    assert_eq!(bound.models, ["epoll"]);
    assert!(bound.sentence.contains("100k/s") && bound.sentence.contains("90 %"), "{bound:?}");
    assert!(found.sentence.ends_with(&bound.sentence), "{}", found.sentence);
    assert_eq!(with(cells(), 110e3).generator_bound, None, "nobody is near");
    assert_eq!(with(cells(), 80e3).generator_bound, None, "it is no limit of such requests");
    assert_eq!(with(vec![open("epoll", &[1e6; 5])], 1e4).generator_bound, None, "a rate is set");
    assert_eq!(summary(cells()).verdicts[0].generator_bound, None, "without a reference");
}

#[test]
fn unlike_models_at_the_null_servers_rate_share_its_ceiling() {
    let unlike = ["fork", "thread-per-client", "epoll", "io-uring", "tokio-multi"];
    let with = |null_per_s| {
        let mut summary = bare(unlike.map(|model| closed(model, &[100e3; 5])).into());
        summary.reference = Some(reference(null_per_s, &[5e3; 3], &[3e3; 3]));
        standings::derive(&mut summary);
        summary.verdicts[0].ceiling.clone()
    };
    let ceiling = with(105e3).expect("a ceiling");
    assert_eq!(ceiling.check, "reference");
    assert!(ceiling.sentence.contains("the load generator"), "{}", ceiling.sentence);
    assert_eq!(with(150e3), None, "nothing was at its limit");
}
