//! The head of each model names the C program that it is measured against, for who reads both.

use std::collections::BTreeMap;

use crate::root;

/// The pairs that the yardstick measures: a model and a program.
fn pairs() -> Vec<(String, String)> {
    let text =
        std::fs::read_to_string(root("benches/yardstick/references.rs")).expect("it is there");
    let words = |line: &str| -> Option<(String, String)> {
        let mut words = line.split("Reference::").last()?.split('"').skip(1).step_by(2);
        Some((words.next()?.into(), words.next()?.into()))
    };
    text.lines().filter(|line| line.starts_with("    Reference")).filter_map(words).collect()
}

#[test]
fn each_model_names_the_program_in_c_that_it_is_measured_against() {
    let mut heads = BTreeMap::new();
    for entry in std::fs::read_dir(root("servers/src/models")).expect("models").flatten() {
        if entry.path().is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("a model");
        let head: String = text.lines().filter(|line| line.starts_with("//!")).collect();
        for name in text.lines().filter_map(|line| line.strip_prefix("    name: \"")) {
            let name = name.trim_end_matches(',').trim_end_matches('"');
            heads.insert(name.to_string(), head.clone());
        }
    }
    let pairs = pairs();
    assert!(pairs.len() > 20, "the yardstick was not read: {pairs:?}");
    for (model, program) in pairs {
        let file = format!("benches/yardstick/c/{program}.c");
        assert!(root(&file).is_file(), "{file}");
        let head = heads.get(&model).unwrap_or_else(|| panic!("no model {model}"));
        assert!(head.contains(&format!("`{file}`")), "{model} does not name {file}");
    }
}
