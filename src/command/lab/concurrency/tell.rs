//! The content of the lab "concurrency": question, steps, figures and conclusions.

use super::{Attended, BYE, CLIENTS, MESSAGES, Measured, Visit};
use crate::base::units::show_ns_f64;
use crate::command::lab::lesson::drawing::{Kind, Lane, Moment, Span, Timeline};
use crate::command::lab::lesson::{Figure, Lesson, Prediction, Step};
use crate::view::export::sheet::{Entry, Quantity, Sheet};

const KINDS: [Kind; 2] = [
    Kind { name: "connected, waiting in the kernel's queue", waits: true },
    Kind { name: "greeted and being served", waits: false },
];
const QUEUED: usize = 0;
const SERVED: usize = 1;
/// Where each server is drawn.
const FIGURES: [&str; 2] = ["figure-one-at-a-time", "figure-all-at-once"];
/// The server's clock and the client's are apart by this share of the visit before that is worth a sentence.
const APART: f64 = 0.1;

pub(super) fn lesson(measured: &Measured) -> Lesson {
    let said = sentences(measured);
    let about = |words: &[&str]| -> Vec<String> {
        let is = |said: &&String| words.iter().any(|word| said.contains(word));
        said.iter().filter(is).cloned().collect()
    };
    Lesson {
        question: vec![
            "A server with one thread serves a client to the end before it accepts the next. A server with a thread \
             per client serves all at once. Several clients can be connected to either: with one thread, the \
             concurrency is only apparent."
                .into(),
            format!(
                "Here {CLIENTS} clients connect shortly after each other. The server greets each client. The client \
                 sends {MESSAGES} messages, with a pause before each, and says good-bye."
            ),
        ],
        predictions: vec![
            Prediction {
                question: "The server is busy with the first client. Does connect() of the second client return, or \
                           does it wait?",
                answers: about(&["connected at the same time", "waited in the kernel's queue"]),
            },
            Prediction {
                question: "When does each of the two servers greet the third client?",
                answers: about(&["greeted"]),
            },
            Prediction {
                question: "How long was the third client's visit, by its own clock and by the server's?",
                answers: about(&["by the server's clock"]),
            },
            Prediction {
                question: "How long do the replies to its messages take, once it is served?",
                answers: about(&["slowest reply"]),
            },
        ],
        done: done(),
        figures: measured.servers.iter().zip(FIGURES).map(|(s, id)| figure(s, id)).collect(),
        tables: measured.servers.iter().map(table).collect(),
        sentences: said,
        screens: Vec::new(),
        fools: vec![
            "\"It is connected, so it is served.\" connect() returns when the kernels have completed the handshake. \
             The server may even be stopped in a debugger."
                .into(),
            "Response times. They run from a message to its reply and exclude the wait before the greeting. Both \
             servers answer in well under a millisecond, yet with one of them a client waited for seconds."
                .into(),
            "The server's own clock. It starts when the connection is accepted, so it misses the wait in the queue."
                .into(),
            "\"Concurrent\" is not \"parallel\": these threads sleep nearly all the time, and one \
             processor would serve them just as well. For computing requests see c10k run work."
                .into(),
            "Short visits. With clients that stay for a millisecond both drawings would look the same: the second \
             client waits for the length of the first visit."
                .into(),
        ],
        questions: vec![
            "The listen queue has a limit (listen's backlog). What happens to a client when the queue is full, and \
             how does the client notice? Try --backlog 1 and five clients."
                .into(),
            "The user of the first client leaves for lunch without closing it. What do the other clients see, and \
             what ends the wait? (--idle-timeout)"
                .into(),
            "A pool of two threads serves these three clients: draw its timeline before you try it (--model \
             thread-pool --workers 2)."
                .into(),
            "select serves all three with one thread. In which of the two drawings would it belong, and why?".into(),
        ],
    }
}

fn done() -> Vec<Step> {
    vec![
        Step {
            text: format!(
                "Start a server that serves one client at a time, and {CLIENTS} clients, each in its own terminal. \
                 The word \"{BYE}\" ends a visit."
            ),
            commands: vec![
                "c10k serve --model sequential --app clock --listen 127.0.0.1:9000".into(),
                "c10k client 127.0.0.1:9000        # in three terminals, one after the other"
                    .into(),
                "ss -tln 'sport = :9000'           # Recv-Q: connections waiting to be accepted"
                    .into(),
            ],
        },
        Step {
            text: "Do the same with a thread for each client.".into(),
            commands: vec![
                "c10k serve --model thread-per-client --app clock --listen 127.0.0.1:9000".into(),
            ],
        },
    ]
}

/// The conclusions from the times.
pub(super) fn sentences(measured: &Measured) -> Vec<String> {
    let mut said: Vec<String> = measured.servers.iter().map(verdict).collect();
    said.extend(measured.servers.iter().flat_map(waits));
    said.extend(measured.servers.iter().map(queue));
    said.extend(measured.servers.iter().filter_map(clocks));
    said.extend(measured.servers.iter().filter_map(replies));
    said.extend(whole(measured));
    said
}

/// How many visits there were at the same time, from one moment of each to its good-bye. When the end of the
/// connection was seen is no measure of that: the server may greet the next client before.
fn at_once(visits: &[Visit], from: fn(&Visit) -> f64) -> usize {
    let during = |at: f64| visits.iter().filter(|v| from(v) <= at && at < v.bye_s).count();
    // The number grows only where a visit begins.
    visits.iter().map(|visit| during(from(visit))).max().unwrap_or(0)
}

fn verdict(server: &Attended) -> String {
    let Attended { model, visits, .. } = server;
    let connected = at_once(visits, |visit| visit.connected_s);
    let served = at_once(visits, |visit| visit.greeted_s);
    let so = match (connected, served) {
        (0 | 1, _) => "the clients' visits did not overlap, so this run shows nothing",
        (_, 1) => "apparent concurrency (one client was served while the others waited)",
        (connected, served) if connected == served => {
            "real concurrency (all connected clients were served)"
        }
        _ => "some clients were served and some waited",
    };
    format!(
        "{model}: {connected} of {} clients were connected at the same time, and {served} served at the same time: {so}.",
        visits.len()
    )
}

/// The clients that were greeted only when another had said good-bye.
fn waits(server: &Attended) -> Vec<String> {
    let Attended { model, visits, .. } = server;
    let of = |(at, visit): (usize, &Visit)| {
        let is_in_the_way = |other: &&Visit| {
            other.greeted_s < visit.greeted_s
                && visit.connected_s < other.bye_s
                && other.bye_s <= visit.greeted_s
        };
        let last =
            visits.iter().filter(is_in_the_way).map(|other| other.bye_s).fold(f64::NAN, f64::max);
        let waited = time(visit.greeted_s - visit.connected_s);
        let connecting = time(visit.connected_s - visit.connecting_s);
        let client = at + 1;
        if last.is_nan() {
            format!(
                "{model}: client {client} was connected within {connecting} and greeted {waited} later."
            )
        } else {
            format!(
                "{model}: client {client} was connected within {connecting}, waited in the kernel's queue, and was \
                 greeted {waited} later, {} after the previous client had said good-bye.",
                time(visit.greeted_s - last)
            )
        }
    };
    visits.iter().enumerate().map(of).collect()
}

fn queue(server: &Attended) -> String {
    let model = &server.model;
    match server.queue.iter().map(|look| look.connections).max() {
        None => format!(
            "{model}: the number of connections waiting to be accepted is unknown: the kernel did \
             not report it."
        ),
        Some(0) => format!("{model}: no connection was seen waiting to be accepted."),
        Some(most) => format!(
            "{model}: the kernel reported at most {most} connections waiting to be accepted."
        ),
    }
}

/// A sentence where the server's clock and the client's disagree.
fn clocks(server: &Attended) -> Option<String> {
    let visits = server.visits.iter().enumerate();
    let apart = |(at, visit): (usize, &Visit)| {
        let own = visit.left_s - visit.connected_s;
        let by_server = visit.by_server_s?;
        (own - by_server > APART * own).then_some((at + 1, own, by_server))
    };
    let (client, own, by_server) =
        visits.filter_map(apart).max_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)))?;
    Some(format!(
        "{}: the visit of client {client} took {} by its own clock, and {} by the server's clock, \
         which starts when a connection is accepted.",
        server.model,
        time(own),
        time(by_server)
    ))
}

fn replies(server: &Attended) -> Option<String> {
    let messages = server.visits.iter().flat_map(|visit| &visit.messages);
    let longest = messages.map(|m| m.answered_s - m.sent_s).max_by(f64::total_cmp)?;
    Some(format!("{}: the slowest reply to a message took {}.", server.model, time(longest)))
}

/// How long all clients took, server against server.
fn whole(measured: &Measured) -> Option<String> {
    let ends: Vec<String> = measured
        .servers
        .iter()
        .map(|server| {
            let end = server.visits.iter().map(|visit| visit.left_s).fold(0.0, f64::max);
            format!("{} with {}", time(end), server.model)
        })
        .collect();
    (ends.len() > 1).then(|| {
        format!(
            "All clients had been served after {}. This is a single run of each server.",
            ends.join(", and after ")
        )
    })
}

fn figure(server: &Attended, id: &'static str) -> Figure {
    let lane = |(at, visit): (usize, &Visit)| {
        let span =
            |from_s, to_s, kind: usize, says: &str| Span { from_s, to_s, kind, says: says.into() };
        let moments = visit.messages.iter().enumerate().map(|(n, message)| Moment {
            at_s: message.answered_s,
            says: format!("message {} answered", n + 1),
        });
        Lane {
            name: format!("client {}, {}", at + 1, visit.address),
            spans: vec![
                span(visit.connected_s, visit.greeted_s, QUEUED, "waits"),
                span(visit.greeted_s, visit.left_s, SERVED, "served"),
            ],
            moments: moments.collect(),
        }
    };
    let drawn = Timeline {
        label: format!("When each client of {} waited and when it was served", server.model),
        id,
        kinds: KINDS.to_vec(),
        mark: Some("a reply arrives"),
        lanes: server.visits.iter().enumerate().map(lane).collect(),
    };
    Figure {
        id,
        title: format!("{}: when clients waited and when they were served", server.model),
        shows: "Each client has a lane, from the return of connect() until the server closes the connection. Time \
                runs from left to right and starts just before the first client connects."
            .into(),
        drawing: drawn.drawing(),
    }
}

/// A time of a visit, in seconds.
type Time<'a> = &'a dyn Fn(&Visit) -> f64;

fn table(server: &Attended) -> Sheet {
    let visits = &server.visits;
    let title = format!(
        "{}: each client's visit; times since just before the first client connected",
        server.model
    );
    let mut sheet = Sheet::new(&format!("visits-{}", server.model), title, visits.len());
    sheet.words("client", (1..=visits.len()).map(|client| client.to_string()));
    let longest =
        |visit: &Visit| visit.messages.iter().map(|m| m.answered_s - m.sent_s).fold(0.0, f64::max);
    let columns: [(&str, Time<'_>); 5] = [
        ("connected at", &|visit| visit.connected_s),
        ("greeted at", &|visit| visit.greeted_s),
        ("waited for", &|visit| visit.greeted_s - visit.connected_s),
        ("longest reply", &longest),
        ("left at", &|visit| visit.left_s),
    ];
    for (name, of) in columns {
        let entries: Vec<Entry> = visits
            .iter()
            .map(|visit| Entry::Known { value: of(visit) * 1e9, interval: None, at_least: false })
            .collect();
        sheet.numbers(name, Quantity::Time, &entries);
    }
    sheet
}

fn time(s: f64) -> String {
    show_ns_f64((s * 1e9).max(0.0))
}
