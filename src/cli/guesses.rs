//! Options of other load generators: the error names what to use instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options of wrk, ab, hey, oha, h2load, k6 and curl, and what to type instead.
const GUESSES: &[(&str, &str)] = &[
    ("--latency", "leave it out: latencies are always printed"),
    ("-k", "leave it out: connections are kept open unless --requests-per-connection closes them"),
    ("--disable-keepalive", "write --requests-per-connection 1"),
    ("--no-tui", "write --quiet, or leave it out: there is only a progress line"),
    ("-s", "scripts are not supported: use --method, --path, --header and --body"),
    ("--script", "scripts are not supported: use --method, --path, --header and --body"),
    ("-p", "write --body @FILE, with --method POST"),
    ("-D", "write --body @FILE"),
    ("-T", "write --header 'Content-Type: …'"),
    ("-a", "write --header 'Authorization: Basic …'"),
    ("-u", "write --header 'Authorization: Basic …'"),
    ("-A", "write --header 'Accept: …'"),
    ("--host", "write --header 'Host: …'"),
    ("-x", "proxies are not supported: give the target itself"),
    ("--insecure", "TLS is not supported: write an http:// URL"),
    ("--http2", "only HTTP/1.1 is supported"),
    ("-o", "write --json FILE for the whole result"),
    ("--output", "write --json FILE for the whole result"),
    ("--burst-delay", "write --rate, and --poisson for random arrivals"),
];

/// The same error, with what to type instead where that is known.
pub(super) fn explain(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let name = typed.split('=').next().unwrap_or(typed);
    let known = GUESSES.iter().find(|(option, _)| *option == name);
    // Only a load is what these programs make.
    let is_load = std::env::args().nth(1).is_some_and(|command| command == "load");
    if let Some((_, instead)) = known.filter(|_| is_load) {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*instead).into()]));
    }
    error
}
