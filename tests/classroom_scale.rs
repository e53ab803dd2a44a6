//! The benchmark of the classroom's systems, too short to measure speed: every part runs against its C program or its
//! twin, and every reply is right.

#[path = "../benches/classroom/chat.rs"]
mod chat;
#[path = "../benches/classroom/clock.rs"]
mod clock;
#[path = "../benches/classroom/comparison.rs"]
mod comparison;
#[path = "../benches/classroom/setting.rs"]
mod setting;
#[path = "../benches/classroom/shell.rs"]
mod shell;
#[path = "../benches/support/mod.rs"]
mod support;

use std::process::Command;

use anyhow::Result;
use c10k::machine;
use c10k::statistics::claim::{Answer, Claim};
use comparison::{Comparison, Unit};
use setting::{Found, Setting};

fn found(measure: fn(&Setting, &mut Found) -> Result<()>, models: &[&str]) -> Found {
    let cpus = machine::cpus();
    let setting = Setting {
        rounds: 1,
        quick: true,
        models: models.iter().map(ToString::to_string).collect(),
        server_cpu: cpus[0],
        client_cpu: cpus[cpus.len() - 1],
    };
    let mut found = Found::default();
    measure(&setting, &mut found).unwrap_or_else(|error| panic!("{error:#}"));
    found
}

/// The names of the comparisons, each of which has figures on both sides.
fn compared(found: &Found) -> Vec<&str> {
    for comparison in &found.comparisons {
        let [(ours, theirs)] = comparison.pairs[..] else { panic!("{comparison:?}") };
        if comparison.unit != Unit::Bytes {
            assert!(ours > 0.0 && theirs > 0.0, "{comparison:?}");
        }
    }
    found.comparisons.iter().map(|comparison| &*comparison.what).collect()
}

/// Whether nothing was compared with C because there is no C compiler.
fn has_no_compiler(found: &Found) -> bool {
    let unbuilt = found.skipped.iter().any(|why| why.contains("cannot build"));
    let has_compiler = || Command::new("cc").arg("--version").output().is_ok();
    assert!(!unbuilt || !has_compiler(), "{:?}", found.skipped);
    unbuilt
}

#[test]
fn every_room_is_compared_with_one_in_c() {
    let found = found(chat::measure, &[]);
    if has_no_compiler(&found) {
        return;
    }
    let rooms = servers::MODELS.iter().filter(|model| model.chat.is_some());
    let mut expected = Vec::new();
    for model in rooms {
        // Deliveries per second, and the fan-out.
        expected.extend([(); 2].map(|()| format!("chat, {}, 12 members", model.name)));
    }
    assert_eq!(compared(&found), expected);
    let claimed = found.comparisons.iter().filter(|comparison| comparison.claim.is_some());
    assert!(claimed.clone().count() == 2 && claimed.clone().all(|it| it.what.contains("epoll")));
}

#[test]
fn the_shell_is_compared_with_a_loop_in_c() {
    let found = found(shell::measure, &[]);
    if has_no_compiler(&found) {
        return;
    }
    assert_eq!(compared(&found), ["shell, epoll, 4 at a time"]);
    assert_eq!(found.comparisons[0].claim, Some(Claim::AtLeast(0.9)));
}

#[test]
fn sessions_of_a_clock_are_compared_with_sessions_that_keep_nothing() {
    let models = ["select", "epoll", "multi-reactor"];
    let found = found(clock::measure, &models);
    let expected = models.map(|model| format!("clock, {model}, 40 sessions"));
    assert_eq!(compared(&found), expected);
}

#[test]
fn a_claim_is_of_the_ratio_and_of_memory_of_what_is_more() {
    let comparison = |unit, claim, ours: f64, theirs: f64| Comparison {
        what: "it".into(),
        figure: "a figure",
        against: "C".into(),
        unit,
        claim: Some(claim),
        pairs: vec![(ours, theirs); 9],
    };
    let rate = |ours| comparison(Unit::Rate, Claim::AtLeast(0.9), ours, 100.0).verdict(false);
    assert_eq!((rate(91.0).answer, rate(91.0).compared), (Some(Answer::Holds), Some(0.91)));
    assert_eq!(rate(89.0).answer, Some(Answer::DoesNotHold));
    let bytes = |ours| comparison(Unit::Bytes, Claim::AtMost(64.0), ours, 300.0).verdict(false);
    assert_eq!((bytes(364.0).answer, bytes(364.0).compared), (Some(Answer::Holds), Some(64.0)));
    assert_eq!(bytes(365.0).answer, Some(Answer::DoesNotHold));
    let few = Comparison {
        pairs: vec![(91.0, 100.0)],
        ..comparison(Unit::Rate, Claim::AtLeast(0.9), 1.0, 1.0)
    };
    assert!(matches!(few.verdict(false).answer, Some(Answer::CannotBeTold { .. })));
    assert_eq!(few.verdict(true).answer, None, "a quick run judges no claim");
}
