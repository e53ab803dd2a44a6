//! The page and its siblings: every number on them is one of the document.

use super::{lab, made_up};
use crate::document::{Killed, LabReport, LabSessions, Naive, SchemaId};
use crate::lab::{analysis, figures, page, sentences, stateful, tables};

pub(super) fn report() -> LabReport {
    let summary = made_up([lab("thread-per-client"), lab("epoll")].concat());
    let models = analysis::models(&summary);
    let sessions = vec![LabSessions {
        home: "table".into(),
        connection: "kept".into(),
        completed: 1_234,
        lost: 0,
        wrong: 0,
    }];
    LabReport {
        schema: SchemaId::lab(),
        lab: "stateful".into(),
        question: stateful::QUESTION.into(),
        run: "made-up".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        program_version: "0.1.0".into(),
        host: summary.host.clone(),
        sentences: sentences::of(&models, &sessions),
        models,
        left_out: vec!["fork was not measured: its <processes> share no table (2 cells).".into()],
        sessions,
        naive: Some(Naive {
            model: "thread-per-client".into(),
            requests: 500,
            stateful_s: 0.02,
            stateless_s: 0.05,
            stateful_response_s: 40e-6,
            stateless_response_s: 38e-6,
            stateful_server_s: 12e-6,
            stateless_server_s: 11e-6,
        }),
        killed: vec![Killed {
            home: "table".into(),
            went_on: false,
            said: "ERR no-session".into(),
        }],
    }
}

#[test]
fn every_table_is_in_all_three_forms_with_the_same_figures() {
    let report = report();
    let (html, markdown, latex) =
        (page::html(&report).expect("a page"), page::markdown(&report), page::latex(&report));
    let tables = tables::of(&report);
    let ids: Vec<&str> = tables.iter().map(|table| table.id).collect();
    assert_eq!(
        ids,
        [
            "naive",
            "apart",
            "split",
            "effects",
            "interactions",
            "shares",
            "memory",
            "sessions",
            "killed"
        ]
    );
    for table in &tables {
        assert!(html.contains(&table.html().into_string()), "{}", table.id);
        assert!(markdown.contains(&table.markdown()), "{}", table.id);
        assert!(latex.contains(&table.latex()), "{}", table.id);
    }
    // From the document to the cell: the CPU of the stateful cell of epoll.
    let epoll = report.models.iter().find(|model| model.model == "epoll").expect("measured");
    let taken = epoll.decomposition.as_ref().expect("taken apart");
    let shown = crate::units::show_ns_f64(taken.stateful_ns).replace("us", "µs");
    assert!(html.contains(&format!("<td>{shown}</td>")), "{shown}");
    assert!(markdown.contains(&format!("| {shown} |")), "{shown}");
}

#[test]
fn the_page_lets_its_reader_predict_and_gives_an_answer_to_each_question() {
    let html = page::html(&report()).expect("a page");
    let from = html.find("id=\"prediction\"").expect("a section");
    let to = from + html[from..].find("</section>").expect("its end");
    let section = &html[from..to];
    assert_eq!(section.matches("<details").count(), 5);
    assert!(!section.contains("This run does not tell"), "{section}");
    assert!(!html.contains("<details open"));
    assert!(html.contains("its &lt;processes&gt; share no table"));
}

#[test]
fn what_the_script_draws_is_in_the_document() {
    let report = report();
    let figures = figures::of(&report);
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id).collect();
    assert_eq!(ids, ["figure-cpu", "figure-split", "figure-p99", "figure-memory"]);
    let drawn = serde_json::to_value(&figures).expect("JSON");
    let marks = drawn[1]["series"].as_array().expect("parts").iter();
    let drawn: f64 = marks
        .flat_map(|series| series["marks"].as_array().expect("marks"))
        .filter(|mark| mark["row"][0] == "epoll" && mark["row"][1] == "table")
        .map(|mark| mark["value"].as_f64().expect("a number"))
        .sum();
    let epoll = report.models.iter().find(|model| model.model == "epoll").expect("measured");
    let split = epoll.split.iter().find(|split| split.home == "table").expect("a home");
    let written: f64 = split.parts.iter().map(|part| part.ns).sum();
    assert!((drawn / written - 1.0).abs() < 1e-12);
}
