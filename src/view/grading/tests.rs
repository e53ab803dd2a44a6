use super::*;
use crate::document::{CheckSubject, SchemaId};

fn test(name: &str, result: &str, points: u32, max: u32, reason: Option<&str>) -> CheckTest {
    CheckTest {
        name: name.into(),
        result: result.into(),
        tries: if result == "skipped" { 0 } else { 3 },
        failures: if result == "unstable" { 2 } else { 0 },
        points,
        max,
        why: "why it matters".into(),
        reason: reason.map(Into::into),
    }
}

fn report() -> CheckReport {
    CheckReport {
        schema: SchemaId::check(),
        started_at: "2026-11-29T10:00:00Z".into(),
        program_version: "0".into(),
        subject: CheckSubject {
            kind: "command".into(),
            name: "python3 server.py {port}".into(),
            app: "multiply".into(),
            framing: "line".into(),
            path: None,
            one_at_a_time: false,
        },
        score: 5,
        max: 10,
        tests: vec![
            test("it_passes", "pass", 5, 5, None),
            test("it_fails", "fail", 0, 3, Some("asked \"<1|2>\", got `\u{1b}&`")),
            test("it_varies", "unstable", 0, 2, Some("nothing came")),
            test("not_here", "skipped", 0, 0, Some("needs --app bench")),
            test("nor_here", "skipped", 0, 0, Some("needs --app bench")),
        ],
    }
}

#[test]
fn gradescope_gets_what_was_tried_with_its_points_and_a_score_in_proportion() {
    let results = serde_json::to_value(gradescope(&report(), Some(20))).expect("JSON");
    assert_eq!(results["score"], 10.0);
    let tests = results["tests"].as_array().expect("tests");
    let of = |field: &str| tests.iter().map(|t| t[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("name"), ["it passes", "it fails", "it varies"]);
    assert_eq!(of("score"), [5, 0, 0]);
    assert_eq!(of("max_score"), [5, 3, 2]);
    assert_eq!(of("status"), ["passed", "failed", "failed"]);
    let varies = tests[2]["output"].as_str().expect("text");
    assert!(varies.contains("failed 2 of 3 times"), "{varies}");
    let sum = serde_json::to_value(gradescope(&report(), None)).expect("JSON");
    assert!(sum.get("score").is_none(), "Gradescope adds the tests up itself: {sum}");
}

#[test]
fn a_report_of_nothing_is_worth_nothing() {
    let report = CheckReport { score: 0, max: 0, tests: vec![], ..report() };
    let results = serde_json::to_value(gradescope(&report, Some(20))).expect("JSON");
    assert_eq!(results["score"], 0.0);
}

#[test]
fn junit_counts_and_escapes() {
    let xml = junit(&report());
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>"), "{xml}");
    for part in [
        "tests=\"5\" failures=\"2\" errors=\"0\" skipped=\"2\"",
        "asked &quot;&lt;1|2&gt;&quot;, got `?&amp;`</failure>",
        "<failure type=\"unstable\"",
        "name=\"it_fails\"><properties><property name=\"score\" value=\"0\"></property>\
         <property name=\"max_score\" value=\"3\"></property></properties><failure",
        "<skipped message=\"needs --app bench\"></skipped>",
    ] {
        assert!(xml.contains(part), "no {part} in {xml}");
    }
}

#[test]
fn markdown_has_the_score_what_failed_and_the_rest_folded() {
    let text = markdown(&report());
    for part in [
        "## 5 of 10 points",
        "| it fails: why it matters | 0 of 3 | `` asked \"<1\\|2>\", got `\u{1b}&` `` |",
        "### Unstable",
        "<details><summary>1 passed</summary>",
        "<summary>2 not tried</summary>\n\n- 2: needs --app bench",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}
