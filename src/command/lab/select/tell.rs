//! The content of the lab "select": question, steps, figures and conclusions.

use super::Measured;
use super::idle::Cost;
use super::second::Second;
use super::sentences;
use crate::base::units::show_ns_f64;
use crate::command::lab::lesson::drawing::{
    Axis, Chart, Kind, Lane, Moment, Point, Series, Span, Timeline,
};
use crate::command::lab::lesson::{Figure, Lesson, Prediction, Step};
use crate::command::lab::told::Times;
use crate::document::Estimate;
use crate::view::export::sheet::{Entry, Quantity, Sheet};
use crate::view::page::micro;

const WAITS: usize = 0;
const TALKS: usize = 1;
const SILENT: usize = 2;
const KINDS: [Kind; 3] = [
    Kind { name: "connected, without a reply", waits: true },
    Kind { name: "answered", waits: false },
    Kind { name: "connected and silent", waits: false },
];
const FIGURES: [&str; 2] = ["figure-second-sequential", "figure-second-select"];
pub(super) fn lesson(measured: &Measured) -> Lesson {
    let said = sentences::select_sentences(measured);
    let about = |words: &[&str]| -> Vec<String> {
        let is = |said: &&String| words.iter().any(|word| said.contains(word));
        said.iter().filter(is).cloned().collect()
    };
    let mut figures: Vec<Figure> =
        measured.second.iter().zip(FIGURES).map(|(second, id)| drawn(second, id)).collect();
    figures.extend([
        chart(measured, "figure-idle-cpu", "Server CPU for each request", |cost| {
            cost.cpu_ns.as_ref()
        }),
        chart(measured, "figure-idle-latency", "The median response time", |cost| {
            cost.p50_ns.as_ref()
        }),
    ]);
    Lesson {
        question: vec![
            "While a server reads from one client, it does not notice the others. select, poll and epoll let one \
             thread wait for all clients: they return when a client has sent something. They differ in how the \
             kernel finds that client."
                .into(),
            format!(
                "In the first part, a second client connects while the first is connected and silent. In the second \
                 part, {} clients send requests all the time beside a growing number of silent clients.",
                measured.asking
            ),
        ],
        predictions: vec![
            Prediction {
                question: "The server serves one client at a time. A second client connects and sends a line. Which \
                           of its calls return, and where is the line?",
                answers: about(&["second client"]),
            },
            Prediction {
                question: "Does a request cost select, poll and epoll more beside thousands of silent clients? How \
                           much more?",
                answers: about(&["beside none"]),
            },
            Prediction {
                question: "How many clients can a server with select hold?",
                answers: about(&["simultaneous clients", "was not measured beside"]),
            },
        ],
        done: done(),
        figures,
        tables: vec![seconds(&measured.second), costs(measured)],
        sentences: said,
        screens: Vec::new(),
        fools: vec![
            "\"epoll is faster than select.\" With few clients, or if all of them send requests, they do not \
             differ. The cost comes from scanning the silent clients."
                .into(),
            "Throughput without idle clients. Most comparisons of the three measure only this.".into(),
            "The median response time. A server that scans thousands of descriptors for each request delays every \
             request by that time. CPU time shows this before any client notices."
                .into(),
            "A descriptor limit (ulimit -n) that looks like a limit of the model. select has a limit of its own: \
             its type has 1,024 bits."
                .into(),
        ],
        questions: vec![
            "Which queue holds the second client's connection, and which buffer holds its line? What limits each?".into(),
            "poll has no limit of 1,024. Why is it hardly better than select beside thousands of clients?".into(),
            "What does epoll keep between two calls that a program passes to poll in every call?".into(),
            "Would you use select for a server with ten clients today? Give reasons for it.".into(),
        ],
    }
}

fn done() -> Vec<Step> {
    vec![
        Step {
            text: "Two clients: type a line in the second while the first is silent. Then do the same with --model \
                   select.".into(),
            commands: vec![
                "c10k serve --model sequential --app echo --listen 127.0.0.1:9000".into(),
                "c10k client 127.0.0.1:9000        # in two terminals".into(),
                "ss -tn 'sport = :9000'            # Recv-Q: bytes that the server has not read".into(),
                "ss -tln 'sport = :9000'           # Recv-Q: connections that it has not accepted".into(),
            ],
        },
        Step {
            text: "Clients that send requests beside silent clients. Each round measures every model.".into(),
            commands: vec![
                "c10k run idle --models select,poll,epoll".into(),
                "c10k load --serve poll -c 10 --idle-connections 4000   # one model alone".into(),
            ],
        },
    ]
}

fn drawn(second: &Second, id: &'static str) -> Figure {
    let span =
        |from_s, to_s, kind: usize, says: &str| Span { from_s, to_s, kind, says: says.into() };
    let moment = |at_s, says: &str| Moment { at_s, says: says.into() };
    let end = second.answered_s.max(second.first_leaves_s) * 1.05;
    let drawn = Timeline {
        label: format!("When the second client of {} got its reply", second.model),
        id,
        kinds: KINDS.to_vec(),
        mark: Some("a reply arrives"),
        lanes: vec![
            Lane {
                name: "first client".into(),
                spans: vec![span(second.first_answered_s, second.first_leaves_s, SILENT, "silent")],
                moments: vec![moment(second.first_answered_s, "the first client has its reply")],
            },
            Lane {
                name: "second client".into(),
                spans: vec![
                    span(second.connected_s, second.answered_s, WAITS, "waits"),
                    span(second.answered_s, end, TALKS, "answered"),
                ],
                moments: vec![moment(second.answered_s, "the second client has its reply")],
            },
        ],
    };
    Figure {
        id,
        title: format!("{}: when the second client gets its reply", second.model),
        shows: "The first client sends one request and is then silent until it leaves. Meanwhile the second client \
                connects and sends a request at once."
            .into(),
        drawing: drawn.drawing(),
    }
}

fn chart(measured: &Measured, id: &'static str, title: &'static str, of: Of) -> Figure {
    let mut series: Vec<Series> = Vec::new();
    for cost in &measured.costs {
        let point = of(cost).map(|estimate| Point {
            x: x(cost.idle),
            y: estimate.median,
            interval: estimate.interval,
        });
        // A model without a point keeps its colour from the others.
        match series.iter_mut().find(|series| series.name == cost.model) {
            Some(series) => series.points.extend(point),
            None => series
                .push(Series { name: cost.model.clone(), points: point.into_iter().collect() }),
        }
    }
    let doubt = if measured.costs.iter().any(|cost| !cost.flags.is_empty()) {
        " Some trials failed a check that the table names. Their points are drawn, but no conclusion uses them."
    } else {
        ""
    };
    let chart = Chart {
        label: format!("{title}, beside idle clients"),
        x: Axis { words: "idle clients", log: false, show: |value| format!("{value:.0}") },
        y: Axis { words: title, log: false, show: |ns| micro(&show_ns_f64(ns)) },
        series,
    };
    Figure {
        id,
        title: format!("{title}, beside silent clients"),
        shows: format!(
            "{} clients send requests all the time. Each mark is the median of the rounds, and the line through it \
             is the 95 % interval of that median.{doubt}",
            measured.asking
        ),
        drawing: chart.drawing(),
    }
}

fn x(idle: usize) -> f64 {
    crate::base::units::as_f64(idle as u64)
}

/// A time of the second client, in seconds.
type Time = fn(&Second) -> f64;
/// A figure of a cost.
type Of = fn(&Cost) -> Option<&Estimate>;

fn seconds(second: &[Second]) -> Sheet {
    let title = "The second client: times since just before the first client connected";
    let mut sheet = Sheet::new("second", title, second.len());
    sheet.words("server", second.iter().map(|second| second.model.clone()));
    let known = |s: f64| Entry::Known { value: s * 1e9, interval: None, at_least: false };
    let columns: [(&str, Time); 3] = [
        ("connected at", |second| second.connected_s),
        ("answered at", |second| second.answered_s),
        ("the first leaves at", |second| second.first_leaves_s),
    ];
    for (name, of) in columns {
        let entries: Vec<Entry> = second.iter().map(|second| known(of(second))).collect();
        sheet.numbers(name, Quantity::Time, &entries);
    }
    sheet
        .figures("maximum in the listen queue", second.iter().map(|s| s.queued.to_string().into()));
    sheet.figures(
        "maximum of unread bytes",
        second.iter().map(|s| s.unread_bytes.to_string().into()),
    );
    sheet
}

fn costs(measured: &Measured) -> Sheet {
    let costs = &measured.costs;
    let title = format!("{} clients that send requests, beside silent clients", measured.asking);
    let mut sheet = Sheet::new("costs", title, costs.len());
    sheet.words("server", costs.iter().map(|cost| cost.model.clone()));
    sheet.figures("idle clients", costs.iter().map(|cost| cost.idle.to_string().into()));
    let columns: [(&str, Of); 3] = [
        ("server CPU per request", |cost| cost.cpu_ns.as_ref()),
        ("p50", |cost| cost.p50_ns.as_ref()),
        ("p99", |cost| cost.p99_ns.as_ref()),
    ];
    for (name, of) in columns {
        let entries: Vec<Entry> = costs.iter().map(|cost| Entry::from_estimate(of(cost))).collect();
        sheet.numbers(name, Quantity::Time, &entries);
    }
    let over = |of: fn(&Cost) -> Option<Times>| -> Vec<Entry> {
        let entry = |cost: &Cost| {
            of(cost).map_or(Entry::None, |over| Entry::within(over.ratio, over.interval))
        };
        costs.iter().map(entry).collect()
    };
    sheet.numbers("CPU / without idle clients", Quantity::Ratio, &over(|cost| cost.over_none));
    sheet.numbers("CPU / epoll", Quantity::Ratio, &over(|cost| cost.over_epoll));
    if costs.iter().any(|cost| !cost.flags.is_empty()) {
        sheet.words("failed checks", costs.iter().map(|cost| cost.flags.join(", ")));
    }
    sheet.explain();
    sheet
}
