//! The content of the lab "chat": question, steps, figures and conclusions.

use super::{Measured, Room, sentences};
use crate::base::units::{as_f64, show_count, show_ns_f64};
use crate::command::lab::lesson::drawing::{Axis, Chart, Point, Series};
use crate::command::lab::lesson::{Figure, Lesson, Prediction, Step};
use crate::command::lab::told::Times;
use crate::document::Estimate;
use crate::view::export::sheet::{Entry, Quantity, Sheet};
use crate::view::page::micro;

/// A figure of a room.
type Of = fn(&Room) -> Option<&Estimate>;

pub(super) fn lesson(measured: &Measured) -> Lesson {
    let said = sentences::chat_sentences(measured);
    let about = |words: &[&str]| -> Vec<String> {
        let is = |said: &&String| words.iter().any(|word| said.contains(word));
        said.iter().filter(is).cloned().collect()
    };
    Lesson {
        question: vec![
            "In a chat room every member receives every message. A message has as many deliveries as the room has \
             members, and the server makes one write for each. An event loop (select, epoll) makes these writes one \
             after the other. With a thread or a task for each member, the server first has to wake that thread or \
             task."
                .into(),
            format!(
                "One member sends a message of {} bytes, and sends the next when all members have received it. The \
                 lab measures the time from the send to each member's receipt (the fan-out), and the server's CPU \
                 time for each delivery.",
                measured.message_bytes
            ),
        ],
        predictions: vec![
            Prediction {
                question: "A room has a hundred times as many members as another. How many times as long does it \
                           take until half of the members have received a message?",
                answers: about(&["the median delivery in a room of", "as long as in a room of"])
                    .into_iter()
                    .filter(|said| !said.contains("as long as under"))
                    .collect(),
            },
            Prediction {
                question: "Does a delivery cost the server more CPU in a large room than in a small one? In which \
                           model is the difference largest?",
                answers: about(&["the server CPU of a delivery in a room of", "the server CPU of epoll"]),
            },
            Prediction {
                question: "How many threads does each model have for a thousand members?",
                answers: about(&["the server had"]),
            },
        ],
        done: done(),
        figures: vec![
            chart(measured, "figure-fan-out-median", "The median delivery", |room| room.p50_ns.as_ref()),
            chart(measured, "figure-fan-out-p99", "The delivery at p99", |room| room.p99_ns.as_ref()),
            chart(measured, "figure-delivery-cpu", "Server CPU for each delivery", |room| {
                room.cpu_ns.as_ref()
            }),
        ],
        tables: vec![rooms(measured)],
        sentences: said,
        screens: Vec::new(),
        fools: fools(),
        questions: vec![
            "The median delivery time grows with the room. If each write costs the server the same, how must it \
             grow? What slope would the points of the first figure then have?"
                .into(),
            "Which member receives a message last? Does it receive every message last? What would be fair?".into(),
            "Threads and tasks can write on several processors at once, yet the room has one order of messages. \
             What do they all wait for, and for how long?"
                .into(),
            "Each member of a room of a thousand sends one message per second. How many deliveries per second is \
             that? How many processors does each model need, according to your table?"
                .into(),
        ],
    }
}

fn fools() -> Vec<String> {
    vec![
        "The clock of one member. The member that the server writes to first receives messages early in a room of \
         any size. Only the receipts of all members show how long a message takes."
            .into(),
        "A generator that is slower than the server. One thread receives all deliveries, and they wait in its \
         sockets while it is busy. If it was busy for nine tenths of a round, the round fails its check: the table \
         says so, and no conclusion uses it."
            .into(),
        "Messages per second. A room of a thousand with a tenth of the messages of a room of ten makes ten times as \
         many deliveries."
            .into(),
        "Rooms without slow members. A member that does not read can delay the others. These servers disconnect it \
         when it falls too far behind (labs/chat.md)."
            .into(),
        "Loopback. The kernel does the receiver's part of TCP within the sender's write, and charges it to the \
         server."
            .into(),
    ]
}

fn done() -> Vec<Step> {
    vec![
        Step {
            text: "Each room has a fresh server. Its members connect and see each other's notices, and one of them \
                   sends messages. Each round measures every model; rounds go up and down through the sizes."
                .into(),
            commands: vec![
                "c10k load --app chat --serve epoll --connections 1000              # one room".into(),
                "c10k load --app chat --serve thread-per-client --connections 1000".into(),
            ],
        },
        Step {
            text: "The same room by hand: type a line in one terminal, and watch it appear in the others.".into(),
            commands: vec![
                "c10k serve --model select --app chat --listen 127.0.0.1:9000".into(),
                "c10k client 127.0.0.1:9000        # in three terminals".into(),
            ],
        },
    ]
}

fn chart(measured: &Measured, id: &'static str, title: &'static str, of: Of) -> Figure {
    let mut series: Vec<Series> = Vec::new();
    for room in &measured.rooms {
        let point = of(room).map(|estimate| Point {
            x: as_f64(room.members as u64),
            y: estimate.median,
            interval: estimate.interval,
        });
        // A model without a point keeps its colour from the others.
        match series.iter_mut().find(|series| series.name == room.model) {
            Some(series) => series.points.extend(point),
            None => series
                .push(Series { name: room.model.clone(), points: point.into_iter().collect() }),
        }
    }
    let doubt = if measured.rooms.iter().any(|room| !room.flags.is_empty()) {
        " Some rounds failed a check that the table names. Their points are drawn, but no conclusion uses them."
    } else {
        ""
    };
    let chart = Chart {
        label: format!("{title}, by members of the room"),
        x: Axis { words: "members", log: true, show: |value| format!("{value:.0}") },
        y: Axis { words: title, log: true, show: |ns| micro(&show_ns_f64(ns)) },
        series,
    };
    Figure {
        id,
        title: format!("{title}, by members of the room"),
        shows: format!(
            "One member sends, all members receive. Each mark is the median of the rounds. Both axes are \
             logarithmic.{doubt}"
        ),
        drawing: chart.drawing(),
    }
}

fn rooms(measured: &Measured) -> Sheet {
    let rooms = &measured.rooms;
    let title = "One member sends, all members receive";
    let mut sheet = Sheet::new("rooms", title, rooms.len());
    sheet.words("model", rooms.iter().map(|room| room.model.clone()));
    sheet.figures("members", rooms.iter().map(|room| room.members.to_string().into()));
    let columns: [(&str, Of); 3] = [
        ("p50", |room| room.p50_ns.as_ref()),
        ("p99", |room| room.p99_ns.as_ref()),
        ("server CPU per delivery", |room| room.cpu_ns.as_ref()),
    ];
    for (name, of) in columns {
        let entries: Vec<Entry> = rooms.iter().map(|room| Entry::from_estimate(of(room))).collect();
        sheet.numbers(name, Quantity::Time, &entries);
    }
    sheet.figures(
        "deliveries per second",
        rooms.iter().map(|room| {
            let rate = room.deliveries_per_s.as_ref();
            rate.map_or_else(|| "-".to_string(), |rate| show_count(rate.median)).into()
        }),
    );
    let over = |of: fn(&Room) -> Option<Times>| -> Vec<Entry> {
        let entry = |room: &Room| {
            of(room).map_or(Entry::None, |over| Entry::within(over.ratio, over.interval))
        };
        rooms.iter().map(entry).collect()
    };
    sheet.numbers("p50 / epoll", Quantity::Ratio, &over(|room| room.over_epoll));
    sheet.numbers("CPU / epoll", Quantity::Ratio, &over(|room| room.cpu_over_epoll));
    if rooms.iter().any(|room| !room.flags.is_empty()) {
        sheet.words("failed checks", rooms.iter().map(|room| room.flags.join(", ")));
    }
    sheet.explain();
    sheet
}
