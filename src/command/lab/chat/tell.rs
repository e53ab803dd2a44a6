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
            "In a chat everybody hears everybody: one message has as many deliveries as the room has members, and the \
             server makes one write for each. A loop (select, epoll) makes them one after the other; with a thread or a \
             task for each member, whoever is told a message is woken for it first."
                .into(),
            format!(
                "One member says a message of {} bytes, and the next one when all have heard it. For each delivery it is \
                 noted how long it took from the sender's send to that member's receipt, which is called the fan-out, \
                 and what CPU time the server needed.",
                measured.message_bytes
            ),
        ],
        predictions: vec![
            Prediction {
                question: "A room has a hundred times as many members as another. How many times as long does it take until half of them have heard a message?",
                answers: about(&["the median delivery in a room of", "as long as in one of"])
                    .into_iter()
                    .filter(|said| !said.contains("as long as under"))
                    .collect(),
            },
            Prediction {
                question: "Does one delivery cost the server more CPU in a large room than in a small one, and in which model most?",
                answers: about(&["the server CPU of one in a room of", "the server CPU that it takes"]),
            },
            Prediction {
                question: "How many threads does each of the models have for a thousand members?",
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
            "The median delivery grows with the room. With what, if each write costs the server the same? What would a line \
             through the first figure's points have to be?"
                .into(),
            "Which member hears a message last, and does it hear every message last? What would be fair?".into(),
            "Threads and tasks may write on several processors at a time, and yet the room has one order. What do they all wait \
             for, and for how long?"
                .into(),
            "Everybody in a room of a thousand speaks once a second. How many deliveries a second is that, and how many processors \
             does each model need by your table?"
                .into(),
        ],
    }
}

fn fools() -> Vec<String> {
    vec![
        "One member's clock. Whoever is written to first hears early, whatever the size of the room: only all receipts together \
         tell how long a message takes."
            .into(),
        "A generator that is slower than the server: one thread receives all deliveries here, and they wait in its sockets while it \
         is busy. A round in which it was busy for nine tenths of the time did not pass its check, is in no sentence, and the table \
         says so."
            .into(),
        "Messages a second. A room of a thousand that manages a tenth of the messages of a room of ten has made ten times as many \
         deliveries."
            .into(),
        "A room in which nobody is slow. What a member that does not read costs the others is another question: here it is \
         disconnected once it is too far behind (labs/chat.md)."
            .into(),
        "Loopback. The sender's write also does the receiver's part of TCP, in the server's time."
            .into(),
    ]
}

fn done() -> Vec<Step> {
    vec![
        Step {
            text: "A fresh server for each room; its members connect and are told of each other; one of them speaks. Models take turns \
                   within a round, and rounds go up and down through the sizes."
                .into(),
            commands: vec![
                "c10k load --app chat --serve epoll --connections 1000              # one room".into(),
                "c10k load --app chat --serve thread-per-client --connections 1000".into(),
            ],
        },
        Step {
            text: "The same room by hand: type a line in one terminal, and see it in the others.".into(),
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
        " Some rounds did not pass their checks, which the table names: such points are drawn, and in no sentence."
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
            "One member speaks, all hear. Mark: the median of the rounds. Both axes are logarithmic.{doubt}"
        ),
        drawing: chart.drawing(),
    }
}

fn rooms(measured: &Measured) -> Sheet {
    let rooms = &measured.rooms;
    let title = "One member speaks, all hear";
    let mut sheet = Sheet::new("rooms", title, rooms.len());
    sheet.words("model", rooms.iter().map(|room| room.model.clone()));
    sheet.figures("members", rooms.iter().map(|room| room.members.to_string().into()));
    let columns: [(&str, Of); 3] = [
        ("p50", |room| room.p50_ns.as_ref()),
        ("p99", |room| room.p99_ns.as_ref()),
        ("server CPU a delivery", |room| room.cpu_ns.as_ref()),
    ];
    for (name, of) in columns {
        let entries: Vec<Entry> = rooms.iter().map(|room| Entry::from_estimate(of(room))).collect();
        sheet.numbers(name, Quantity::Time, &entries);
    }
    sheet.figures(
        "deliveries a second",
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
    sheet.numbers("p50 over epoll", Quantity::Ratio, &over(|room| room.over_epoll));
    sheet.numbers("CPU over epoll", Quantity::Ratio, &over(|room| room.cpu_over_epoll));
    if rooms.iter().any(|room| !room.flags.is_empty()) {
        sheet.words("checks that did not pass", rooms.iter().map(|room| room.flags.join(", ")));
    }
    sheet.explain();
    sheet
}
