//! Checks of replies: errors and wrong contents.

use std::collections::BTreeMap;

use super::{About, Check, Status, Trial, check, fates, not_judged, sessions, share, unless};
use crate::base::units::as_f64;
use crate::document::{Greetings, RequestRecord};

/// Share of failed requests, and of connections without the greeting that was due.
const ERRORS_LIMIT: f64 = 0.01;

/// Why a check on a share of requests or replies has nothing to judge.
pub(super) const NOTHING_OFFERED: &str = "no request was due during the measurement";
pub(super) const NO_REPLY: &str = "no reply arrived during the measurement";

pub(super) fn wrong_replies(trial: &Trial) -> Check {
    let wrong = trial.census.wrong();
    let example = trial.census.wrong_example.as_deref().unwrap_or_default();
    // An HTTP server's first reply to a line reveals that it speaks HTTP.
    let speaks_http = example.starts_with("HTTP/1.") && trial.load.framing != "http";
    let one_length = matches!(
        trial.load.request,
        RequestRecord::Http { expect_bytes: None, any_length: false, .. }
    );
    let hint = match trial.load.request {
        _ if speaks_http => "; the server speaks HTTP: use --framing http --path /".into(),
        _ if one_length && example.starts_with("a body of") => {
            "; if bodies may differ in length, use --any-length".into()
        }
        // A sum over a history of another size differs even where the total is right.
        RequestRecord::Session { history_bytes, .. } if example.starts_with("OK ") => {
            format!("; the server must keep a history of as many bytes: --history {history_bytes}")
        }
        _ => String::new(),
    };
    let message = format!("{wrong} replies were wrong; the first was {example:?}{hint}");
    let replies = trial.census.ok + wrong;
    if replies == 0 {
        return not_judged("right-replies", About::Server, NO_REPLY);
    }
    let status = unless(wrong == 0, Status::Fail);
    check("right-replies", About::Server, status, (as_f64(wrong), 0.0), message)
}

pub(super) fn errors(trial: &Trial) -> Check {
    let census = &trial.census;
    if census.offered == 0 {
        return not_judged("errors", About::Server, NOTHING_OFFERED);
    }
    let mut errors = census.errors.clone();
    // A check of its own.
    let lost = errors.remove(sessions::LOST).unwrap_or(0);
    let failed = share(census.failed() - lost, census.offered);
    let kinds = kinds(&errors, census.timeouts);
    let message = format!("{:.2} % of requests failed: {kinds}", failed * 100.0);
    check("errors", About::Server, by_share(failed), (failed, ERRORS_LIMIT), message)
}

fn by_share(failed: f64) -> Status {
    match failed {
        0.0 => Status::Pass,
        failed if failed <= ERRORS_LIMIT => Status::Warn,
        _ => Status::Fail,
    }
}

fn kinds(errors: &BTreeMap<String, u64>, timeouts: u64) -> String {
    let mut kinds = vec![fates::explained(errors, fates::of_request)];
    kinds.retain(|kinds| !kinds.is_empty());
    kinds.extend((timeouts > 0).then(|| format!("{timeouts} timeouts")));
    kinds.join(", ")
}

pub(super) fn greetings(greetings: &Greetings) -> Check {
    let (failed, expected) = (greetings.failed(), greetings.expected);
    if expected == 0 {
        let why = "no connection that expects a greeting was opened";
        return not_judged("greetings", About::Server, why);
    }
    let kinds = kinds(&greetings.errors, greetings.timeouts);
    let message = format!("{failed} of {expected} connections were not greeted: {kinds}");
    let failed = share(failed, expected);
    check("greetings", About::Server, by_share(failed), (failed, ERRORS_LIMIT), message)
}

pub(super) fn one_clock(greetings: &Greetings) -> Check {
    let other = greetings.other_clock;
    if greetings.received == 0 {
        return not_judged("one-clock", About::Host, "no greeting arrived");
    }
    let message = format!(
        "{other} of {} greetings have timestamps of another clock: accept and queue delay are \
         known only if server and generator run on one machine",
        greetings.received
    );
    check("one-clock", About::Host, unless(other == 0, Status::Fail), (as_f64(other), 0.0), message)
}
