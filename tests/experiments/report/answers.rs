//! `docs/results.md` says what the committed runs say.

use std::path::Path;

use crate::support::c10k;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_page_of_results_is_what_its_command_prints() {
    let made = c10k().args(["report", "--answers", "results"]).current_dir(PROJECT).output();
    let made = made.expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let page =
        std::fs::read_to_string(Path::new(PROJECT).join("docs/results.md")).expect("it is there");
    let made = String::from_utf8(made.stdout).expect("text");
    let first = page.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert_eq!(first, None, "make it anew: c10k report --answers results > docs/results.md");
    assert_eq!(page.len(), made.len(), "one of them ends early");
}

#[test]
fn every_sentence_of_the_page_has_its_data_and_no_line_is_wide() {
    let page =
        std::fs::read_to_string(Path::new(PROJECT).join("docs/results.md")).expect("it is there");
    let wide: Vec<_> = page.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:?}");
    let links: Vec<(&str, &str)> =
        page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).collect();
    assert!(links.len() >= 12, "{links:?}");
    for (name, file) in links {
        assert!(page.contains(&format!("[data][{name}]")), "nothing is said of {name}");
        assert!(Path::new(PROJECT).join("docs").join(file).is_file(), "{file}");
    }
    let loads = page.split("\n## ").skip(1).filter(|part| part.contains("\nLoad: "));
    for load in loads {
        let said = load.split("\n- ").skip(1);
        let bare: Vec<_> = said.filter(|one| !one.contains("[data][")).collect();
        assert!(bare.is_empty(), "{bare:?}");
    }
    assert!(page.contains("Not measured here."), "a room was never measured");
}

#[test]
fn a_folder_without_kept_runs_says_where_they_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = c10k().args(["report", "--answers"]).arg(folder.path()).output().expect("it runs");
    assert_eq!(made.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&made.stderr).contains("has no run in a folder of its machine")
    );
}
