//! The allow list: programs by name, with their permitted arguments.
//!
//! A command line is never used to look up files. Its first word is compared with the names of the
//! list, and the file that runs is the one that the name had when the list was read.

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// The end of an entry that allows further words, options not among them.
const OPERANDS: &[u8] = b"*";
/// The same with options.
const ANYTHING: &[u8] = b"-*";
/// So much of a name that is not allowed is repeated.
const SHOWN_BYTES_MAX: usize = 40;
/// The variables that a command gets, where they are set; no other.
const VARIABLES: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TZ"];

/// What may run.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    entries: Vec<Entry>,
    environment: Vec<CString>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// As it was given.
    text: String,
    /// Its first word.
    name: CString,
    /// Where that was found.
    program: CString,
    /// The arguments that it must have.
    arguments: Vec<Vec<u8>>,
    further: Further,
}

/// What may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Further {
    Nothing,
    Operands,
    Anything,
}

/// A command line that is allowed, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub(super) program: CString,
    /// The name first.
    pub(super) arguments: Vec<CString>,
    pub(super) environment: Vec<CString>,
}

/// Why a command line does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The list does not have it.
    NotAllowed(String),
    /// A word has a zero byte.
    ZeroByte,
}

impl AllowList {
    /// Reads a list and finds its programs, in the folders of `path`, which is what the variable PATH
    /// holds.
    ///
    /// # Errors
    /// When an entry is none or its program is not found, with what to do.
    pub fn read(entries: &[String], path: Option<&OsStr>) -> Result<Self, String> {
        let folders: Vec<PathBuf> = path
            .map(|path| std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect())
            .unwrap_or_default();
        let entries = entries.iter().map(|text| Entry::read(text, &folders));
        let variable = |name: &&str| {
            let value = std::env::var_os(name)?;
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
        };
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            environment: VARIABLES.iter().filter_map(variable).collect(),
        })
    }

    /// Whether nothing may run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What may run, as it was given.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.text.as_str())
    }

    /// What a command line runs.
    ///
    /// # Errors
    /// When the list does not allow it.
    pub fn find(&self, line: &[u8]) -> Result<Command, Refusal> {
        if line.contains(&0) {
            return Err(Refusal::ZeroByte);
        }
        let words: Vec<&[u8]> = words(line).collect();
        let Some((name, arguments)) = words.split_first() else {
            return Err(self.refusal("an empty line"));
        };
        let of_that_name = || self.entries.iter().filter(|entry| entry.name.to_bytes() == *name);
        let Some(entry) = of_that_name().find(|entry| entry.allows(arguments)) else {
            let name = shown(name);
            let with_others = format!("{name} with these arguments");
            let known = of_that_name().next().is_some();
            return Err(self.refusal(if known { &with_others } else { &name }));
        };
        let argument = |word: &&[u8]| CString::new(*word).expect("no zero byte is left");
        Ok(Command {
            program: entry.program.clone(),
            arguments: words.iter().map(argument).collect(),
            environment: self.environment.clone(),
        })
    }

    fn refusal(&self, what: &str) -> Refusal {
        let allowed: Vec<&str> = self.entries().collect();
        let allowed = if allowed.is_empty() { "nothing".into() } else { allowed.join(", ") };
        Refusal::NotAllowed(format!("{what} is not allowed; allowed: {allowed}"))
    }
}

impl Entry {
    fn read(text: &str, folders: &[PathBuf]) -> Result<Self, String> {
        let mut words: Vec<&[u8]> = words(text.as_bytes()).collect();
        let further = match words.last() {
            Some(&OPERANDS) => Further::Operands,
            Some(&ANYTHING) => Further::Anything,
            _ => Further::Nothing,
        };
        if further != Further::Nothing {
            words.pop();
        }
        let wrong = |why: &str| format!("--allow '{}': {why}", text.escape_debug());
        let Some((name, arguments)) = words.split_first() else {
            return Err(wrong("--allow needs a command, as in --allow date or --allow 'ls *'"));
        };
        if name.contains(&b'/') {
            return Err(wrong("write the program's name without a path; it is looked up in PATH"));
        }
        let name = CString::new(*name).map_err(|_| wrong("a name contains a zero byte"))?;
        let program = find(&name, folders).ok_or_else(|| {
            wrong("there is no such program in PATH: install it or correct the name")
        })?;
        Ok(Self {
            text: words_of(text),
            name,
            program,
            arguments: arguments.iter().map(|word| word.to_vec()).collect(),
            further,
        })
    }

    fn allows(&self, arguments: &[&[u8]]) -> bool {
        let Some((given, more)) = arguments.split_at_checked(self.arguments.len()) else {
            return false;
        };
        given == self.arguments.as_slice()
            && match self.further {
                Further::Nothing => more.is_empty(),
                Further::Operands => more.iter().all(|word| !word.starts_with(b"-")),
                Further::Anything => true,
            }
    }
}

/// The file that a name has in the first of these folders in which it can be run. Links are followed
/// now, so that none can be led elsewhere later.
fn find(name: &CString, folders: &[PathBuf]) -> Option<CString> {
    let runs = |file: &Path| {
        fs::metadata(file).is_ok_and(|file| file.is_file()) && access(file, Access::EXEC_OK).is_ok()
    };
    let name = Path::new(OsStr::from_bytes(name.to_bytes()));
    if name == Path::new(".") || name == Path::new("..") {
        return None;
    }
    let file = folders.iter().map(|folder| folder.join(name)).find(|file| runs(file))?;
    CString::new(fs::canonicalize(file).ok()?.into_os_string().as_encoded_bytes()).ok()
}

/// Words are separated by white space. Nothing else means anything.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn words_of(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<&str>>().join(" ")
}

/// A name that somebody sent, on one line and not longer than names are.
fn shown(name: &[u8]) -> String {
    let cut = &name[..name.len().min(SHOWN_BYTES_MAX)];
    let dots = if cut.len() < name.len() { "..." } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A folder with a program, a link to it, a file that cannot run, and a folder of that name.
    fn folder() -> PathBuf {
        let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let folder = format!("c10k-allowed-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(folder.join("inner")).expect("a folder");
        for (name, mode) in [("tool", 0o755), ("text", 0o644)] {
            fs::write(folder.join(name), "#!/bin/sh\n").expect("a file");
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.join(name), mode).expect("a mode");
        }
        let _ = symlink("tool", folder.join("link"));
        let _ = symlink("nothing", folder.join("dangling"));
        folder
    }

    fn list(entries: &[&str]) -> Result<AllowList, String> {
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let folder = folder();
        let path = format!("relative::{}:/nowhere", folder.display());
        let list = AllowList::read(&entries, Some(OsStr::new(&path)));
        fs::remove_dir_all(&folder).expect("it is there");
        list
    }

    fn allows(list: &AllowList, line: &str) -> bool {
        list.find(line.as_bytes()).is_ok()
    }

    #[test]
    fn an_entry_allows_what_it_says_and_no_more() {
        let list = list(&["tool", "tool -u", "link *", "tool -f x -*"]).expect("a list");
        for line in [
            "tool",
            " \ttool\t ",
            "tool -u",
            "tool  -u\r",
            "link",
            "link a b",
            "link ../a",
            "tool -f x",
            "tool -f x -a --b c",
        ] {
            assert!(allows(&list, line), "{line:?}");
        }
        for line in [
            "",
            " ",
            "tool x",
            "tool -a",
            "tool -u -u",
            "tool -ux",
            "tool -f",
            "tool -f y",
            "TOOL",
            "too",
            "tools",
            "link -a",
            "link a -b",
            "link --",
            "./tool",
            "/bin/tool",
            "../tool",
            "inner/../tool",
            "tool;tool",
            "tool&&tool",
            "tool|tool",
            "$(tool)",
            "`tool`",
            "\"tool\"",
            "'tool'",
            "tool\u{a0}",
            "to\\ol",
            "tool\u{b}x",
            "~/tool",
            "TOOL=1 tool",
            "text",
            "inner",
            "*",
            "-*",
        ] {
            assert!(!allows(&list, line), "{line:?}");
        }
    }

    #[test]
    fn words_reach_the_program_as_they_are() {
        let list = list(&["tool *"]).expect("a list");
        let command = list.find(b"tool $HOME `id` \"a b\" *.rs \xff;").expect("it is allowed");
        let words: Vec<&[u8]> = command.arguments.iter().map(|word| word.to_bytes()).collect();
        let sent: [&[u8]; 7] = [b"tool", b"$HOME", b"`id`", b"\"a", b"b\"", b"*.rs", b"\xff;"];
        assert_eq!(words, sent);
        assert!(command.environment.iter().all(|variable| {
            VARIABLES.iter().any(|name| variable.to_bytes().starts_with(name.as_bytes()))
        }));
    }

    #[test]
    fn a_zero_byte_is_in_no_word() {
        let list = list(&["tool -*"]).expect("a list");
        for line in [&b"tool\0"[..], b"tool a\0-b", b"\0tool", b"rm\0"] {
            assert_eq!(list.find(line), Err(Refusal::ZeroByte), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_refusal_is_one_line_whatever_was_sent_and_says_what_is_allowed() {
        let list = list(&["tool", "link  *"]).expect("a list");
        let said = |line: &[u8]| match list.find(line) {
            Err(Refusal::NotAllowed(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(said(b"rm -r /"), "rm is not allowed; allowed: tool, link *");
        assert_eq!(said(b"  "), "an empty line is not allowed; allowed: tool, link *");
        let arguments = "tool with these arguments is not allowed; allowed: tool, link *";
        assert_eq!(said(b"tool x"), arguments);
        let long = said(&[b"\x1b\xff".repeat(30_000), b" x".to_vec()].concat());
        assert!(long.len() < 300 && long.is_ascii() && !long.contains('\x1b'), "{long}");
    }

    #[test]
    fn a_program_is_found_once_and_links_are_followed_then() {
        let list = list(&["link"]).expect("a list");
        let command = list.find(b"link").expect("it is allowed");
        assert!(command.program.to_bytes().ends_with(b"/tool"), "{command:?}");
        assert_eq!(command.arguments[0].to_bytes(), b"link", "it may do what its name says");
    }

    #[test]
    fn an_entry_that_names_no_program_is_refused_with_what_to_do() {
        for (entry, part) in [
            ("", "--allow needs a command"),
            ("*", "--allow needs a command"),
            ("-*", "--allow needs a command"),
            ("/bin/ls", "without a path"),
            ("../tool", "without a path"),
            ("./tool", "without a path"),
            ("..", "no such program"),
            (".", "no such program"),
            ("text", "no such program"),
            ("inner", "no such program"),
            ("dangling", "no such program"),
            ("relative", "no such program"),
            ("to\0ol", "no such program"),
        ] {
            let error = list(&[entry]).expect_err(entry);
            let zero = entry.contains('\0') && error.contains("a zero byte");
            assert!(error.contains(part) || zero, "{entry:?}: {error}");
        }
        assert!(
            AllowList::read(&["tool".into()], None).is_err(),
            "without a PATH there is nothing"
        );
    }
}
