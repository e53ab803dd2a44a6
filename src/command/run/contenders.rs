//! The contenders of a plan: built where their tools are installed, checked as any server is, and then
//! measured like any other that a plan names. Each has one of several ends, which is written down, and none
//! of them ends the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::manifest::{self, Entry, Manifest};
use crate::base::exit::words;
use crate::base::units::ns;
use crate::base::values::framing;
use crate::base::{note, usage};
use crate::command::check::speech::{Page, Speech};
use crate::command::check::{Behaviour, Setting, Subject, Verdict, behaviours};
use crate::document::{Contender, ContenderState};
use crate::plan::{ContendersPlan, External, Plan};
use protocol::{App, Framing};

/// How long one command of a build may take.
const BUILD_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a program may take to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait for what a server should do at once; a runtime that has just begun is slow.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a behaviour that fails is tried.
const TRIES: usize = 3;
/// So much of what a compiler says is kept.
const SAID_CHARS_MAX: usize = 300;

/// Builds and checks the plan's contenders, takes in those that can be measured, and returns what came of each;
/// nothing where somebody has ended it meanwhile.
///
/// # Errors
/// When there are no contenders, or a manifest makes no sense.
pub(super) fn admit(plan: &mut Plan, stop: &AtomicBool) -> Result<Option<Vec<Contender>>> {
    let Some(settings) = plan.contenders.take() else { return Ok(Some(Vec::new())) };
    let chosen = chosen(&settings)?;
    let mut found = Vec::new();
    for (folder, manifest) in manifest::all(Path::new(&settings.folder))? {
        let build = Path::new(&settings.build).join(folder.file_name().unwrap_or_default());
        let place = Place { folder, build };
        let made = place.make(&manifest);
        for entry in &manifest.servers {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            note!("{}: looking at it", entry.name);
            let verdict = match &made {
                Ok(version) => place.judge(entry, &chosen).map(|()| version),
                Err(reason) => Err(reason.clone()),
            };
            let contender = described(&manifest, entry, verdict, settings.warmup_max);
            if let Some(reason) = &contender.reason {
                note!("{}: {}: {reason}", entry.name, contender.state.words());
            } else {
                plan.admit(place.external(entry));
            }
            found.push(contender);
        }
    }
    Ok(Some(found))
}

/// Why a contender is not measured.
type Fault = (ContenderState, String);

fn described(
    manifest: &Manifest,
    entry: &Entry,
    verdict: Result<&String, Fault>,
    warmup_max: Duration,
) -> Contender {
    let (version, state, reason) = match verdict {
        Ok(version) => (Some(version.clone()), ContenderState::Measured, None),
        Err((state, reason)) => (None, state, Some(reason)),
    };
    Contender {
        name: entry.name.clone(),
        language: manifest.language.clone(),
        version,
        what: entry.what.clone(),
        compare: entry.compare.clone(),
        command: entry.start.clone(),
        settings: entry.settings.clone(),
        exempt: entry.exempt.clone(),
        warmup_max_ns: Some(ns(warmup_max)),
        warmups: Vec::new(),
        state,
        reason,
    }
}

/// The behaviours that a contender must show.
fn chosen(settings: &ContendersPlan) -> Result<Vec<&'static Behaviour>> {
    let wanted = |one: &&Behaviour| {
        settings.behaviours.is_empty() || settings.behaviours.iter().any(|name| name == one.name)
    };
    for name in &settings.behaviours {
        if !behaviours::all().any(|one| one.name == name) {
            return Err(usage(format!("[contenders]: there is no behaviour '{name}'")));
        }
    }
    Ok(behaviours::all().filter(wanted).collect())
}

/// Where a contender's source is, and where it is built.
struct Place {
    folder: PathBuf,
    build: PathBuf,
}

impl Place {
    /// Builds it and returns the version of its tools.
    fn make(&self, manifest: &Manifest) -> Result<String, Fault> {
        let missing: Vec<&str> =
            manifest.needs.iter().map(String::as_str).filter(|tool| !is_installed(tool)).collect();
        if !missing.is_empty() {
            let reason = format!("there is no {}: {}", missing.join(", "), manifest.install);
            return Err((ContenderState::NotInstalled, reason));
        }
        let not_built = |error: anyhow::Error| (ContenderState::NotBuilt, words(&error));
        fs::create_dir_all(&self.build)
            .with_context(|| format!("cannot make {}", self.build.display()))
            .map_err(not_built)?;
        for command in &manifest.build {
            self.run(command, BUILD_TIMEOUT).map_err(not_built)?;
        }
        let version = self.run(&manifest.version, VERSION_TIMEOUT);
        let version = version.unwrap_or_else(|_| "unknown version".into());
        Ok(version.lines().collect::<Vec<_>>().join("; "))
    }

    /// Whether it can be measured: it runs here, starts, and does what a server should.
    fn judge(&self, entry: &Entry, chosen: &[&'static Behaviour]) -> Result<(), Fault> {
        if !entry.only_if.is_empty() && self.run(&entry.only_if, VERSION_TIMEOUT).is_err() {
            return Err((ContenderState::NotInstalled, entry.otherwise.clone()));
        }
        let not_started = |error: anyhow::Error| (ContenderState::NotStarted, words(&error));
        let speech = speech(entry).map_err(not_started)?;
        let words = self.external(entry).words().map_err(not_started)?;
        let subject = Subject::Command(words.unwrap_or_default());
        let setting = Setting::explore(subject, speech, PATIENCE).map_err(not_started)?;
        let mut failing = Vec::new();
        for behaviour in chosen.iter().filter(|one| !entry.exempt.contains_key(one.name)) {
            let tried = setting.try_repeatedly(behaviour, TRIES, false);
            match tried.verdict {
                Verdict::Fail(reason) => failing.push((behaviour.name, reason)),
                Verdict::Unstable(reason) => failing.push((behaviour.name, reason)),
                Verdict::Pass | Verdict::ByNature | Verdict::Skipped(_) => {}
            }
        }
        let Some((name, reason)) = failing.first() else { return Ok(()) };
        let more = match failing.len() - 1 {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err((ContenderState::Failing, format!("{name}: {}{more}", shortened(reason))))
    }

    /// As a plan names a server that is not ours.
    fn external(&self, entry: &Entry) -> External {
        External {
            name: entry.name.clone(),
            command: Some(entry.start.clone()),
            target: None,
            app: None,
            framing: Some(entry.framing.clone()),
            folder: Some(self.folder.to_string_lossy().into_owned()),
            build: Some(self.build.to_string_lossy().into_owned()),
        }
    }

    /// Runs a command in its folder, and returns what it prints.
    fn run(&self, command: &[String], longest: Duration) -> Result<String> {
        let absolute = |path: &Path| {
            let path = std::path::absolute(path)?;
            Ok::<_, anyhow::Error>(path.to_string_lossy().into_owned())
        };
        let (folder, build) = (absolute(&self.folder)?, absolute(&self.build)?);
        let place = |w: &String| w.replace("{folder}", &folder).replace("{build}", &build);
        // What it prints goes to files, so that none of it has to be read meanwhile.
        let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let seconds = longest.as_secs().to_string();
        let mut child = Command::new("timeout");
        child.args(["--kill-after=5", &seconds]).args(command.iter().map(place));
        child.current_dir(&self.folder).stdin(Stdio::null());
        child.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
        let status = child.status().context("cannot run timeout(1), of the coreutils")?;
        let (said, complained) = (read(&mut stdout)?, read(&mut stderr)?);
        if status.code() == Some(124) {
            bail!("{} takes longer than {seconds} s", command.join(" "));
        }
        if !status.success() {
            let told = if complained.trim().is_empty() { &said } else { &complained };
            bail!("{}: {}", command.join(" "), shortened(told));
        }
        Ok(said.trim().to_string())
    }
}

fn read(file: &mut fs::File) -> Result<String> {
    use std::io::{Read, Seek};
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// In one line, and not too long.
fn shortened(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(SAID_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// What it is asked while it is checked.
fn speech(entry: &Entry) -> Result<Speech> {
    let framing = framing(&entry.framing).map_err(|error| anyhow::anyhow!("framing: {error}"))?;
    match (&entry.path, framing) {
        (Some(path), Framing::Http) => Ok(Speech::of_page(Page::from_path(path)?)),
        _ => Ok(Speech::for_app(App::Bench, framing)),
    }
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}
