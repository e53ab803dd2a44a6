//! A made-up lesson, in all its formats.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::drawing::{Kind, Lane, Span, Timeline};
use super::{Figure, Lab, Lesson, LessonArgs, Prediction, Screen, Step, run};
use crate::document::LessonReport;
use crate::view::export::sheet::Sheet;

/// A lab whose measurement fails where it is told to.
struct Counting;

#[derive(Serialize, Deserialize)]
struct Counted {
    clients: u32,
}

impl Lab for Counting {
    const NAME: &'static str = "counting";
    const QUESTION: &'static str = "How many <clients> are there?";
    type Measured = Counted;

    fn measure(quick: bool, _dir: &Path) -> Result<Counted> {
        anyhow::ensure!(!quick, "too quick to count");
        Ok(Counted { clients: 3 })
    }

    fn lesson(measured: &Counted) -> Lesson {
        let said = format!("{} clients took 5 us & 50 %.", measured.clients);
        let mut table = Sheet::new("clients", "Clients", 1);
        table.words("clients", [measured.clients.to_string()]);
        let span = Span { from_s: 0.0, to_s: 1.0, kind: 0, says: "here".into() };
        let drawn = Timeline {
            label: "clients".into(),
            id: "figure-clients",
            kinds: vec![Kind { name: "here", waits: true }],
            mark: None,
            lanes: vec![Lane { name: "a client".into(), spans: vec![span], moments: Vec::new() }],
        };
        Lesson {
            question: vec!["Clients come and go.".into()],
            predictions: vec![Prediction {
                question: "Two or three?",
                answers: vec![said.clone()],
            }],
            done: vec![Step { text: "A server.".into(), commands: vec!["c10k serve".into()] }],
            sentences: vec![said],
            figures: vec![Figure {
                id: "figure-clients",
                title: "Clients".into(),
                shows: "Who was here.".into(),
                drawing: drawn.drawing(),
            }],
            tables: vec![table],
            screens: vec![Screen {
                title: "Processes".into(),
                shows: "What there is.".into(),
                text: "c10k\n  `- c10k\n".into(),
            }],
            fools: vec!["One look.".into()],
            questions: vec!["Why?".into()],
        }
    }
}

fn args(out: &Path, quick: bool, from: Option<&Path>) -> LessonArgs {
    LessonArgs { quick, out: out.into(), from: from.map(Into::into) }
}

fn folders(out: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(out).expect("listed");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn a_lab_has_its_files_and_is_told_again_from_what_it_measured() {
    let out = tempfile::tempdir().expect("a folder");
    run::<Counting>(&args(out.path(), false, None)).expect("measured");
    let [dir] = &folders(out.path())[..] else { panic!("{:?}", folders(out.path())) };
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("written");
    let (html, markdown, latex) = (read("lab.html"), read("lab.md"), read("lab.tex"));
    assert!(html.contains("3 clients took 5 µs &amp; 50 %.") && html.contains("&lt;clients&gt;"));
    assert!(
        markdown.contains("3 clients took 5 µs & 50 %.")
            && markdown.contains("(figure-clients.svg)")
    );
    assert!(latex.contains("50 \\%") && latex.contains("\\begin{verbatim}\nc10k serve"), "{latex}");
    assert!(
        latex.contains("\\begin{verbatim}\nc10k\n  `- c10k\n\\end")
            && markdown.contains("```text\nc10k")
    );
    // Included where it was made a PDF, and else how to.
    let figure = latex.split_once("\\IfFileExists{figure-clients.pdf}{").expect("a figure").1;
    assert!(
        figure.contains("\\includegraphics[width=\\linewidth]{figure-clients.pdf}"),
        "{figure}"
    );
    assert!(figure.contains("rsvg-convert -f pdf -o figure-clients.pdf figure-clients.svg"));
    let prediction = html.find("Two or three?").expect("it is asked");
    let answer = html.find("3 clients took").expect("it is answered");
    assert!(prediction < answer && !html.contains("<details open"));
    assert!(!html.contains("<script"));
    let svg = read("figure-clients.svg");
    assert!(
        svg.starts_with("<svg") && svg.contains("<style>") && svg.contains("width=\"760\""),
        "{svg}"
    );
    let mut report: LessonReport = serde_json::from_str(&read("lab.json")).expect("a document");
    report.measured["clients"] = 4.into();
    crate::document::store::write_json(&dir.join("lab.json"), &report).expect("written");
    run::<Counting>(&args(out.path(), false, Some(dir))).expect("written again");
    assert!(read("lab.html").contains("4 clients took"));
}

#[test]
fn a_lab_that_fails_leaves_nothing_and_two_of_one_second_have_two_folders() {
    let out = tempfile::tempdir().expect("a folder");
    let error = run::<Counting>(&args(out.path(), true, None)).expect_err("it cannot");
    assert!(error.to_string().contains("too quick"), "{error:#}");
    assert_eq!(folders(out.path()).len(), 0);
    for n in 1..3 {
        run::<Counting>(&args(out.path(), false, None)).expect("measured");
        assert_eq!(folders(out.path()).len(), n);
    }
}

#[test]
fn what_is_no_such_lab_is_refused() {
    let out = tempfile::tempdir().expect("a folder");
    let from = |dir: &Path| run::<Counting>(&args(out.path(), false, Some(dir)));
    let error = from(Path::new("/nowhere")).expect_err("nothing there");
    assert!(error.to_string().starts_with("--from:"), "{error:#}");
    run::<Counting>(&args(out.path(), false, None)).expect("measured");
    let dir = folders(out.path()).remove(0);
    let mut report: LessonReport =
        serde_json::from_slice(&std::fs::read(dir.join("lab.json")).expect("written"))
            .expect("a document");
    report.lab = "states".into();
    crate::document::store::write_json(&dir.join("lab.json"), &report).expect("written");
    let error = from(&dir).expect_err("another lab");
    assert!(error.to_string().contains("of the lab states, not of counting"), "{error:#}");
}
