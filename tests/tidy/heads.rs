//! The head of each model answers a reader's first questions, and names the C program that the model is
//! measured against. servers/README.md says which models to read first.

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

/// The files that the reading order names, in that order.
fn reading_order() -> Vec<String> {
    let text = std::fs::read_to_string(root("servers/README.md")).expect("servers/README.md");
    let rows = text.lines().filter_map(|line| {
        let (number, rest) = line.split_once(". [`")?;
        let (file, _) = rest.split_once("`](src/models/")?;
        Some((number.parse::<usize>().ok()?, file.to_string()))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.iter().map(|(number, _)| *number).eq(1..=rows.len()), "{rows:?}");
    rows.into_iter().map(|(_, file)| file).collect()
}

#[test]
fn what_is_to_be_read_first_has_a_head_that_answers_four_questions() {
    let files = reading_order();
    assert_eq!(files.len(), 10, "{files:?}");
    for file in files {
        let path = root("servers/src/models").join(&file);
        let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{file}: {why}"));
        for says in ["Waits in: ", "Scheduler: ", "Runs out of: ", "Compare: ", "In C"] {
            let says = format!("//! {says}");
            assert!(text.lines().any(|line| line.starts_with(&says)), "{file}: {says}");
        }
    }
}

#[test]
fn each_server_in_c_has_its_own_loop_to_read() {
    let folder = root("benches/yardstick/c");
    for (_, program) in pairs() {
        let text = std::fs::read_to_string(folder.join(format!("{program}.c"))).expect("a program");
        // With io_uring, receiving is an operation and not a call.
        assert!(
            [" recv(", "IORING_OP_RECV", "submit_recv("].iter().any(|call| text.contains(call)),
            "{program}.c hides how it receives"
        );
    }
    let shared = std::fs::read_to_string(folder.join("reference.h")).expect("reference.h");
    for call in [" recv(", " send(", " epoll_wait("] {
        assert!(!shared.contains(call), "reference.h hides{call}");
    }
}
