//! The server under check, its properties, and one behaviour after the other, repeated on failure.

use std::time::Duration;

use anyhow::{Context, Result};

use super::client::CheckClient;
use super::runner::{Case, Skip, Verdict};
use super::{Behaviour, Speech, is_model, is_sequential};
use crate::process::starting::{Start, Subject};

/// A verdict, and the number of tries behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its result.
    pub verdict: Verdict,
    /// How often it was tried; 0 where it was skipped.
    pub tries: usize,
    /// How many of those failed.
    pub failures: usize,
}

/// The server under check, and its properties.
#[derive(Debug)]
pub struct Setting {
    /// The server, or how to start one.
    pub subject: Subject,
    /// What it speaks.
    pub speech: Speech,
    /// Whether it serves a second client only when the first has left.
    pub one_at_a_time: bool,
    /// How long to wait for what it should do at once.
    pub patience: Duration,
}

impl Setting {
    /// The setting without a trial start: the properties of a model are known.
    #[must_use]
    pub fn of_model(subject: Subject, speech: Speech, patience: Duration) -> Self {
        let one_at_a_time = is_sequential(&subject);
        Self { subject, speech, one_at_a_time, patience }
    }

    /// Starts the server once, to see whether it starts and whether it serves two clients at a
    /// time.
    ///
    /// # Errors
    /// When there is no server to check.
    pub fn explore(subject: Subject, speech: Speech, patience: Duration) -> Result<Self> {
        let mut setting = Self::of_model(subject, speech, patience);
        let server = setting.subject.start(setting.plain(setting.speech, &[]))?;
        let connect = || {
            CheckClient::connect(server.address, patience)
                .context("there is no server to check: is the server running?")
        };
        let mut first = connect()?;
        if is_model(&setting.subject) {
            return Ok(setting);
        }
        if let Some(page) = speech.page {
            let told = || {
                format!(
                    "{} cannot be used for the check: give --path a page that returns a 2xx status",
                    page.path()
                )
            };
            first.exchange(&speech.question(1)).with_context(told)?;
            if connect()?.exchange(&speech.question(2)).is_err() {
                setting.speech = Speech::of_page(page.varying());
                connect()?.exchange(&setting.speech.question(1)).with_context(told)?;
            }
            // A server that closes after each reply may still serve one client at a time.
            first = connect()?;
        }
        let served =
            |client: &mut CheckClient| client.exchange(&setting.speech.question(1)).is_ok();
        let both = (speech.page.is_some() || served(&mut first))
            && connect().is_ok_and(|mut second| served(&mut second));
        setting.one_at_a_time = !both;
        Ok(setting)
    }

    /// Tries a behaviour, and repeats it on failure up to a total number of tries; with `confirm`,
    /// also if it passes.
    #[must_use]
    pub fn try_repeatedly(&self, behaviour: &Behaviour, tries: usize, confirm: bool) -> Tried {
        let mut tried = Tried { verdict: self.try_one(behaviour), tries: 1, failures: 0 };
        let mut failure = None;
        let mut next = Some(tried.verdict.clone());
        while let Some(verdict) = next.take() {
            let goes_on = match &verdict {
                Verdict::Fail(reason) => {
                    tried.failures += 1;
                    failure.get_or_insert_with(|| reason.clone());
                    true
                }
                Verdict::Skipped(_) => return Tried { verdict, tries: 0, failures: 0 },
                _ => confirm || tried.failures > 0,
            };
            // After both a pass and a failure it is unstable, so more tries would change nothing.
            let both = tried.failures > 0 && tried.failures < tried.tries;
            if goes_on && !both && tried.tries < tries {
                tried.tries += 1;
                next = Some(self.try_one(behaviour));
            }
        }
        if let Some(reason) = failure {
            let unstable = tried.failures < tried.tries;
            tried.verdict =
                if unstable { Verdict::Unstable(reason) } else { Verdict::Fail(reason) };
        }
        tried
    }

    /// Tries a behaviour.
    #[must_use]
    pub fn try_one(&self, behaviour: &Behaviour) -> Verdict {
        if let Some(reason) = behaviour.does_not_fit(&self.subject, self.speech) {
            return Verdict::Skipped(reason);
        }
        match self.attempt(behaviour) {
            Ok(()) if behaviour.concurrent && is_sequential(&self.subject) => Verdict::ByNature,
            Ok(()) => Verdict::Pass,
            Err(error) => match error.downcast_ref::<Skip>() {
                Some(skip) => Verdict::Skipped(skip.0.into()),
                None => Verdict::Fail(format!("{error:#}")),
            },
        }
    }

    fn attempt(&self, behaviour: &Behaviour) -> Result<()> {
        let mut case = Case::new(self, behaviour)?;
        let result = case.carry_out(behaviour);
        result.map_err(|error| case.with_last_words(error))
    }

    /// How a server is started by default.
    pub(super) fn plain<'a>(&self, speech: Speech, flags: &'a [&'a str]) -> Start<'a> {
        Start { flags, ..Start::plain(speech, self.patience) }
    }
}
