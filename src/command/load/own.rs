//! A server that `c10k load --serve` starts for one trial.

use anyhow::{Context, Result};

use super::LoadArgs;
use crate::host::machine;
use crate::plan::ServerPlan;
use crate::process::child::ServerChild;
use crate::process::ours::{self, Clients};

/// A server that was started for one trial.
#[derive(Debug)]
pub(crate) struct OwnServer {
    pub(crate) child: ServerChild,
    pub(crate) model: &'static str,
    pub(crate) cpus: Vec<usize>,
}

impl OwnServer {
    /// A fresh process of the model of `--serve`, on the processors that the generator leaves free;
    /// `None` without `--serve`.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(args: &LoadArgs) -> Result<Option<Self>> {
        let Some(model) = &args.serve else { return Ok(None) };
        let model = servers::models::find(model).context("the model is not listed")?;
        let settings = ServerPlan {
            app: args.app().name().into(),
            framing: args.framing().name().into(),
            state: args.request.session.state.map(|home| home.name().into()),
            history: args.request.session.history,
            ..ServerPlan::default()
        };
        let all = machine::cpus();
        let mut cpus = Vec::new();
        if !args.cpus.is_empty() {
            cpus = all.iter().copied().filter(|cpu| !args.cpus.contains(cpu)).collect();
        }
        // This thread goes back to where it was; those of the generator pin themselves.
        let back = if cpus.is_empty() { &[][..] } else { &all };
        let come_and_go = args.conduct.connections_end();
        let clients = Clients { greeting: args.greeting, come_and_go };
        let child = ours::start(model, &settings, clients, (&cpus, back))?;
        Ok(Some(Self { child, model: model.name, cpus }))
    }
}
