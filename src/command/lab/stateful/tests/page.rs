//! The page and the other files: every number on them is in the document.

use super::{everything, made_up};
use crate::analysis::standings;
use crate::analysis::synthetic::reference;
use crate::command::lab::stateful::{QUESTION, analysis, noise, page, sentences, tables, written};
use crate::document::{CostSplit, Killed, LabReport, LabSessions, Naive, SchemaId};
use crate::view::export::markup;
use crate::view::figures;

pub(super) fn report() -> LabReport {
    let mut summary = made_up(everything());
    summary.reference = Some(reference(1e5, &[5e3, 5e3, 8e3, 5e3], &[3e3; 4]));
    standings::derive(&mut summary);
    let models = analysis::models(&summary);
    let noise = noise::lab_noise(&summary);
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
        question: QUESTION.into(),
        run: "made-up".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        program_version: "0.1.0".into(),
        host: summary.host.clone(),
        sentences: sentences::stateful_sentences(&models, &sessions, noise.as_ref()),
        models,
        left_out: vec!["fork was not measured: its <processes> share no table (2 cells).".into()],
        sessions,
        noise,
        reference: summary.reference.clone(),
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
        (page::html(&report).expect("a page"), written::markdown(&report), written::latex(&report));
    let tables = tables::stateful_tables(&report);
    let labels: Vec<&str> = tables.iter().map(|table| table.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "naive",
            "apart",
            "split",
            "effects-server-cpu-per-request-ns",
            "effects-more-server-cpu-per-request-ns",
            "effects-throughput-per-s",
            "effects-more-throughput-per-s",
            "effects-p99-ns",
            "effects-more-p99-ns",
            "interactions",
            "clients-server-cpu-per-request-ns",
            "clients-throughput-per-s",
            "shares-server-cpu-per-request-ns",
            "shares-throughput-per-s",
            "shares-p99-ns",
            "memory",
            "noise",
            "sessions",
            "killed",
            "p99"
        ]
    );
    for table in &tables {
        assert!(html.contains(&markup::html(table).into_string()), "{}", table.label);
    }
    assert!(markdown.contains(&markup::markdown(&tables)));
    assert!(latex.contains(&markup::latex(&tables)));
    // From the document to the entry: what a connection for each request does to the CPU of epoll.
    let epoll = report.models.iter().find(|model| model.model == "epoll").expect("measured");
    let effect = epoll.designs[0].effects.iter().find(|e| e.level == "one per request");
    let shown = format!("{:.2}", effect.expect("an effect").ratio);
    let table = &tables[3];
    let column = table.columns.iter().position(|column| column.name == "epoll").expect("a column");
    let row = table.rows.iter().find(|row| row.entries[0].value == "one per request / kept");
    assert_eq!(row.expect("a row").entries[column].value, shown);
    assert!(html.contains(&format!("<td>{shown} <span class=\"around\">(")), "{shown}");
    assert!(markdown.contains(&format!("| {shown} (")) && latex.contains(&format!("& {shown}")));
}

#[test]
fn a_report_begins_with_the_answer_and_leaves_no_sentence_out() {
    let report = report();
    let answer = &report.sentences[0];
    assert!(answer.starts_with("Connecting is most of the extra server CPU"), "{answer}");
    for text in [written::markdown(&report), written::latex(&report)] {
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
        // What stands before the first sign that LaTeX writes otherwise.
        let plain = |sentence: &str| {
            let shown = crate::view::page::micro(sentence);
            shown.split(['%', 'µ', '[', '<']).next().expect("a part").to_string()
        };
        let first_table = at("The naive experiment");
        assert!(at(&plain(answer)) < first_table);
        let other =
            report.sentences.iter().find(|s| s.starts_with("epoll: connections one per request"));
        assert!(at(&plain(other.expect("an effect"))) > first_table);
        for sentence in report.sentences.iter().chain(&report.left_out) {
            let times = text.matches(&plain(sentence)).count();
            assert!(times >= 1, "{sentence}");
        }
    }
}

#[test]
fn the_reference_is_told_in_every_form_with_its_spells() {
    let mut report = report();
    let html = page::html(&report).expect("a page");
    let forms = [html, written::markdown(&report), written::latex(&report)];
    for text in &forms {
        for said in ["the generator reached 100k/s", "Block 3: the null baseline used"] {
            assert!(text.contains(said), "{said} is not in {text}");
        }
    }
    assert!(forms[0].contains("href=\"trials/reference.2.json\""));
    report.reference = None;
    let html = page::html(&report).expect("a page");
    assert!(
        !html.contains("The null baseline")
            && !written::markdown(&report).contains("null baseline")
    );
}

#[test]
fn more_models_than_a_page_is_wide_are_in_tables_of_their_own() {
    let mut report = report();
    for at in 0..5 {
        let mut model = report.models[0].clone();
        model.model = format!("again-{at}");
        report.models.push(model);
    }
    let tables = tables::stateful_tables(&report);
    let memory: Vec<_> = tables.iter().filter(|table| table.label.starts_with("memory")).collect();
    assert_eq!(memory.iter().map(|t| &*t.label).collect::<Vec<_>>(), ["memory", "memory-2"]);
    // Two columns are of what a row is of.
    assert_eq!(memory.iter().map(|t| t.columns.len()).collect::<Vec<_>>(), [2 + 4, 2 + 3]);
    assert_eq!(memory[0].rows.len(), memory[1].rows.len());
}

#[test]
fn the_page_lets_its_reader_predict_and_gives_an_answer_to_each_question() {
    let html = page::html(&report()).expect("a page");
    let from = html.find("id=\"prediction\"").expect("a section");
    let to = from + html[from..].find("</section>").expect("its end");
    let section = &html[from..to];
    assert_eq!(section.matches("<details").count(), 6);
    assert!(!section.contains("This run does not answer"), "{section}");
    assert!(!html.contains("<details open"));
    assert!(html.contains("its &lt;processes&gt; share no table"));
}

#[test]
fn what_the_script_draws_is_in_the_document() {
    let report = report();
    let figures = figures::lab_figures(&report);
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(
        ids,
        ["figure-cpu", "figure-split", "figure-split-history", "figure-p99", "figure-memory"]
    );
    let drawn = serde_json::to_value(&figures).expect("JSON");
    let marks = drawn[1]["rows"].as_array().expect("parts").iter();
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

#[test]
fn bars_of_one_figure_have_the_same_parts() {
    let mut report = report();
    // A store that was measured over kept connections and without a history only.
    let model = &mut report.models[0];
    let table = model.split.iter().find(|split| split.home == "table").expect("a home").clone();
    model.split.push(CostSplit { home: "external".into(), parts: table.parts[..2].to_vec() });
    let figures = serde_json::to_value(figures::lab_figures(&report)).expect("JSON");
    let stacks: Vec<_> =
        figures.as_array().expect("figures").iter().filter(|f| f["kind"] == "parts").collect();
    let homes = |of: &serde_json::Value| -> Vec<String> {
        let marks = of["marks"].as_array().expect("marks").iter();
        marks.map(|mark| format!("{} {}", mark["row"][0], mark["row"][1])).collect()
    };
    let mut drawn = Vec::new();
    for figure in &stacks {
        let series = figure["rows"].as_array().expect("parts");
        let bars = homes(&series[0]);
        // The second part is the home, which a request that carries its state has none of.
        let with_home: Vec<_> = bars.iter().filter(|bar| !bar.contains("none")).cloned().collect();
        for (at, part) in series.iter().enumerate() {
            let wanted = if at == 1 { &with_home } else { &bars };
            assert_eq!(&homes(part), wanted, "{}: {}", figure["id"], part["name"]);
        }
        drawn.push((series.len(), bars.len()));
    }
    assert_eq!(drawn, [(4, 6), (3, 8), (2, 9)]);
    let table =
        tables::stateful_tables(&report).into_iter().find(|t| t.label == "split").expect("a table");
    let sums: Vec<_> = table
        .rows
        .iter()
        .filter(|row| ["external", "connection"].contains(&&*row.entries[1].value))
        .map(|row| row.entries[6].value.as_str())
        .collect();
    assert_eq!(sums, ["-"; 3], "no sum without all parts");
}
