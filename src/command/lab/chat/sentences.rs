//! The conclusions of the lab "chat", as sentences.

use super::{AGAINST, Measured, Room};
use crate::command::lab::told::{Times, compared, times};

/// The largest share that is written in full.
const SHARE_MOST: f64 = 10.0;
/// Fewer rounds than this detect only large effects.
const ROUNDS_FEW: u32 = 5;

/// The conclusions from the measurements.
pub(super) fn chat_sentences(measured: &Measured) -> Vec<String> {
    let mut said = delivered(&measured.rooms);
    said.extend(grown(measured));
    said.extend(against_epoll(measured));
    said.extend(threads(&measured.rooms));
    said.push(noise(measured));
    if !measured.apart {
        said.push(
            "Server and generator shared one processor, so times include the work of both.".into(),
        );
    }
    if measured.rounds < ROUNDS_FEW {
        said.push(format!(
            "{} rounds detect only large effects, and intervals are wide.",
            measured.rounds
        ));
    }
    said.extend(measured.left_out.iter().cloned());
    said
}

/// Whether all members received all messages, in one order.
fn delivered(rooms: &[Room]) -> Vec<String> {
    let wrong = |room: &&Room| room.missing > 0 || room.out_of_order > 0;
    let of_wrong = |room: &Room| {
        format!(
            "{} with {} members: {} deliveries are missing, and {} arrived in another order.",
            room.model, room.members, room.missing, room.out_of_order
        )
    };
    let mut said: Vec<String> = rooms.iter().filter(wrong).map(of_wrong).collect();
    let deliveries: u64 = rooms.iter().map(|room| room.deliveries).sum();
    if said.is_empty() && deliveries > 0 {
        said.push(format!(
            "Every member received every message once, in the same order, in all rooms: {deliveries} deliveries."
        ));
    }
    said
}

/// The largest room of a model, if it is not its only one.
fn largest<'a>(measured: &'a Measured, model: &str) -> Option<(&'a Room, usize)> {
    let own = || measured.rooms.iter().filter(|room| room.model == model);
    let smallest = own().map(|room| room.members).min()?;
    let largest = own().max_by_key(|room| room.members)?;
    (largest.members > smallest).then_some((largest, smallest))
}

fn models(rooms: &[Room]) -> Vec<&str> {
    let mut models: Vec<&str> = rooms.iter().map(|room| room.model.as_str()).collect();
    models.dedup();
    models
}

/// Of each model its largest room over its smallest one.
fn grown(measured: &Measured) -> Vec<String> {
    let mut said = Vec::new();
    for model in models(&measured.rooms) {
        let Some((room, smallest)) = largest(measured, model) else { continue };
        let what = format!("the median delivery in a room of {}", room.members);
        let against = format!("as long as in a room of {smallest}");
        said.push(say(room, &what, &against, room.over_smallest, measured.detectable.fan_out));
        let what = format!("a delivery in a room of {}", room.members);
        let against = format!("the server CPU of a delivery in a room of {smallest}");
        said.push(say(room, &what, &against, room.cpu_over_smallest, measured.detectable.cpu));
    }
    said
}

/// Each other model against epoll in the largest room that it had.
fn against_epoll(measured: &Measured) -> Vec<String> {
    let mut said = Vec::new();
    for model in models(&measured.rooms).into_iter().filter(|model| *model != AGAINST) {
        let own = measured.rooms.iter().filter(|room| room.model == model);
        let Some(room) = own.max_by_key(|room| room.members) else { continue };
        let what = format!("the median delivery in a room of {}", room.members);
        let against = format!("as long as under {AGAINST}");
        said.push(say(room, &what, &against, room.over_epoll, measured.detectable.fan_out));
        let what = format!("a delivery in a room of {}", room.members);
        let against = format!("the server CPU of {AGAINST}");
        said.push(say(room, &what, &against, room.cpu_over_epoll, measured.detectable.cpu));
    }
    said
}

fn say(room: &Room, what: &str, against: &str, over: Option<Times>, least: Option<f64>) -> String {
    let model = &room.model;
    let Some(over) = over else {
        let why = if room.flags.is_empty() {
            "too few rounds have this figure".to_string()
        } else {
            format!("these checks failed: {}", room.flags.join(", "))
        };
        return format!("{model}: it is unknown whether {what} takes {against}; {why}.");
    };
    compared(model, what, against, over, least).unwrap_or_else(|| {
        let times = times(over.ratio, over.interval);
        format!("{model}: it is undecided whether {what} takes {against}, more or less: {times}.")
    })
}

/// How many threads each model had in its largest room.
fn threads(rooms: &[Room]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for model in models(rooms) {
        let own = rooms.iter().filter(|room| room.model == model && room.threads.is_some());
        let Some(room) = own.max_by_key(|room| room.members) else { continue };
        let (threads, members) = (room.threads.unwrap_or_default(), room.members as u64);
        let each = if threads >= members { ", so threads grow with the room" } else { "" };
        let word = if threads == 1 { "thread" } else { "threads" };
        said.push(format!(
            "{model}: the server had {threads} {word} with {members} members{each}."
        ));
    }
    said
}

fn noise(measured: &Measured) -> String {
    let percent = |share: f64| {
        if share < SHARE_MOST {
            format!("up to {:.0} %", (share * 100.0).ceil())
        } else {
            format!("more than {:.0} %", SHARE_MOST * 100.0)
        }
    };
    match (measured.detectable.fan_out, measured.detectable.cpu) {
        (Some(fan_out), Some(cpu)) => format!(
            "A/A control: two equal {AGAINST} servers differed by {} in the median delivery and {} in CPU; no \
             smaller difference is claimed.",
            percent(fan_out),
            percent(cpu)
        ),
        _ => "The A/A control has too few rounds, so the noise floor is unknown.".into(),
    }
}
