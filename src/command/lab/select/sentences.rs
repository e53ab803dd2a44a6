//! The conclusions of the lab "select", about the second client and about idle ones, as sentences.

use super::Measured;
use super::second::{Refusal, Second};
use crate::base::units::show_ns_f64;
use crate::command::lab::told::{Times, compared, times};

/// Fewer rounds than this detect only large effects.
const BLOCKS_FEW: u32 = 5;

/// The conclusions from the measurements.
pub(super) fn select_sentences(measured: &Measured) -> Vec<String> {
    let mut said: Vec<String> = measured.second.iter().map(waited).collect();
    said.extend(beside_none(measured));
    said.extend(beside_epoll(measured));
    said.push(turned_away(measured.refusal));
    said.push(noise(measured));
    if measured.blocks < BLOCKS_FEW {
        said.push(format!(
            "{} rounds detect only large effects, and intervals are wide.",
            measured.blocks
        ));
    }
    said.extend(measured.left_out.iter().cloned());
    said
}

fn waited(second: &Second) -> String {
    let Second { model, queued, unread_bytes, .. } = second;
    let connecting = time(second.connected_s - second.connecting_s);
    let answered = time(second.answered_s - second.connected_s);
    // The first is answered before it is silent, and leaves after it has noted that it will.
    if second.answered_s < second.first_leaves_s {
        return format!(
            "{model}: the second client was connected within {connecting} and answered {answered} later, while the \
             first was connected and silent."
        );
    }
    let mut seen = Vec::new();
    if *queued > 0 {
        seen.push(format!("{queued} connection in the listener's queue"));
    }
    if *unread_bytes > 0 {
        seen.push(format!("{unread_bytes} of its bytes unread in the kernel's buffer"));
    }
    let seen = if seen.is_empty() {
        String::new()
    } else {
        format!(" Meanwhile the kernel reported {}.", seen.join(" and "))
    };
    format!(
        "{model}: the second client was connected within {connecting}, sent its line at once, and was answered {answered} \
         later, after the first had left.{seen}"
    )
}

/// For each model the cost beside the most idle clients, over the cost without any.
fn beside_none(measured: &Measured) -> Vec<String> {
    let mut models: Vec<&str> = measured.costs.iter().map(|cost| cost.model.as_str()).collect();
    models.dedup();
    let of = |model: &str| {
        let own = measured.costs.iter().filter(|cost| cost.model == model);
        let most = own.filter(|cost| cost.over_none.is_some()).max_by_key(|cost| cost.idle);
        let Some((cost, over)) = most.and_then(|cost| Some((cost, cost.over_none?))) else {
            return not_known(model, measured);
        };
        let what = format!("a request beside {} idle clients", cost.idle);
        say(model, &what, "the server CPU of a request beside none", over, measured.detectable)
    };
    models.into_iter().map(of).collect()
}

/// That the cost of a model is unknown, and which checks failed.
fn not_known(model: &str, measured: &Measured) -> String {
    let own = measured.costs.iter().filter(|cost| cost.model == model);
    let mut flags: Vec<&str> = own.flat_map(|cost| &cost.flags).map(String::as_str).collect();
    flags.sort_unstable();
    flags.dedup();
    let why = if flags.is_empty() {
        "too few trials have this figure".to_string()
    } else {
        format!("these checks failed: {}", flags.join(", "))
    };
    format!(
        "{model}: it is unknown whether a request costs more beside idle clients than beside \
        none; {why}."
    )
}

/// The other models against epoll, beside the most idle clients.
fn beside_epoll(measured: &Measured) -> Vec<String> {
    let with = measured.costs.iter().filter(|cost| cost.over_epoll.is_some());
    let mut models: Vec<&str> = with.clone().map(|cost| cost.model.as_str()).collect();
    models.dedup();
    let of = |model: &str| {
        let most = with.clone().filter(|cost| cost.model == model).max_by_key(|cost| cost.idle)?;
        let what = format!("a request beside {} idle clients", most.idle);
        Some(say(model, &what, "the server CPU of epoll", most.over_epoll?, measured.detectable))
    };
    models.into_iter().filter_map(of).collect()
}

fn say(model: &str, what: &str, against: &str, over: Times, least: Option<f64>) -> String {
    compared(model, what, against, over, least).unwrap_or_else(|| {
        let times = times(over.ratio, over.interval);
        format!(
            "{model}: it is undecided whether {what} takes more or less than {against}: {times}."
        )
    })
}

fn turned_away(refusal: Option<Refusal>) -> String {
    match refusal {
        None => "select's client limit was not tried: this process may not open that many \
            connections."
            .into(),
        Some(Refusal { tried, served }) if served == tried => {
            format!("select: all of {tried} simultaneous clients were served.")
        }
        Some(Refusal { tried, served }) => format!(
            "select: of {tried} simultaneous clients {served} were served and {} turned away: \
             select handles only descriptors below 1,024 (FD_SETSIZE), whatever the process's \
             limit.",
            tried - served
        ),
    }
}

fn noise(measured: &Measured) -> String {
    match measured.detectable {
        None => "The lab has no A/A control, so the noise floor is unknown.".into(),
        Some(share) => format!(
            "A/A control: two equal epoll servers differed by up to {:.0} % in CPU; no smaller \
             difference is claimed.",
            (share * 100.0).ceil()
        ),
    }
}

fn time(s: f64) -> String {
    show_ns_f64((s * 1e9).max(0.0))
}
