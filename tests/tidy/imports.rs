//! The names of its own crate that a source file uses: imports, and paths within code and macros.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One name of another part of the crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// The file and line where it stands.
    pub(crate) at: String,
    /// The module that names it.
    pub(crate) from: Vec<String>,
    /// The path that is named, from the root of the crate.
    pub(crate) to: Vec<String>,
}

/// Every name in every file below `src`.
pub(crate) fn of_crate(src: &Path) -> Vec<Use> {
    let files: Vec<_> = rust_files(src).into_iter().map(|file| (tokens(&file), file)).collect();
    let mut placed = Vec::new();
    for (tokens, file) in &files {
        placed.extend(placed_elsewhere(tokens, &module(src, file), file));
    }
    let mut uses = Vec::new();
    for (tokens, file) in &files {
        let elsewhere = placed.iter().find(|(path, _)| path == file);
        let module = elsewhere.map_or_else(|| module(src, file), |(_, module)| module.clone());
        let name = file.strip_prefix(src).unwrap_or(file).display().to_string();
        walk(tokens, &module, &name, &mut uses);
    }
    uses
}

/// The names in this text, as the source of that module.
pub(crate) fn of_text(text: &str, module: &[&str]) -> Vec<Use> {
    let tokens: Vec<_> = TokenStream::from_str(text).expect("Rust").into_iter().collect();
    let module: Vec<_> = module.iter().map(ToString::to_string).collect();
    let mut uses = Vec::new();
    walk(&tokens, &module, "planted.rs", &mut uses);
    uses
}

/// All files of Rust below a folder, in order.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files_with(folder, "rs")
}

/// The files of a folder and those below it whose names end so.
pub(crate) fn files_with(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            files.extend(files_with(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn tokens(file: &Path) -> Vec<TokenTree> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let stream = TokenStream::from_str(&text);
    stream.unwrap_or_else(|e| panic!("{}: {e}", file.display())).into_iter().collect()
}

/// The module of a file, by its path.
fn module(src: &Path, file: &Path) -> Vec<String> {
    let place = file.strip_prefix(src).expect("it is below").with_extension("");
    let mut names: Vec<_> = place.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        names.pop();
    }
    names
}

/// Files that an attribute `path` makes a module other than that of their path.
fn placed_elsewhere(
    tokens: &[TokenTree],
    module: &[String],
    file: &Path,
) -> Vec<(PathBuf, Vec<String>)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let inner: Vec<_> = group.stream().into_iter().collect();
        if group.delimiter() != Delimiter::Bracket || !is(inner.first(), "path") {
            continue;
        }
        let Some(TokenTree::Literal(path)) = inner.get(2) else { continue };
        let path = path.to_string();
        let Some(mod_at) = tokens[at..].iter().position(|token| is(Some(token), "mod")) else {
            continue;
        };
        let name = tokens[at + mod_at + 1].to_string();
        let own = module.iter().cloned().chain([name]).collect();
        found.push((file.with_file_name(path.trim_matches('"')), own));
    }
    found
}

fn walk(tokens: &[TokenTree], module: &[String], file: &str, uses: &mut Vec<Use>) {
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                let named = at >= 2 && is(tokens.get(at - 2), "mod");
                let mut own = module.to_vec();
                if named && group.delimiter() == Delimiter::Brace {
                    own.push(tokens[at - 1].to_string());
                }
                walk(&inner, &own, file, uses);
            }
            TokenTree::Ident(word) if is_path(tokens, at) => {
                let start = match word.to_string().as_str() {
                    "crate" => Vec::new(),
                    "self" => module.to_vec(),
                    "super" => above(module),
                    _ => continue,
                };
                let line = word.span().start().line;
                let mut ends = Vec::new();
                follow(&tokens[at + 3..], start, &mut ends);
                uses.extend(ends.into_iter().map(|to| Use {
                    at: format!("{file}:{line}"),
                    from: module.to_vec(),
                    to,
                }));
            }
            _ => (),
        }
    }
}

fn above(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// Whether a path begins here: a word, then two colons, and none before it.
fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| is(tokens.get(at), ":");
    let goes_on = at >= 2 && colon(at - 1) && colon(at - 2);
    colon(at + 1) && colon(at + 2) && !goes_on
}

/// Follows a path after its colons to what it names; a path that branches has several ends.
fn follow(tokens: &[TokenTree], mut so_far: Vec<String>, ends: &mut Vec<Vec<String>>) {
    match tokens.first() {
        Some(TokenTree::Ident(word)) => {
            match word.to_string().as_str() {
                "super" => so_far = above(&so_far),
                "self" => (),
                name => so_far.push(name.into()),
            }
            if is(tokens.get(1), ":") && is(tokens.get(2), ":") {
                follow(&tokens[3..], so_far, ends);
            } else {
                ends.push(so_far);
            }
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<_> = group.stream().into_iter().collect();
            for branch in inner.split(|token| is(Some(token), ",")).filter(|b| !b.is_empty()) {
                follow(branch, so_far.clone(), ends);
            }
        }
        _ => ends.push(so_far),
    }
}

fn is(token: Option<&TokenTree>, text: &str) -> bool {
    match token {
        Some(TokenTree::Ident(word)) => word == text,
        Some(TokenTree::Punct(mark)) => text.len() == 1 && text.starts_with(mark.as_char()),
        _ => false,
    }
}
