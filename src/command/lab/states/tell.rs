//! The content of the lab "states": question, steps, figures and conclusions.

use super::sentences::{self, ESTABLISHED, TIME_WAIT, in_state, threads, time, title};
use super::tree::{self, Tree};
use super::watch::Change;
use super::{CLIENTS, Measured, ObservedClient, Scenario};
use crate::command::lab::lesson::drawing::{Kind, Lane, Moment, Span, Timeline};
use crate::command::lab::lesson::{Figure, Lesson, Prediction, Screen, Step};
use crate::view::export::sheet::{Entry, Quantity, Sheet};

/// States as they are drawn; any other one is the last.
const KINDS: [Kind; 8] = [
    Kind { name: TIME_WAIT, waits: true },
    Kind { name: ESTABLISHED, waits: false },
    Kind { name: "CLOSE_WAIT", waits: false },
    Kind { name: "FIN_WAIT2", waits: false },
    Kind { name: "FIN_WAIT1", waits: false },
    Kind { name: "LAST_ACK", waits: false },
    Kind { name: "CLOSING", waits: false },
    Kind { name: "another state", waits: false },
];
/// The titles of the drawings, in the order of scenarios.
const FIGURES: [&str; 4] =
    ["figure-states-1", "figure-states-2", "figure-states-3", "figure-states-4"];
/// Where TIME_WAIT goes on, a drawing is longer by this share.
const TAIL: f64 = 0.2;
pub(super) fn lesson(measured: &Measured) -> Lesson {
    let said = sentences::states_sentences(measured);
    let about = |words: &[&str]| -> Vec<String> {
        let is = |said: &&String| words.iter().any(|word| said.contains(word));
        said.iter().filter(is).cloned().collect()
    };
    Lesson {
        question: vec![
            "Each end of a TCP connection has its own state, and the kernel keeps it even after both programs have \
             ended. The server of this lab waits for a while after a client has connected, then sends date and time \
             and closes. A client may also close its sending side first."
                .into(),
            format!(
                "{CLIENTS} clients connect at once to a server that serves one client at a time, and to a server \
                 with a thread for each. The lab reads the states of both ends of every connection every {}.",
                time(measured.look_s)
            ),
        ],
        predictions: vec![
            Prediction {
                question: "The server serves one client at a time. In which state is the second client's connection \
                           while that client waits?",
                answers: about(&["at the same time"]),
            },
            Prediction {
                question: "Which side keeps TIME_WAIT: the client, the server, or the side that closed first?",
                answers: about(&["TIME_WAIT was on"]),
            },
            Prediction {
                question: "How long does TIME_WAIT last?",
                answers: about(&["TIME_WAIT lasted", "TIME_WAIT still lasted"]),
            },
            Prediction {
                question: "With three clients, how many processes and threads do fork, prefork, thread-per-client, \
                           a thread pool and epoll have?",
                answers: about(&["with 3 clients:"]),
            },
        ],
        done: done(measured),
        figures: measured
            .scenarios
            .iter()
            .zip(FIGURES)
            .map(|(scenario, id)| figure(scenario, id))
            .collect(),
        tables: vec![states(measured), trees(&measured.trees)],
        screens: vec![screen(&measured.trees)],
        sentences: said,
        fools: fools(),
        questions: vec![
            "Which side should close first if a server has 10,000 clients per second, and what does HTTP do about it?".into(),
            "A client that closes first still receives its date. What has it closed, and with which system call?".into(),
            "A server is stopped and started again while its port has connections in TIME_WAIT. Which socket option \
             lets it bind, and why is that safe?"
                .into(),
            "The server that serves one client at a time and closes first sends the second date more than one delay \
             after the first. What does it wait for meanwhile? What happens if a client never closes?"
                .into(),
            "In the tree of the thread pool, one client had not been greeted. Where is its connection, and in which \
             state?".into(),
        ],
    }
}

fn fools() -> Vec<String> {
    vec![
            "\"ESTABLISHED, so the server has accepted it.\" The kernel completes the handshake by itself. A \
             connection in the listen queue is ESTABLISHED at both ends."
                .into(),
            "Looking at one side only. On one machine, ss lists both ends of a connection, and only the local port \
             identifies them. With two machines, TIME_WAIT may be on the other one."
                .into(),
            "\"TIME_WAIT is a leak.\" It prevents late segments of an old connection from being taken for those of \
             a new one with the same ports. It costs its side a few hundred bytes, and blocks the port towards that \
             one peer."
                .into(),
            "States that last less than the time between two samples, such as FIN_WAIT1 and LAST_ACK over loopback. \
             They occur even if the lab did not see them."
                .into(),
        ]
}

fn done(measured: &Measured) -> Vec<Step> {
    let delay = time(measured.delay_s).replace(' ', "").replace(".00", "");
    vec![
        Step {
            text: "The server waits, sends the date, and closes first. Then repeat with a client that closes its \
                   sending side first.".into(),
            commands: vec![
                format!("c10k serve --model sequential --app daytime --delay {delay} --listen 127.0.0.1:9000"),
                "nc 127.0.0.1 9000                 # in two terminals: the server closes first".into(),
                "nc -N 127.0.0.1 9000 </dev/null   # the client closes its half first".into(),
                "watch -n 0.2 \"ss -tan '( sport = :9000 or dport = :9000 )'\"".into(),
            ],
        },
        Step {
            text: "Look at processes and threads while three clients are connected. Try each model.".into(),
            commands: vec![
                "c10k serve --model fork --app clock --listen 127.0.0.1:9000".into(),
                "pstree -p $(pgrep -fo 'c10k serve')".into(),
            ],
        },
    ]
}

fn kind(state: &str) -> usize {
    KINDS.iter().position(|kind| kind.name == state).unwrap_or(KINDS.len() - 1)
}

/// When the last thing happened but the end of TIME_WAIT.
fn busy_until_s(scenario: &Scenario) -> f64 {
    let mut last = 0.0_f64;
    for client in &scenario.clients {
        last = last.max(client.answered_s);
        for changes in [&client.own, &client.server] {
            for (at, change) in changes.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|at| changes[at].state.as_deref());
                if before != Some(TIME_WAIT) {
                    last = last.max(change.at_s);
                }
            }
        }
    }
    last
}

fn figure(scenario: &Scenario, id: &'static str) -> Figure {
    let until_s = busy_until_s(scenario) * (1.0 + TAIL);
    let lane = |name: String, changes: &[Change], moments: Vec<Moment>| {
        let spans = changes.iter().enumerate().filter_map(|(at, change)| {
            let state = change.state.as_deref()?;
            let to_s = changes.get(at + 1).map_or(until_s, |next| next.at_s).min(until_s);
            (change.at_s < to_s).then(|| Span {
                from_s: change.at_s,
                to_s,
                kind: kind(state),
                says: state.into(),
            })
        });
        Lane { name, spans: spans.collect(), moments }
    };
    let lanes = scenario.clients.iter().enumerate().flat_map(|(at, client)| {
        let came = Moment { at_s: client.answered_s, says: "the date arrived".into() };
        [
            lane(
                format!("client {}, its end ({})", at + 1, client.address),
                &client.own,
                vec![came],
            ),
            lane(format!("client {}, the server's end", at + 1), &client.server, Vec::new()),
        ]
    });
    let title = title(scenario);
    let drawn = Timeline {
        label: format!("TCP states over time: {title}"),
        id,
        kinds: KINDS.to_vec(),
        mark: Some("the client's date arrived"),
        lanes: lanes.collect(),
    };
    Figure {
        id,
        title,
        shows: "Each client has two lanes: its own end of the connection and the server's. Time runs from left to \
                right; TIME_WAIT continues beyond the right edge."
            .into(),
        drawing: drawn.drawing(),
    }
}

fn states(measured: &Measured) -> Sheet {
    let rows: Vec<(&Scenario, usize, &ObservedClient, bool)> = measured
        .scenarios
        .iter()
        .flat_map(|scenario| {
            let clients = scenario.clients.iter().enumerate();
            clients.flat_map(move |(at, c)| [(scenario, at, c, true), (scenario, at, c, false)])
        })
        .collect();
    let mut sheet = Sheet::new("states", "Time that each end spent in each state", rows.len());
    sheet.words("server, side that closes first", rows.iter().map(|(s, ..)| title(s)));
    let end = |(_, at, _, is_own): &(_, usize, _, bool)| {
        format!("client {}, {}", at + 1, if *is_own { "its end" } else { "the server's" })
    };
    sheet.words("end", rows.iter().map(end));
    for state in KINDS.iter().rev().map(|kind| kind.name) {
        let entries: Vec<Entry> = rows
            .iter()
            .map(|(scenario, _, client, is_own)| {
                let changes = if *is_own { &client.own } else { &client.server };
                in_state(changes, state, scenario.watched_until_s).map_or(
                    Entry::None,
                    |(from, to)| {
                        let at_least =
                            changes.last().is_some_and(|c| c.state.as_deref() == Some(state));
                        Entry::Known { value: (to - from) * 1e9, interval: None, at_least }
                    },
                )
            })
            .collect();
        if entries.iter().any(Entry::is_known) {
            sheet.numbers(state, Quantity::Time, &entries);
        }
    }
    sheet.caption.push("≥: still in this state at the last sample.".into());
    sheet
}

fn trees(trees: &[Tree]) -> Sheet {
    let title = "Processes and threads of a server while three clients are connected";
    let mut sheet = Sheet::new("trees", title, trees.len());
    sheet.words("server", trees.iter().map(|tree| tree.server.clone()));
    let mut count = |name: &str, of: &dyn Fn(&Tree) -> usize| {
        sheet.figures(name, trees.iter().map(|tree| of(tree).to_string().into()));
    };
    count("processes", &|tree| tree.processes.len());
    count("threads in all", &threads);
    count("clients greeted", &|tree| tree.greeted);
    sheet
}

/// All trees, one below the other.
fn screen(trees: &[Tree]) -> Screen {
    let each = trees.iter().map(|tree| {
        let Tree { server, clients, greeted, .. } = tree;
        format!("{server}: {clients} clients connected, {greeted} greeted\n\n{}", tree::drawn(tree))
    });
    Screen {
        title: "Processes and threads of each server".into(),
        shows: "The threads of a process, beside its first, are counted with their name in braces."
            .into(),
        text: each.collect::<Vec<_>>().join("\n"),
    }
}
