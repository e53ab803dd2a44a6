//! A page in a browser without a screen.

use std::process::Command;

use libtest_mimic::Failed;

/// The browser that is installed.
pub(crate) fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs)
}

/// The document after everything is drawn, and the messages on the console.
pub(crate) fn open(page: &str, flags: &[&str]) -> Result<(String, Vec<String>), Failed> {
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

pub(crate) fn check(holds: bool, what: impl Into<String>) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(what.into().into()) }
}

/// The result that a script has left in the document.
pub(crate) fn said<'a>(dom: &'a str, name: &str) -> &'a str {
    let found =
        dom.split_once(&format!("data-{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    found.map_or("the script never came to an end", |(said, _)| said)
}

/// The result of a script that compares a page with a document.
pub(crate) fn compared(page: &str, document: &str, script: &str) -> Result<String, Failed> {
    let truth = document.replace('<', "\\u003c");
    let truth = format!("<script type=\"application/json\" id=\"truth\">{truth}</script>");
    let page = page.replace("</body>", &format!("{truth}<script>{script}</script></body>"));
    let (dom, console) = open(&page, &[])?;
    check(console.is_empty(), console.join("\n"))?;
    Ok(said(&dom, "numbers").to_string())
}

/// Checks that at least this many numbers were compared, and all were equal.
pub(crate) fn all_alike(said: &str, least: u32) -> Result<(), Failed> {
    let count = said.strip_prefix("all ").and_then(|rest| rest.strip_suffix(" alike"));
    check(count.is_some_and(|count| count.parse().is_ok_and(|count: u32| count >= least)), said)
}

/// The width of a page in a frame as narrow as a phone, as text.
pub(crate) fn on_a_phone(page: &str) -> Result<String, Failed> {
    // The width is read after everything is drawn, before the page counts as loaded.
    let probe = "<script>dispatchEvent(new Event('beforeprint'));dispatchEvent(new Event('afterprint'));\
                 parent.postMessage(document.documentElement.scrollWidth, '*')</script></body>";
    let inner = page.replace("</body>", probe).replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<script>onmessage = (m) => {{ document.documentElement.dataset.width = m.data }}</script>\
         <iframe width=360 height=800 srcdoc=\"{inner}\"></iframe>"
    );
    let (dom, _) = open(&frame, &[])?;
    Ok(said(&dom, "width").into())
}
