//! The type of a behaviour: data that says what is expected, which servers it applies to, and how
//! to try it.

use anyhow::Result;
use protocol::{App, Framing};
use rustix::process::geteuid;
use servers::Family;

use super::{Case, Speech, Subject};
use crate::process::inherited::Inherited;

/// Something that a server is expected to do.
#[derive(Debug)]
pub struct Behaviour {
    /// A sentence in snake case.
    pub name: &'static str,
    /// Why it matters, in one line.
    pub why: &'static str,
    /// What it is worth.
    pub points: u32,
    /// What must be known about the server.
    pub needs: Needs,
    /// What the server must speak.
    pub speaks: Speaks,
    /// The options with which a model is started for it.
    pub flags: &'static [&'static str],
    /// A client misbehaves, and a well-behaved client beside it must not notice.
    pub hostile: bool,
    /// It needs several clients at a time.
    pub concurrent: bool,
    /// The server must not have root's exemptions.
    pub unprivileged: bool,
    /// What a model inherits.
    pub inherited: Inherited,
    /// Tries it.
    pub run: fn(&mut Case<'_>) -> Result<()>,
}

/// What must be known about a server to try a behaviour on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Where it listens.
    Address,
    /// Its process, to look at and to send signals to.
    Process,
    /// The command line, counters and timeouts of a model.
    Model,
    /// Processes below the first.
    Workers,
}

/// What a server must speak for a behaviour to be tried on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Any application in any framing, or any page over HTTP.
    Anything,
    /// Any application over lines.
    Lines,
    /// The `bench` application over lines.
    Bench,
    /// HTTP: the application `bench` for our models, any page for other servers.
    Http,
    /// What the behaviour itself makes our model speak.
    Own(Speech),
}

impl Behaviour {
    /// The fields that most behaviours share.
    pub(super) const PLAIN: Self = Self {
        name: "",
        why: "",
        points: 1,
        needs: Needs::Address,
        speaks: Speaks::Anything,
        flags: &[],
        hostile: false,
        concurrent: false,
        unprivileged: false,
        inherited: Inherited { signals: false, descriptors: 0, limit: None },
        run: |_| Ok(()),
    };

    /// Why it cannot be tried on that server, if it cannot.
    #[must_use]
    pub fn does_not_fit(&self, subject: &Subject, speech: Speech) -> Option<String> {
        self.misfit(subject, speech).map(Into::into).or_else(|| match subject {
            Subject::Model { model, .. } => (model.probe)().err(),
            Subject::Command(_) | Subject::Address(_) => None,
        })
    }

    fn misfit(&self, subject: &Subject, speech: Speech) -> Option<&'static str> {
        let is_model = matches!(subject, Subject::Model { .. });
        match (self.needs, subject) {
            (Needs::Model, Subject::Command(_) | Subject::Address(_)) => {
                return Some("needs a model's options and counters (--model)");
            }
            (Needs::Process | Needs::Workers, Subject::Address(_)) => {
                return Some("needs the server's process (--command or --model)");
            }
            (Needs::Workers, Subject::Model { model, .. }) if model.family != Family::Process => {
                return Some("the model has a single process");
            }
            _ => {}
        }
        if self.unprivileged && !is_model && geteuid().is_root() {
            return Some("root is exempt from the limit: run it as another user");
        }
        match self.speaks {
            Speaks::Lines if speech.framing != Framing::Line => Some("needs --framing line"),
            Speaks::Bench if speech.app != App::Bench => Some("needs --app bench"),
            Speaks::Bench if speech.framing != Framing::Line => Some("needs --framing line"),
            Speaks::Http if !is_model && speech.page.is_none() => Some("needs --framing http"),
            _ => None,
        }
    }

    /// What the server speaks while the behaviour is tried.
    pub(super) fn speech(&self, subject: &Subject, chosen: Speech) -> Speech {
        match (self.speaks, subject) {
            (Speaks::Own(speech), _) => speech,
            (Speaks::Http, Subject::Model { .. }) => Speech::for_app(App::Bench, Framing::Http),
            _ => chosen,
        }
    }
}
