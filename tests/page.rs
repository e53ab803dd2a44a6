//! The page in a browser: it draws every figure, sorts its tables, and complains of nothing. Ignored
//! where there is no Chromium.

mod support;

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use support::page;

const PAGE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/results/quick-20261121T115229Z/report.html");
/// Added to the page: does what a reader does, all before the page counts as loaded.
const READER: &str = include_str!("support/reader.js");

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
    Ok(std::fs::read_to_string(Path::new(PAGE))?)
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
    let said = dom.split_once("data-reader=\"").and_then(|(_, rest)| rest.split_once('"'));
    let said = said.map_or("the reader never came to an end", |(said, _)| said);
    check(said == "all well", said)
}

/// The tests above can see it when the page breaks its promise.
fn complains() -> Result<(), Failed> {
    let page = committed()?.replace("</body>", "<img src=\"http://127.0.0.1:9/x.png\"></body>");
    let (_, console) = open(&page, &[])?;
    let refused = console.iter().any(|line| line.contains("Content Security Policy"));
    check(refused, format!("nothing was refused: {console:?}"))
}
