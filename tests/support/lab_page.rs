//! The page of the lab in a browser, and its tables in LaTeX, made from the committed run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::browser::{all_alike, check, chromium, compared, on_a_phone, open, said};
use crate::support::{c10k, page};

/// A script that compares the page with its document.
const NUMBERS: &str = include_str!("lab.js");
/// Draws everything, as if the page were printed.
const PRINTED: &str =
    "dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'));";
/// A line that is wider than the page by more than this is a fault.
const OVERFULL_PT: f64 = 10.0;

/// All tests; those that need a program that is not installed are ignored.
pub(crate) fn tests() -> Vec<Trial> {
    let test = |name: &str, run: fn() -> Result<(), Failed>, can_run: bool| {
        Trial::test(name, run).with_ignored_flag(!can_run)
    };
    let browser = chromium().is_some() || std::env::var_os("CI").is_some();
    vec![
        test("lab_every_figure_is_drawn", || drawn(&[]), browser),
        // 0 is dark.
        test(
            "lab_every_figure_is_drawn_in_the_dark",
            || drawn(&["--blink-settings=preferredColorScheme=0"]),
            browser,
        ),
        test("lab_numbers_in_the_page_are_those_of_the_document", numbers, browser),
        test("lab_a_number_that_is_wrong_is_caught", wrong_number, browser),
        test("lab_the_page_is_as_wide_as_a_phone", phone, browser),
        test("lab_tables_fit_a_page_in_latex", latex, has_latex()),
    ]
}

/// The committed run of the lab.
fn run() -> Result<PathBuf, Failed> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    for plans in std::fs::read_dir(results)? {
        let Ok(runs) = std::fs::read_dir(plans?.path()) else { continue };
        for run in runs {
            let run = run?.path();
            if run.join("lab.json").is_file() {
                return Ok(run);
            }
        }
    }
    Err("no run of the lab is committed".into())
}

/// A file of the committed run; its page and tables are made again, once.
fn read(file: &str) -> Result<String, Failed> {
    static MADE: Mutex<Option<TempDir>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.is_none() {
        let folder = tempfile::tempdir()?;
        for entry in std::fs::read_dir(run()?)? {
            let path = entry?.path();
            let name = path.file_name().ok_or("a file has a name")?;
            if path.is_file() {
                std::fs::copy(&path, folder.path().join(name))?;
            }
        }
        let lab = c10k().args(["lab", "stateful", "--from"]).arg(folder.path()).output()?;
        check(lab.status.success(), String::from_utf8_lossy(&lab.stderr))?;
        *made = Some(folder);
    }
    let folder = made.as_ref().ok_or("it was made")?;
    Ok(std::fs::read_to_string(folder.path().join(file))?)
}

fn drawn(flags: &[&str]) -> Result<(), Failed> {
    let page = read("lab.html")?;
    let figures = page::data(&page)["figures"].as_array().map_or(0, Vec::len);
    // For printing, all figures are drawn at once.
    let page = page.replace("</body>", &format!("<script>{PRINTED}</script></body>"));
    let (dom, console) = open(&page, flags)?;
    check(console.is_empty(), console.join("\n"))?;
    check(figures >= 3, format!("{figures} figures"))?;
    check(said(&dom, "drawn") == figures.to_string(), "not all was drawn")?;
    let plots = dom.matches("class=\"plot-container").count();
    check(plots == figures, format!("{plots} of {figures} figures"))
}

fn numbers() -> Result<(), Failed> {
    all_alike(&compared(&read("lab.html")?, &read("lab.json")?, NUMBERS)?, 300)
}

/// The test above detects a wrong number in a figure and in a table.
fn wrong_number() -> Result<(), Failed> {
    let mut wrong: serde_json::Value = serde_json::from_str(&read("lab.json")?)?;
    wrong["models"][0]["designs"][0]["effects"][0]["ratio"] = 0.007.into();
    let said = compared(&read("lab.html")?, &wrong.to_string(), NUMBERS)?;
    check(said.contains("figure-cpu") && said.contains("is not 0.007"), &said)?;
    check(said.contains("effects-server-cpu"), said)
}

/// Nothing is wider than the page, because tables scroll on their own.
fn phone() -> Result<(), Failed> {
    let width = on_a_phone(&read("lab.html")?)?;
    check(width == "360" || width == "345", format!("{width} pixels wide"))
}

fn has_latex() -> bool {
    Command::new("pdflatex").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The tables fit in the narrowest document class.
fn latex() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("lab.tex"), read("lab.tex")?)?;
    let document = "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n\\input{lab.tex}\n\
                    \\end{document}\n";
    std::fs::write(folder.path().join("document.tex"), document)?;
    let output = Command::new("timeout")
        .args(["120", "pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"])
        .current_dir(folder.path())
        .output()?;
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    check(output.status.success(), log.as_str())?;
    for line in log.lines() {
        check(!line.contains("Float too large"), line)?;
        let wide = line.split_once("Overfull \\hbox (").and_then(|(_, rest)| rest.split_once("pt"));
        let Some((points, _)) = wide else { continue };
        check(points.parse::<f64>()? <= OVERFULL_PT, line)?;
    }
    Ok(())
}
