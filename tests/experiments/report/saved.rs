//! Reports on a saved run, also on one of an earlier version.

use std::path::{Path, PathBuf};

use c10k::store::read_json;
use serde_json::Value;

use super::{Report, copy, report, text};
use crate::support::c10k;

#[test]
fn a_summary_of_an_earlier_version_gets_what_follows_from_its_values_and_keeps_them() {
    let strip = |dir: &Path| {
        let mut old: Value = read_json(&dir.join("summary.json")).expect("a summary");
        old.as_object_mut().expect("an object").remove("verdicts");
        without_intervals(&mut old);
        assert!(!old.to_string().contains("\"interval\""));
        std::fs::write(dir.join("summary.json"), old.to_string()).expect("written");
    };
    let (whole, upgraded) = (Report::of(|_| ()), Report::of(strip));
    assert_eq!(whole.summary, upgraded.summary);
    assert!(whole.page == upgraded.page);
    let again = upgraded.folder.path().join("summary.json");
    let written = std::fs::metadata(&again).and_then(|file| file.modified()).expect("a time");
    report(upgraded.folder.path());
    assert_eq!(written, std::fs::metadata(&again).and_then(|f| f.modified()).expect("a time"));
}

/// The note stands beside each table of a closed loop, and beside no other.
#[test]
fn a_closed_loop_says_beside_its_table_that_it_cannot_see_stalls() {
    let report = Report::of(|_| ());
    let mut workloads: Vec<(&str, bool)> = Vec::new();
    for cell in report.cells() {
        let of = (text(&cell["workload"]), cell["arrivals"]["kind"] == "closed");
        if !workloads.contains(&of) {
            workloads.push(of);
        }
    }
    let closed: Vec<&str> =
        workloads.iter().filter(|(_, closed)| *closed).map(|(name, _)| *name).collect();
    assert!(closed.len() > 1 && closed.len() < workloads.len(), "{workloads:?}");
    let said = "A closed loop hides stalls";
    for (name, is_closed) in &workloads {
        let (_, section) =
            report.page.split_once(&format!("<section id=\"{name}\">")).expect("its section");
        let section = section.split("</section>").next().unwrap_or_default();
        assert_eq!(section.contains(said), *is_closed, "{name}");
    }
    let output = c10k().arg("report").arg(report.folder.path()).output().expect("it runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains(&format!("{}: {said}", closed.join(", "))), "{shown}");
}

#[test]
fn a_saved_run_that_is_only_looked_at_stays_as_it_is() {
    let folder = copy();
    let path = folder.path().join("summary.json");
    let mut old: Value = read_json(&path).expect("a summary");
    old.as_object_mut().expect("an object").remove("verdicts");
    std::fs::write(&path, old.to_string()).expect("written");
    let files = || {
        let entries = std::fs::read_dir(folder.path()).expect("listed").flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.sort();
        let read = |path: PathBuf| (std::fs::read(&path).unwrap_or_default(), path);
        files.into_iter().map(read).collect::<Vec<_>>()
    };
    let before = files();
    let output = c10k().arg("report").arg(folder.path()).output().expect("it runs");
    assert!(output.status.success() && files() == before);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let page = tempfile::tempdir().expect("a folder").keep().join("page.html");
    let output = c10k().arg("report").arg(folder.path()).arg("--page").arg(&page).output();
    assert!(output.expect("it runs").status.success() && files() == before);
    report(folder.path());
    let again = std::fs::read_to_string(folder.path().join("report.html")).expect("a page");
    assert!(again == std::fs::read_to_string(&page).expect("a page"), "the same page");
    std::fs::remove_dir_all(page.parent().expect("its folder")).expect("removed");
    let output = c10k().arg("report").arg(folder.path()).output().expect("it runs");
    assert_eq!(shown, String::from_utf8_lossy(&output.stdout), "what was missing was shown");
}

/// The page, the file beside it and the export have the same data. The page's data lacks the words, because they are in
/// its text.
#[test]
fn what_scripts_draw_is_what_the_page_draws() {
    let report = Report::of(|_| ());
    let file = report.folder.path().join("figures.json");
    let written: Value = read_json(&file).expect("figures");
    for (key, value) in written.as_object().expect("an object") {
        assert!(key == "figures" || report.data[key] == *value, "{key}");
    }
    let (of_file, of_page) = (&written["figures"], &report.data["figures"]);
    let figures = of_file.as_array().expect("figures").iter();
    assert_eq!(of_page.as_array().map(Vec::len), of_file.as_array().map(Vec::len));
    for (figure, drawn) in figures.zip(of_page.as_array().expect("figures")) {
        for key in ["id", "kind", "rows", "unit", "axis", "title"] {
            assert_eq!(figure[key], drawn[key], "{key} of {}", figure["id"]);
        }
        assert!(report.page.contains(&page_text(text(&figure["shows"]))), "{}", figure["id"]);
    }
    let output = c10k().args(["export", "--to", "figures"]).arg(report.folder.path()).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout == std::fs::read(&file).expect("read"), "the export is the file");
}

/// A text as escaped in HTML.
fn page_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn without_intervals(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // Intervals that follow from the trials' values, and everything that follows from these.
            for follows in
                ["interval", "noise", "verdicts", "recommendations", "crossovers", "scaling"]
            {
                fields.remove(follows);
            }
            fields.values_mut().for_each(without_intervals);
        }
        Value::Array(items) => items.iter_mut().for_each(without_intervals),
        _ => (),
    }
}
