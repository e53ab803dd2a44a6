//! The requests of `c10k load`: of the c10k protocol, or any request over HTTP.

use anyhow::Result;
use clap::Args;
use protocol::{Ask, AskError, Framing, Recipe};

use super::LoadArgs;
use crate::base::units::parse_bytes;
use crate::base::usage;
use crate::document::RequestRecord;
use crate::workload::requests;

/// Options for requests to any HTTP server, and for their expected replies.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Any HTTP server")]
pub struct HttpArgs {
    /// Send requests for this path instead of requests of the c10k protocol; a URL contains its
    /// path
    #[arg(long, value_name = "/PATH")]
    pub path: Option<String>,
    /// The method [default: GET]
    #[arg(long, short, short_alias = 'X', alias = "request")]
    pub method: Option<String>,
    /// A header field, as in 'Accept: text/html'; may be given several times. Host replaces the
    /// target's name
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The request's body, as text, or from a file with @
    #[arg(long, value_name = "TEXT|@FILE", alias = "data")]
    pub body: Option<String>,
    /// The expected status [default: any from 200 to 299]
    #[arg(long)]
    pub status: Option<u16>,
    /// The expected length of every reply's body
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub expect_bytes: Option<usize>,
    /// Accept bodies of any length; without this option, all must be as long as the first
    #[arg(long, conflicts_with = "expect_bytes")]
    pub any_length: bool,
}

impl HttpArgs {
    /// Refuses these options if no path is requested.
    pub(super) fn check(&self, path: Option<&str>, framing: Framing) -> Result<()> {
        if path.is_some() && framing != Framing::Http {
            return Err(usage("a path implies HTTP: leave --framing out"));
        }
        let Self { method, header, body, status, expect_bytes, any_length, .. } = self;
        let given = [
            ("--method", method.is_some()),
            ("--header", !header.is_empty()),
            ("--body", body.is_some()),
            ("--status", status.is_some()),
            ("--expect-bytes", expect_bytes.is_some()),
            ("--any-length", *any_length),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) if path.is_none() => Err(usage(format!(
                "{option} needs a path: add --path /, or write the target as a URL, \
                 http://HOST:PORT/PATH"
            ))),
            _ => Ok(()),
        }
    }
}

/// What to send and what to expect, and how that is written down.
///
/// # Errors
/// When it makes no sense, with what to do about it.
pub(super) fn recipe(args: &LoadArgs, host: &str) -> Result<(Recipe, RequestRecord)> {
    let Some(path) = args.path() else {
        let request = requests::build_request(&args.request, args.seed);
        return requests::recipe(args.app(), args.framing(), request)
            .map_err(|error| usage(error.to_string()));
    };
    let HttpArgs { method, header, body, status, expect_bytes, any_length, .. } = &args.http;
    let method = method.as_deref().unwrap_or("GET");
    let body = body.as_deref().map(body_bytes).transpose()?.unwrap_or_default();
    let headers = header.iter().map(|field| name_and_value(field)).collect::<Result<Vec<_>>>()?;
    let ask = protocol::http::Method::new(method)
        .and_then(|method| Ask::new(&method, path, host, &headers, &body))
        .and_then(|ask| match status {
            Some(status) => ask.expect_status(*status),
            None => Ok(ask),
        })
        .map_err(explain)?;
    let ask = match (expect_bytes, any_length) {
        (Some(bytes), _) => ask.expect_bytes(*bytes as u64),
        (None, true) => ask.of_any_length(),
        (None, false) => ask,
    };
    let record = RequestRecord::Http {
        method: method.into(),
        path: path.into(),
        headers: header.clone(),
        body_bytes: body.len(),
        status: *status,
        expect_bytes: expect_bytes.map(|bytes| bytes as u64),
        any_length: *any_length,
    };
    Ok((Recipe::asking(ask), record))
}

fn body_bytes(body: &str) -> Result<Vec<u8>> {
    match body.strip_prefix('@') {
        Some(file) => std::fs::read(file)
            .map_err(|error| usage(format!("--body: cannot read {file}: {error}"))),
        None => Ok(body.into()),
    }
}

fn name_and_value(field: &str) -> Result<(String, String)> {
    let (name, value) = field.split_once(':').ok_or_else(|| explain(AskError::Header))?;
    Ok((name.into(), value.trim().into()))
}

fn explain(error: AskError) -> anyhow::Error {
    let option = match error {
        AskError::Method | AskError::Connect => "--method",
        AskError::Path => "--path",
        AskError::Header | AskError::Framing => "--header",
        AskError::Status => "--status",
    };
    usage(format!("{option}: {error}"))
}
