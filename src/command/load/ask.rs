//! What `c10k load` asks for: a request of the protocol, or any request over HTTP.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Args;
use protocol::{Ask, AskError, Framing, Recipe};

use super::LoadArgs;
use crate::base::units::parse_bytes;
use crate::base::usage;
use crate::document::RequestRecord;
use crate::workload::requests;

/// A request to any HTTP server, and what is expected of its replies.
#[derive(Clone, Debug, Args)]
pub struct HttpArgs {
    /// With --framing http: ask for this path, of any server, instead of a request of the protocol
    #[arg(long, value_name = "/PATH", conflicts_with_all = ["app", "echo", "mul", "work", "greeting"])]
    pub path: Option<String>,
    /// With --path: the method
    #[arg(long, default_value = "GET", requires = "path")]
    pub method: String,
    /// With --path: a header field, as in 'Accept: text/html'; may be given several times
    #[arg(long, value_name = "NAME: VALUE", requires = "path")]
    pub header: Vec<String>,
    /// With --path: the body of the request, as text or, with @, a file
    #[arg(long, value_name = "TEXT|@FILE", requires = "path")]
    pub body: Option<String>,
    /// With --path: the right status; without it, any from 200 to 299
    #[arg(long, requires = "path")]
    pub status: Option<u16>,
    /// With --path: how long the body of every reply must be
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, requires = "path")]
    pub expect_bytes: Option<usize>,
    /// With --path: bodies may differ in length; without it, all must be as long as the first
    #[arg(long, requires = "path", conflicts_with = "expect_bytes")]
    pub any_length: bool,
}

/// What to send and what to expect, and how that is written down.
///
/// # Errors
/// When it makes no sense, with what to do about it.
pub(super) fn recipe(args: &LoadArgs, target: SocketAddr) -> Result<(Recipe, RequestRecord)> {
    let Some(path) = &args.http.path else {
        let request = requests::of(&args.request, args.seed);
        return requests::recipe(args.app, args.framing, request)
            .map_err(|error| usage(error.to_string()));
    };
    if args.framing != Framing::Http {
        return Err(usage("--path is a request over HTTP: add --framing http"));
    }
    let HttpArgs { method, header, body, status, expect_bytes, any_length, .. } = &args.http;
    let body = body.as_deref().map(body_bytes).transpose()?.unwrap_or_default();
    let headers = header.iter().map(|field| name_and_value(field)).collect::<Result<Vec<_>>>()?;
    let host = target.to_string();
    let ask = protocol::http::Method::new(method)
        .and_then(|method| Ask::new(&method, path, &host, &headers, &body))
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
        method: method.clone(),
        path: path.clone(),
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
