//! The command that made a document, without the folder of the program: documents are compared
//! between machines, and a path identifies the machine.

/// The program's name as documents have it.
const PROGRAM: &str = "c10k";

/// The program's name and its arguments; what is not text has its unreadable parts replaced.
pub fn invocation() -> Vec<String> {
    let arguments = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    std::iter::once(PROGRAM.to_string()).chain(arguments).collect()
}
