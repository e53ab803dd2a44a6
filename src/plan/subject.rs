//! The servers that a plan measures: models, external servers, and one model a second time.

use std::fmt;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use protocol::{App, Framing};
use serde::{Deserialize, Serialize};
use servers::{Family, MODELS, Model, VARIANTS, broken, models};

use super::{Plan, ServerPlan, Workload, is_file_name};
use crate::base::did_you_mean;
use crate::document::name_of;

/// The value of a plan's `twin` for none.
pub(super) const NO_TWIN: &str = "none";

/// The name of the null baseline.
const NULL: &str = "null";

/// A server that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct External {
    /// Its name, in the place of a model's.
    pub name: String,
    /// What starts it, once for each trial; `{port}` and `{address}` in it are where to listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Instead, where one listens that is there already. It is neither started nor stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What a request means to it, if not what the plan's servers make of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// How it cuts the stream into requests, if not as the plan's servers do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framing: Option<String>,
    /// A folder that `{folder}` in the command stands for, as an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// One that `{build}` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
}

/// The servers to measure.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A model.
    Model(&'static Model),
    /// A server that is not ours.
    External(&'a External),
    /// The null baseline's server, which only echoes. It is not a candidate.
    Null,
}

impl<'a> Subject<'a> {
    /// The name in results.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::Model(model) => model.name,
            Self::External(external) => &external.name,
            Self::Null => NULL,
        }
    }

    fn serves_concurrently(&self) -> bool {
        !matches!(self, Self::Model(model) if model.family == Family::Sequential)
    }

    /// Why it cannot be measured with these settings: said by the model itself.
    fn refuses(&self, workload: &Workload, server: &ServerPlan, clients: usize) -> Option<String> {
        match self {
            Self::Model(model) => {
                if let Some(reason) = server.home().ok().and_then(|home| model.refuses(home)) {
                    return Some(reason);
                }
                let most = model.holds_at_most.filter(|most| clients > *most)?;
                Some(format!(
                    "it holds at most {most} connections, and this workload has {clients}"
                ))
            }
            Self::Null => None,
            Self::External(_) if workload.greeting => Some("it sends no greeting".into()),
            Self::External(external) => {
                let varied = workload.factors.iter().find(|f| f.name.starts_with("server."))?;
                let own = external.framing.is_none() && external.app.is_none();
                let spoken = own && ["server.framing", "server.app"].contains(&&*varied.name);
                (!spoken).then(|| format!("it does not support the setting {}", varied.name))
            }
        }
    }
}

/// One of those that a workload's figures are compared between.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub subject: Subject<'a>,
    /// Whether this is its second measurement in each block: what differs between the two is noise.
    pub twin: bool,
}

impl fmt::Display for Candidate<'_> {
    /// As everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name_of(self.subject.name(), self.twin))
    }
}

impl External {
    fn check(&self) -> Result<()> {
        ensure!(is_file_name(&self.name), "name: use letters, digits, - and _ only");
        ensure!(
            models::find(&self.name).is_none() && broken::find(&self.name).is_none(),
            "name: a built-in model has this name"
        );
        match (&self.command, &self.target) {
            (Some(words), None) => ensure!(
                words.first().is_some_and(|program| !program.is_empty()),
                "command: name a program, as in [\"python3\", \"server.py\", \"{{port}}\"]"
            ),
            (None, Some(_)) => self.address().map(|_| ())?,
            _ => bail!(
                "give either command = [\"python3\", \"server.py\", \"{{port}}\"], which is \
                 started for each trial, or target = \"127.0.0.1:9000\", a server that is already \
                 running"
            ),
        }
        Ok(())
    }

    /// The words of its command with its folders filled in; absent where it is there already.
    ///
    /// # Errors
    /// When there is no current folder that they could be in.
    pub fn words(&self) -> Result<Option<Vec<String>>> {
        let absolute = |folder: &Option<String>| -> Result<Option<String>> {
            let Some(folder) = folder else { return Ok(None) };
            let folder = std::path::absolute(folder).with_context(|| folder.clone())?;
            Ok(Some(folder.to_string_lossy().into_owned()))
        };
        let places = [("{folder}", absolute(&self.folder)?), ("{build}", absolute(&self.build)?)];
        let place = |word: &String| {
            places.iter().fold(word.clone(), |word, (mark, folder)| match folder {
                Some(folder) => word.replace(mark, folder),
                None => word,
            })
        };
        Ok(self.command.as_ref().map(|words| words.iter().map(place).collect()))
    }

    /// Where it listens, if it is there already.
    ///
    /// # Errors
    /// When that is no address.
    pub fn address(&self) -> Result<SocketAddr> {
        let target = self.target.as_deref().context("target: there is none")?;
        crate::base::target::listening(target).map_err(|error| anyhow::anyhow!("target: {error}"))
    }
}

impl Plan {
    /// The models, in teaching order.
    ///
    /// # Errors
    /// When a name is not a model's, with the nearest that is.
    pub fn models(&self) -> Result<Vec<&'static Model>> {
        for name in self.models.iter().filter(|name| *name != "all") {
            ensure!(
                broken::find(name).is_none(),
                "'{name}' is broken on purpose and is not measured: `c10k serve --broken {name}` \
                 serves it"
            );
            if models::find(name).is_none() {
                let hint = did_you_mean(name, MODELS.iter().map(|model| model.name));
                bail!("there is no model '{name}'{hint} `c10k models` lists them");
            }
        }
        let all = self.models.iter().any(|name| name == "all");
        let named = |model: &&Model| self.models.iter().any(|name| name == model.name);
        let listed = MODELS.iter().filter(|model| all || named(model));
        Ok(listed.chain(VARIANTS.iter().filter(named)).collect())
    }

    /// Models, then servers of others.
    ///
    /// # Errors
    /// When a name is not a model's.
    pub fn subjects(&self) -> Result<Vec<Subject<'_>>> {
        let models = self.models()?.into_iter().map(Subject::Model);
        Ok(models.chain(self.externals.iter().map(Subject::External)).collect())
    }

    /// Who is measured under every workload that is not left out for them; the twin comes last.
    ///
    /// # Errors
    /// When a name is not a model's.
    pub fn candidates(&self) -> Result<Vec<Candidate<'_>>> {
        let subjects = self.subjects()?;
        let twin = self.twin_of(&subjects);
        let each = subjects.into_iter().map(|subject| Candidate { subject, twin: false });
        Ok(each.chain(twin.map(|subject| Candidate { subject, twin: true })).collect())
    }

    /// The model that is measured a second time in each block: that of the plan, or the first that
    /// serves its clients concurrently.
    fn twin_of<'a>(&self, subjects: &[Subject<'a>]) -> Option<Subject<'a>> {
        let mut subjects = subjects.iter().copied();
        match self.twin.as_deref() {
            Some(NO_TWIN) => None,
            Some(name) => subjects.find(|subject| subject.name() == name),
            None => subjects.find(Subject::serves_concurrently),
        }
    }

    /// Says who the twin is, so that a run that is resumed has the same; a named one that is not
    /// measured makes way for the default.
    ///
    /// # Errors
    /// When a name is not a model's.
    pub fn settle_twin(&mut self) -> Result<()> {
        let subjects = self.subjects()?;
        let known = |name: &&String| {
            *name == NO_TWIN || subjects.iter().any(|subject| subject.name() == *name)
        };
        let named = self.twin.as_ref().filter(known).cloned();
        let plan = Self { twin: named, ..self.clone() };
        let twin = plan.twin_of(&subjects).map_or(NO_TWIN, |subject| subject.name()).to_string();
        self.twin = Some(twin);
        Ok(())
    }

    /// Settings of the servers under a workload.
    #[must_use]
    pub fn server_of<'a>(&'a self, workload: &'a Workload) -> &'a ServerPlan {
        workload.server.as_ref().unwrap_or(&self.server)
    }

    /// Application and framing of a workload.
    ///
    /// # Errors
    /// When a name is not one of theirs.
    pub fn service(&self, workload: &Workload) -> Result<(App, Framing)> {
        let in_server = |error: String| anyhow::anyhow!("[server]: {error}");
        let server = self.server_of(workload);
        let app = crate::base::values::app(&server.app).map_err(in_server)?;
        Ok((app, crate::base::values::framing(&server.framing).map_err(in_server)?))
    }

    /// The same with one that is measured, which may speak differently.
    ///
    /// # Errors
    /// When a name is not one of theirs.
    pub fn service_of(&self, workload: &Workload, subject: Subject<'_>) -> Result<(App, Framing)> {
        let (mut app, mut framing) = self.service(workload)?;
        if let Subject::External(external) = subject {
            let wrong = |error| anyhow::anyhow!("external '{}': {error}", external.name);
            if let Some(name) = &external.app {
                app = crate::base::values::app(name).map_err(wrong)?;
            }
            if let Some(name) = &external.framing {
                framing = crate::base::values::framing(name).map_err(wrong)?;
            }
        }
        Ok((app, framing))
    }

    /// Why a server is not measured under a workload, if it is not.
    #[must_use]
    pub fn excludes(&self, workload: &Workload, subject: Subject<'_>) -> Option<String> {
        let name = subject.name();
        let named = self.exclude.iter().find(|exclude| {
            exclude.models.iter().any(|model| model == name)
                && exclude.workloads.iter().any(|of| workload.is_called(of))
        });
        if let Some(exclude) = named {
            return Some(exclude.reason.clone());
        }
        let clients = self.connections(workload) + workload.idle_connections.unwrap_or(0);
        subject.refuses(workload, self.server_of(workload), clients)
    }

    pub(super) fn check_subjects(&self) -> Result<()> {
        for (at, external) in self.externals.iter().enumerate() {
            let name = &external.name;
            external.check().with_context(|| format!("external '{name}'"))?;
            ensure!(
                self.externals[..at].iter().all(|before| before.name != *name),
                "two externals are called '{name}'"
            );
        }
        let subjects = self.subjects()?;
        ensure!(!subjects.is_empty(), "models: name at least one");
        let names: Vec<&str> = subjects.iter().map(Subject::name).collect();
        if let Some(twin) = self.twin.as_deref().filter(|twin| *twin != NO_TWIN) {
            let hint = did_you_mean(twin, names.iter().copied());
            ensure!(
                names.contains(&twin),
                "twin: '{twin}' is not measured by this plan{hint} or write \"none\""
            );
        }
        let mut workloads: Vec<&str> = Vec::new();
        for workload in &self.workloads {
            workloads.extend(workload.series.as_deref().into_iter().chain([&*workload.name]));
        }
        for exclude in &self.exclude {
            ensure!(
                !exclude.reason.trim().is_empty(),
                "exclude: give a reason, as in reason = \
                \"...\""
            );
            for name in &exclude.models {
                let measured = MODELS.iter().chain(VARIANTS);
                let known = measured.map(|model| model.name).chain(names.iter().copied());
                let hint = did_you_mean(name, known.clone());
                ensure!(known.clone().any(|k| k == name), "exclude: there is no '{name}'{hint}");
            }
            for name in &exclude.workloads {
                let hint = did_you_mean(name, workloads.iter().copied());
                ensure!(workloads.contains(&&**name), "exclude: no workload '{name}'{hint}");
            }
        }
        Ok(())
    }
}
