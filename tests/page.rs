//! The page in a browser: it draws every figure, sorts its tables, and complains of nothing. Ignored
//! where there is no Chromium.

mod support;

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use support::page;

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results/quick-20261121T174356Z");
/// Added to the page: does what a reader does, all before the page counts as loaded.
const READER: &str = include_str!("support/reader.js");
/// Holds the page against a summary.
const NUMBERS: &str = include_str!("support/numbers.js");

fn main() {
    let args = Arguments::from_args();
    let test = |name: &str, run: fn() -> Result<(), Failed>| {
        Trial::test(name, run).with_ignored_flag(chromium().is_none())
    };
    let tests = vec![
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
    libtest_mimic::run(&args, tests).exit();
}

fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs)
}

/// The document when all is drawn, and what was said on the console.
fn open(page: &str, flags: &[&str]) -> Result<(String, Vec<String>), Failed> {
    let browser = chromium().ok_or("there is no Chromium")?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("page.html");
    std::fs::write(&path, page)?;
    let output = Command::new("timeout")
        .args(["120", browser, "--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .args(flags)
        .arg(format!("file://{}", path.display()))
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{}: {log}", output.status).into());
    }
    let console = log.lines().filter(|line| line.contains("CONSOLE")).map(String::from).collect();
    Ok((String::from_utf8(output.stdout)?, console))
}

fn committed() -> Result<String, Failed> {
    Ok(std::fs::read_to_string(Path::new(RUN).join("report.html"))?)
}

fn check(holds: bool, what: impl Into<String>) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(what.into().into()) }
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

/// What a script has left in the document.
fn said<'a>(dom: &'a str, name: &str) -> &'a str {
    let found =
        dom.split_once(&format!("data-{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    found.map_or("the script never came to an end", |(said, _)| said)
}

/// What comes of holding a page against a summary.
fn compared(page: &str, summary: &str) -> Result<String, Failed> {
    let truth = summary.replace('<', "\\u003c");
    let truth = format!("<script type=\"application/json\" id=\"truth\">{truth}</script>");
    let page = page.replace("</body>", &format!("{truth}<script>{NUMBERS}</script></body>"));
    let (dom, console) = open(&page, &[])?;
    check(console.is_empty(), console.join("\n"))?;
    Ok(said(&dom, "numbers").to_string())
}

fn numbers() -> Result<(), Failed> {
    let summary = std::fs::read_to_string(Path::new(RUN).join("summary.json"))?;
    let said = compared(&committed()?, &summary)?;
    let count = said.strip_prefix("all ").and_then(|rest| rest.strip_suffix(" alike"));
    check(count.is_some_and(|count| count.parse().is_ok_and(|count: u32| count > 700)), said)
}

/// The page and the summary of a run over a setting.
fn sweep() -> Result<(String, String), Failed> {
    let folder = tempfile::tempdir()?;
    support::sweep::write(Path::new(RUN), folder.path());
    let output = support::c10k().arg("report").arg(folder.path()).output()?;
    check(output.status.success(), String::from_utf8_lossy(&output.stderr))?;
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name));
    Ok((read("report.html")?, read("summary.json")?))
}

fn swept() -> Result<(), Failed> {
    let (page, summary) = sweep()?;
    let said = compared(&page, &summary)?;
    check(said.starts_with("all ") && said.ends_with(" alike"), said)
}

/// The test above can see a wrong number.
fn wrong_number() -> Result<(), Failed> {
    let (page, summary) = sweep()?;
    let mut wrong: serde_json::Value = serde_json::from_str(&summary)?;
    wrong["cells"][0]["throughput_per_s"]["median"] = 1.0.into();
    let said = compared(&page, &wrong.to_string())?;
    check(said.contains("is not 1"), said)
}

/// In a frame as narrow as a phone nothing is wider than the page; tables scroll by themselves.
fn phone() -> Result<(), Failed> {
    for page in [committed()?, sweep()?.0] {
        // It is asked when all is drawn, which is before the page counts as loaded.
        let probe = "<script>dispatchEvent(new Event('beforeprint'));dispatchEvent(new Event('afterprint'));\
                     parent.postMessage(document.documentElement.scrollWidth, '*')</script></body>";
        let inner = page.replace("</body>", probe).replace('&', "&amp;").replace('"', "&quot;");
        let frame = format!(
            "<script>onmessage = (m) => {{ document.documentElement.dataset.width = m.data }}</script>\
             <iframe width=360 height=800 srcdoc=\"{inner}\"></iframe>"
        );
        let (dom, _) = open(&frame, &[])?;
        let said = said(&dom, "width");
        check(said == "360" || said == "345", format!("{said} pixels wide"))?;
    }
    Ok(())
}

/// The tests above can see it when the page breaks its promise.
fn complains() -> Result<(), Failed> {
    let page = committed()?.replace("</body>", "<img src=\"http://127.0.0.1:9/x.png\"></body>");
    let (_, console) = open(&page, &[])?;
    let refused = console.iter().any(|line| line.contains("Content Security Policy"));
    check(refused, format!("nothing was refused: {console:?}"))
}
