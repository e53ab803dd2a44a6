//! The pages in a browser: they draw every figure, sort their tables, and report no errors. Without Chromium these
//! tests are ignored with a message; in continuous integration they fail.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/lab_page.rs"]
mod lab_page;
mod support;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use browser::{all_alike, check, chromium, compared, on_a_phone, open, said};
use libtest_mimic::{Arguments, Failed, Trial};
use support::page;

const RUN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/results/20261121-two-core-vm/quick-20261121T232743Z");
/// A script that is added to the page: it acts like a reader, before the page counts as loaded.
const READER: &str = include_str!("support/reader.js");
/// A script that compares the page with a summary.
const NUMBERS: &str = include_str!("support/numbers.js");

fn main() {
    let args = Arguments::from_args();
    let is_required = std::env::var_os("CI").is_some();
    let is_missing = chromium().is_none();
    if is_missing {
        eprintln!("page: Chromium is not installed, so the page tests are ignored");
    }
    let test = |name: &str, run: fn() -> Result<(), Failed>| {
        Trial::test(name, run).with_ignored_flag(is_missing && !is_required)
    };
    let mut tests = vec![
        test("every_figure_is_drawn_and_a_reader_can_use_them", || read(&[])),
        // 0 is dark.
        test("every_figure_is_drawn_in_the_dark", || {
            read(&["--blink-settings=preferredColorScheme=0"])
        }),
        test("numbers_in_the_page_are_those_of_the_summary", numbers),
        test("numbers_and_lines_over_a_setting_are_those_of_the_summary", swept),
        test("a_number_that_is_wrong_is_caught", wrong_number),
        test("a_page_is_as_wide_as_a_phone", phone),
        test("a_page_that_loads_something_is_caught", complains),
    ];
    tests.extend(lab_page::tests());
    libtest_mimic::run(&args, tests).exit();
}

/// The page of the committed run; it is made once.
fn committed() -> Result<String, Failed> {
    static PAGE: Mutex<Option<String>> = Mutex::new(None);
    let mut page = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(page) = &*page {
        return Ok(page.clone());
    }
    let file = tempfile::NamedTempFile::new()?;
    let output = support::c10k().args(["report", RUN, "--page"]).arg(file.path()).output()?;
    check(output.status.success(), String::from_utf8_lossy(&output.stderr))?;
    Ok(page.insert(std::fs::read_to_string(file.path())?).clone())
}

fn read(flags: &[&str]) -> Result<(), Failed> {
    let page = committed()?;
    let figures = page::data(&page)["figures"].as_array().map_or(0, Vec::len);
    let page = page.replace("</body>", &format!("<script>{READER}</script></body>"));
    let (dom, console) = open(&page, flags)?;
    check(console.is_empty(), console.join("\n"))?;
    check(figures > 20, format!("{figures} figures"))?;
    check(dom.contains(&format!("data-drawn=\"{figures}\"")), "not all was drawn")?;
    let plots = dom.matches("class=\"plot-container").count();
    check(plots == figures, format!("{plots} of {figures} figures"))?;
    let said = said(&dom, "reader");
    check(said == "all well", said)
}

fn numbers() -> Result<(), Failed> {
    let summary = std::fs::read_to_string(Path::new(RUN).join("summary.json"))?;
    all_alike(&compared(&committed()?, &summary, NUMBERS)?, 700)
}

/// The page and the summary of a run that sweeps a setting.
fn sweep() -> Result<(String, String), Failed> {
    let folder = tempfile::tempdir()?;
    support::sweep::write(Path::new(RUN), folder.path());
    let output = support::c10k().args(["report", "--write"]).arg(folder.path()).output()?;
    check(output.status.success(), String::from_utf8_lossy(&output.stderr))?;
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name));
    Ok((read("report.html")?, read("summary.json")?))
}

fn swept() -> Result<(), Failed> {
    let (page, summary) = sweep()?;
    all_alike(&compared(&page, &summary, NUMBERS)?, 1)
}

/// The test above detects a wrong number.
fn wrong_number() -> Result<(), Failed> {
    let (page, summary) = sweep()?;
    let mut wrong: serde_json::Value = serde_json::from_str(&summary)?;
    wrong["cells"][0]["throughput_per_s"]["median"] = 1.0.into();
    let said = compared(&page, &wrong.to_string(), NUMBERS)?;
    check(said.contains("is not 1"), said)
}

/// In a frame as narrow as a phone nothing is wider than the page, because tables scroll on their own.
fn phone() -> Result<(), Failed> {
    for page in [committed()?, sweep()?.0] {
        let width = on_a_phone(&page)?;
        check(width == "360" || width == "345", format!("{width} pixels wide"))?;
    }
    Ok(())
}

/// The tests above detect a page that loads something.
fn complains() -> Result<(), Failed> {
    let page = committed()?.replace("</body>", "<img src=\"http://127.0.0.1:9/x.png\"></body>");
    let (_, console) = open(&page, &[])?;
    let refused = console.iter().any(|line| line.contains("Content Security Policy"));
    check(refused, format!("nothing was refused: {console:?}"))
}
