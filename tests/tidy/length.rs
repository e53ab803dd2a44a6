//! Limits on the length of files and functions.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::imports::files_with;
use crate::root;

/// The most lines of a source file.
const LINES_MAX: usize = 400;
/// The most lines of a function; clippy counts them.
const FUNCTION_LINES_MAX: usize = 70;

const SOURCES: [&str; 8] =
    ["src", "servers", "loadgen", "protocol", "tests", "benches", "fuzz/fuzz_targets", "scripts"];

/// The source files of a folder, in any language. A vendored library is not ours, and a contender is
/// one file, however much its language asks for.
fn sources(folder: &str) -> Vec<PathBuf> {
    let files = ["rs", "py", "js", "c", "h", "css"].map(|ending| files_with(&root(folder), ending));
    let exempt = |path: &PathBuf| {
        path.components()
            .any(|part| ["vendor", "contenders"].map(OsStr::new).contains(&part.as_os_str()))
    };
    files.into_iter().flatten().filter(|path| !exempt(path)).collect()
}

/// Files that are too long, with their length.
fn too_long<'a>(files: impl Iterator<Item = (&'a Path, &'a str)>) -> Vec<String> {
    let long = files.map(|(path, text)| (path, text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(path, lines)| format!("{}: {lines} lines", path.display())).collect()
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    let texts = SOURCES.into_iter().flat_map(sources).map(|path| {
        let text = std::fs::read_to_string(&path).expect("it is there");
        (path, text)
    });
    let texts: Vec<_> = texts.collect();
    assert!(texts.len() > 300, "the sources were not found: {}", texts.len());
    let long = too_long(texts.iter().map(|(path, text)| (path.as_path(), text.as_str())));
    assert!(long.is_empty(), "split files that have two subjects:\n{}", long.join("\n"));
    // Only a few functions may be exempt from the limit.
    let unlimited = texts.iter().filter(|(_, text)| text.contains("clippy::too_many_lines,"));
    assert!(unlimited.count() <= 2, "functions longer than {FUNCTION_LINES_MAX} lines");
}

#[test]
fn functions_are_counted_by_the_linter() {
    let read = |file: &str| std::fs::read_to_string(root(file)).expect(file);
    let limit = format!("too-many-lines-threshold = {FUNCTION_LINES_MAX}\n");
    assert!(read("clippy.toml").contains(&limit), "clippy.toml");
    assert!(read("Cargo.toml").contains("\ntoo_many_lines = \"warn\"\n"), "Cargo.toml");
}

#[test]
fn a_file_that_is_too_long_is_named() {
    let (fits, long) = ("x\n".repeat(LINES_MAX), "x\n".repeat(LINES_MAX + 1));
    let files = [(Path::new("a.rs"), fits.as_str()), (Path::new("b.rs"), long.as_str())];
    assert_eq!(too_long(files.into_iter()), ["b.rs: 401 lines"]);
}
