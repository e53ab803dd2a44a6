//! The home of session state in the servers of a plan.

use anyhow::{Result, anyhow, ensure};
use protocol::{Home, Request, Sessions};

use super::ServerPlan;
use crate::base::units::parse_duration;
use crate::workload::state::{StateArgs, home, lock};

impl ServerPlan {
    /// Where the state of sessions is.
    ///
    /// # Errors
    /// When the name is none of a home.
    pub fn home(&self) -> Result<Home> {
        let wrong = |error: String| anyhow!("[server]: state: {error}");
        self.state.as_deref().map_or(Ok(Home::None), home).map_err(wrong)
    }

    /// A request as it is to these servers: the steps of a session depend on what they keep.
    ///
    /// # Errors
    /// When the name is none of a home.
    pub fn fit(&self, request: Request) -> Result<Request> {
        let Request::Session(sessions) = request else { return Ok(request) };
        let (home, history) = (Some(self.home()?), self.history);
        Ok(Request::Session(Sessions { home, history, ..sessions }))
    }

    /// What a server does with the state of sessions.
    ///
    /// # Errors
    /// What is wrong with the settings, and what to write instead.
    pub fn state(&self) -> Result<StateArgs> {
        let in_server = |key: &'static str| move |error| anyhow!("[server]: {key}: {error}");
        let default = StateArgs::default();
        let typed_lock = self.state_lock.as_deref().map(lock).transpose();
        let typed_ttl = self.session_ttl.as_deref().map(parse_duration).transpose();
        let state = StateArgs {
            state: self.home()?,
            history: self.history,
            state_lock: typed_lock.map_err(in_server("state-lock"))?.unwrap_or(default.state_lock),
            sessions_max: self.sessions_max.unwrap_or(default.sessions_max),
            session_ttl: typed_ttl
                .map_err(in_server("session-ttl"))?
                .unwrap_or(default.session_ttl),
            state_store: self.state_store.clone(),
            state_key: None,
        };
        ensure!(!state.session_ttl.is_zero(), "[server]: session-ttl: must be above 0");
        ensure!(state.sessions_max > 0, "[server]: sessions-max: at least 1");
        ensure!(
            state.state_store.is_some() == (state.state == Home::External),
            "[server]: state = \"external\" needs state-store = \"redis://127.0.0.1:6379\"; no \
             other home takes one"
        );
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    fn plan(server: &str) -> Result<Plan> {
        let quick = Plan::quick().to_toml().expect("written");
        let (before, after) = quick.split_once("[server]\n").expect("it is spelled out");
        Plan::parse(&format!("{before}[server]\n{server}\n{after}").replacen(
            "kind = \"echo\"\nbytes = 64",
            "kind = \"session\"\nsteps = 5",
            1,
        ))
    }

    #[test]
    fn sessions_are_those_of_the_server_and_survive_writing_and_reading() {
        let server = "state = \"table\"\nhistory = 64\nstate-lock = \"one\"\nsessions-max = 9\n\
                      session-ttl = \"2s\"";
        let plan = plan(server).expect("in order");
        assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
        let request = plan.workloads[0].request.request(1).expect("one of the protocol");
        let request = plan.server.fit(request).expect("it fits");
        let sessions = Sessions { steps: 5, history: 64, home: Some(Home::Table) };
        assert_eq!(request, Request::Session(sessions));
        let arguments = plan.server.state().expect("in order").words().join(" ");
        assert_eq!(
            arguments,
            "--state table --history 64 --state-lock one --sessions-max 9 --session-ttl 2s"
        );
        assert!(Plan::quick().server.state().expect("in order").words().is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_write() {
        for (server, says) in [
            ("state = \"tabel\"", "none, connection, table"),
            ("state-lock = \"two\"", "one, sharded, map"),
            ("state = \"external\"", "redis://"),
            ("session-ttl = \"5\"", "10s"),
            ("history = 12", "multiple of 8"),
        ] {
            let error = format!("{:#}", plan(server).expect_err(server));
            assert!(error.contains(says), "{server}: {error}");
        }
    }
}
