//! A module of the program uses only the floors below its own, so the imports make no cycle between
//! floors.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{self, Use};
use crate::root;

/// From the ground up.
const FLOORS: [&str; 13] = [
    "base",
    "statistics",
    "document",
    "host",
    "workload",
    "analysis",
    "plan",
    "process",
    "trial",
    "view",
    "run",
    "command",
    "cli",
];

/// Synthetic data for tests may use the modules that it is for.
const MADE_UP: &str = "analysis::synthetic";

/// One cycle is left, through this import: the terminal output begins with the answer that the page computes.
const STILL: [&str; 2] = ["view::table", "view::page"];

/// The floor of a module, or why it has none.
fn floor(module: &[String]) -> Result<usize, String> {
    let Some(first) = module.first() else { return Err("the root of the crate".into()) };
    FLOORS.iter().position(|floor| floor == first).ok_or_else(|| {
        format!("crate::{first}, which is no floor: name it where it is, not where lib.rs shows it")
    })
}

/// The fault of a name, if it has one.
fn wrong(found: &Use) -> Option<String> {
    let Use { at, from, to } = found;
    // The root joins the floors and exports parts of them to the tests.
    let own = floor(from).ok()?;
    let words = |to: usize| {
        format!("{at}: {} is above {}: crate::{}", FLOORS[to], FLOORS[own], found.to.join("::"))
    };
    match floor(to) {
        Err(what) => Some(format!("{at} names {what}")),
        Ok(to) => (to > own).then(|| words(to)),
    }
}

#[test]
fn no_floor_uses_one_above_it() {
    let uses = imports::of_crate(&root("src"));
    let crossing = uses.iter().filter(|found| found.from.first() != found.to.first()).count();
    assert!(crossing > 500, "the imports were not read: {crossing} between floors");
    let wrong: Vec<_> = uses.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_of_the_root_is_a_floor() {
    let text = std::fs::read_to_string(root("src/lib.rs")).expect("lib.rs");
    let lines = text
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let modules: BTreeSet<_> = lines.collect();
    assert_eq!(modules, FLOORS.into_iter().collect());
}

#[test]
fn parts_of_a_floor_make_no_circle() {
    let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut where_: BTreeMap<(String, String), String> = BTreeMap::new();
    let part = |path: &[String]| path.get(..2).map(|two| two.join("::"));
    for Use { at, from, to } in imports::of_crate(&root("src")) {
        let (Some(a), Some(b)) = (part(&from), part(&to)) else { continue };
        if from[0] == to[0] && a != b && b != MADE_UP && [&*a, &*b] != STILL {
            where_.entry((a.clone(), b.clone())).or_insert(at);
            below.entry(a).or_default().insert(b);
        }
    }
    // Remove modules that use no remaining module, until none is left, or only cycles.
    loop {
        let free: Vec<_> = below
            .iter()
            .filter(|(_, on)| on.iter().all(|on| !below.contains_key(on)))
            .map(|(part, _)| part.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        below.retain(|part, _| !free.contains(part));
    }
    let left = |(a, b): &&(String, String)| below.contains_key(a) && below.contains_key(b);
    let circles: Vec<_> = where_
        .keys()
        .filter(left)
        .map(|key| format!("{} -> {} ({})", key.0, key.1, where_[key]))
        .collect();
    assert!(circles.is_empty(), "in or above a circle:\n{}", circles.join("\n"));
}

#[test]
fn an_upward_name_is_seen_in_whatever_way_it_is_written() {
    let upward = [
        "use crate::view::table;",
        "use crate::{base, view::{self, page}};",
        "use crate::{\n    base::units,\n    run,\n};",
        "fn f() { let text = crate::view::table::summary(&s); }",
        "use super::super::command::load;",
        "use super::super::{base, cli};",
        "fn f() { html! { p { (crate::view::page::micro(text)) } } }",
        "mod tests { use super::super::super::trial::record; }",
        "mod tests { use crate::process; }",
        "impl crate::run::Made {}",
        "pub use crate::units;",
    ];
    for text in upward {
        let uses = imports::of_text(text, &["analysis", "checks"]);
        assert!(uses.iter().any(|found| wrong(found).is_some()), "{text}: {uses:?}");
    }
    let fine = [
        "use crate::base::{Exit, usage};",
        "use super::metric;",
        "use super::super::document::{self, Trial};",
        "// use crate::view::table;\nfn f() { print(\"crate::view::table\") }",
        "mod tests { use super::*; use crate::statistics; }",
        "/// See [`crate::view::table`].\nfn f() { std::process::exit(0) }",
    ];
    for text in fine {
        let uses = imports::of_text(text, &["analysis", "checks"]);
        assert!(uses.iter().all(|found| wrong(found).is_none()), "{text}: {uses:?}");
    }
}
