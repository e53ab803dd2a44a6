//! The code map of docs/architecture.md matches the source tree.

use std::path::{Path, PathBuf};

use crate::root;

/// The entries of the code map: the line in which each begins, and the places that it names.
fn rows() -> Vec<(usize, Vec<String>)> {
    let text = std::fs::read_to_string(root("docs/architecture.md")).expect("docs/architecture.md");
    let lines = text.lines().enumerate();
    let map = lines.skip_while(|(_, line)| *line != "## Code map").skip(1);
    let map = map.take_while(|(_, line)| !line.starts_with('#'));
    let mut entries: Vec<(usize, String)> = Vec::new();
    for (at, line) in map {
        match entries.last_mut() {
            Some((_, entry)) if line.starts_with("  ") => *entry += line,
            _ if line.starts_with("- `") => entries.push((at + 1, line.into())),
            _ => {}
        }
    }
    entries.into_iter().map(|(at, entry)| (at, quoted(&entry))).collect()
}

/// Everything in an entry that is in backticks and looks like a path.
fn quoted(line: &str) -> Vec<String> {
    let parts = line.split('`').skip(1).step_by(2);
    let is_place = |name: &&str| {
        let ends = [".rs", ".js", ".py", ".toml", "/"].iter().any(|end| name.ends_with(end));
        ends && !name.contains(' ')
    };
    parts.filter(is_place).map(|name| name.split('*').next().unwrap_or(name).into()).collect()
}

/// The paths of an entry. A name without a folder is beside or inside one that was named before it.
fn places(names: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut found: Vec<PathBuf> = Vec::new();
    for name in names {
        let beside = found.iter().rev().flat_map(|earlier: &PathBuf| {
            let folder = earlier.parent().unwrap_or(Path::new(""));
            [earlier.join(name), folder.join(name)]
        });
        let mut all = std::iter::once(PathBuf::from(name)).chain(beside);
        let there = all.find(|place| root("").join(place).exists());
        found.push(there.ok_or_else(|| name.clone())?);
    }
    Ok(found)
}

#[test]
fn what_the_code_map_names_is_there() {
    let rows = rows();
    assert!(rows.len() > 50, "the code map was not read: {} rows", rows.len());
    let gone = rows.iter().filter_map(|(line, names)| {
        let name = places(names).err()?;
        Some(format!("docs/architecture.md:{line}: there is no {name}"))
    });
    let gone: Vec<_> = gone.collect();
    assert!(gone.is_empty(), "{}", gone.join("\n"));
}

#[test]
fn what_is_there_is_on_the_code_map() {
    let named: Vec<PathBuf> =
        rows().iter().flat_map(|(_, names)| places(names).unwrap_or_default()).collect();
    let on_map = |place: &Path| {
        // Naming a file also covers its folder.
        let file = place.with_extension("rs");
        named
            .iter()
            .any(|named| place.starts_with(named) || named.starts_with(place) || *named == file)
    };
    let mut missing = Vec::new();
    for folder in ["src", "servers/src", "loadgen/src", "protocol/src"] {
        for entry in std::fs::read_dir(root(folder)).expect(folder) {
            let name = entry.expect("an entry").file_name();
            let place = Path::new(folder).join(&name);
            let below = root("").join(&place);
            let parts: Vec<_> = if folder == "src" && below.is_dir() {
                let entries = std::fs::read_dir(&below).expect("a folder");
                entries.map(|entry| place.join(entry.expect("an entry").file_name())).collect()
            } else {
                vec![place]
            };
            // The root file of a folder is covered by the folder.
            let whole = |place: &PathBuf| {
                ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| place.ends_with(name))
            };
            missing.extend(parts.into_iter().filter(|place| !whole(place) && !on_map(place)));
        }
    }
    missing.sort();
    assert!(missing.is_empty(), "not on the code map of docs/architecture.md: {missing:#?}");
}
