//! The report of a check, and its formats.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, ensure};
use clap::Args;

use super::setting::Tried;
use super::{Behaviour, Setting, Subject, Verdict};
use crate::base::{self, usage};
use crate::document::store;
use crate::document::{CheckReport, CheckSubject, CheckTest, SchemaId};
use crate::view::{grading, table};

/// Reports beside the table.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports, each to a file or with - to standard output")]
pub(crate) struct Reports {
    /// JSON
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Gradescope's results.json
    #[arg(long, value_name = "FILE|-")]
    gradescope: Option<PathBuf>,
    /// With --gradescope: points of the assignment, to which the score is scaled
    #[arg(long, value_name = "POINTS", requires = "gradescope")]
    points: Option<u32>,
    /// JUnit XML, for continuous integration
    #[arg(long, value_name = "FILE|-")]
    junit: Option<PathBuf>,
    /// A summary in Markdown
    #[arg(long, value_name = "FILE|-")]
    md: Option<PathBuf>,
}

impl Reports {
    /// The requested reports, each with its path and its text.
    fn texts(&self, report: &CheckReport) -> Result<Vec<(&Path, String)>> {
        let mut texts = Vec::new();
        if let Some(path) = &self.json {
            texts.push((path.as_path(), String::from_utf8(store::json(report)?)?));
        }
        if let Some(path) = &self.gradescope {
            let results = grading::gradescope(report, self.points);
            texts.push((path, String::from_utf8(store::json(&results)?)?));
        }
        if let Some(path) = &self.junit {
            texts.push((path, grading::junit(report)));
        }
        if let Some(path) = &self.md {
            texts.push((path, grading::markdown(report)));
        }
        Ok(texts)
    }

    /// Refuses two reports on standard output, and files that cannot be written.
    ///
    /// # Errors
    /// With what to do about it.
    pub(super) fn can_be_written(&self) -> Result<()> {
        let (screen, files): (Vec<_>, Vec<_>) = self.all().partition(|path| is_stdout(path));
        ensure!(
            screen.len() < 2,
            usage(
                "only one report can go to standard output: give the \
            others a file"
            )
        );
        files.into_iter().try_for_each(|path| store::can_be_written(path))
    }

    /// Writes the requested reports to their files, or to standard output.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn write(&self, report: &CheckReport) -> Result<()> {
        for (path, text) in self.texts(report)? {
            match is_stdout(path) {
                true => base::print(&text)?,
                false => store::write(path, text.as_bytes())?,
            }
        }
        Ok(())
    }

    /// Prints the table, unless a report goes to standard output, and then writes the reports. So
    /// if the disk is full, the table is still printed.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(super) fn finish(&self, report: &CheckReport, all: bool) -> Result<()> {
        if !self.all().any(|path| is_stdout(path)) {
            table::show(&table::check(report, all))?;
        }
        self.write(report)
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.json, &self.gradescope, &self.junit, &self.md].into_iter().flatten()
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// The result of one behaviour.
pub(super) fn test(behaviour: &Behaviour, tried: Tried) -> CheckTest {
    let Tried { verdict, tries, failures } = tried;
    let (points, max) = match verdict {
        Verdict::Pass => (behaviour.points, behaviour.points),
        Verdict::Fail(_) | Verdict::Unstable(_) => (0, behaviour.points),
        Verdict::ByNature | Verdict::Skipped(_) => (0, 0),
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    CheckTest {
        name: behaviour.name.into(),
        result: verdict.name().into(),
        tries: count(tries),
        failures: count(failures),
        points,
        max,
        why: behaviour.why.into(),
        reason: verdict.reason().map(Into::into),
    }
}

/// The results if there was no server: every behaviour that would have been tried has failed.
pub(super) fn all_failed(
    setting: &Setting,
    chosen: &[&'static Behaviour],
    error: &Error,
) -> Vec<CheckTest> {
    let reason = base::exit::words(error);
    let failed = |behaviour: &&Behaviour| {
        let misfit = behaviour.does_not_fit(&setting.subject, setting.speech);
        let tries = usize::from(misfit.is_none());
        let verdict = misfit.map_or_else(|| Verdict::Fail(reason.clone()), Verdict::Skipped);
        test(behaviour, Tried { verdict, tries, failures: tries })
    };
    chosen.iter().map(failed).collect()
}

/// The report of a check.
pub(super) fn check_report(
    setting: &Setting,
    started_at: String,
    tests: Vec<CheckTest>,
) -> CheckReport {
    let (kind, name) = match &setting.subject {
        Subject::Model { model, .. } => ("model", model.name.to_string()),
        Subject::Command(words) => ("command", words.join(" ")),
        Subject::Address(address) => ("target", address.to_string()),
    };
    CheckReport {
        schema: SchemaId::check(),
        started_at,
        program_version: env!("CARGO_PKG_VERSION").into(),
        subject: CheckSubject {
            kind: kind.into(),
            name,
            app: setting.speech.app.name().into(),
            framing: setting.speech.framing.name().into(),
            path: setting.speech.page.map(|page| page.path().into()),
            one_at_a_time: setting.one_at_a_time,
        },
        score: tests.iter().map(|test| test.points).sum(),
        max: tests.iter().map(|test| test.max).sum(),
        tests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::check::{Speech, behaviours, server};

    #[test]
    fn the_table_fits_80_columns_with_every_behaviour_there_is() {
        let subject = Subject::Command(server::words("./server {port}").expect("words"));
        let setting = Setting::of_model(subject, Speech::BENCH, std::time::Duration::ZERO);
        let verdicts = [
            Verdict::Pass,
            Verdict::Unstable("nothing came".into()),
            Verdict::ByNature,
            Verdict::Skipped("needs --app bench".into()),
        ];
        for verdict in verdicts {
            let tried = Tried { verdict, tries: 3, failures: 1 };
            let tests = behaviours::all().map(|one| test(one, tried.clone())).collect();
            let text = table::check(&check_report(&setting, String::new(), tests), true);
            let widest = text.lines().map(|line| line.trim_end().chars().count()).max();
            assert!(widest <= Some(80), "{text}");
        }
    }
}
