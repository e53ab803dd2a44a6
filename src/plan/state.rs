//! Where the servers of a plan keep the state of sessions.

use anyhow::Result;
use protocol::{Home, Request, Sessions};

use super::ServerPlan;

impl ServerPlan {
    /// Where the state of sessions is.
    ///
    /// # Errors
    /// When the name is none of a home.
    pub fn home(&self) -> Result<Home> {
        let wrong = |error: String| anyhow::anyhow!("[server]: state: {error}");
        self.state.as_deref().map_or(Ok(Home::None), crate::workload::state::home).map_err(wrong)
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

    /// What is wrong with the settings of sessions.
    ///
    /// # Errors
    /// What, and what to write instead.
    pub(super) fn check_state(&self) -> Result<()> {
        let home = self.home()?;
        let in_server = |key: &str, error| anyhow::anyhow!("[server]: {key}: {error}");
        if let Some(lock) = &self.state_lock {
            crate::workload::state::lock(lock).map_err(|error| in_server("state-lock", error))?;
        }
        if let Some(ttl) = &self.session_ttl {
            let ttl = crate::base::units::parse_duration(ttl);
            let ttl = ttl.map_err(|error| in_server("session-ttl", error))?;
            anyhow::ensure!(!ttl.is_zero(), "[server]: session-ttl: longer than nothing");
        }
        anyhow::ensure!(self.sessions_max != Some(0), "[server]: sessions-max: at least 1");
        anyhow::ensure!(
            self.state_store.is_some() == (home == Home::External),
            "[server]: state = \"external\" needs state-store = \"redis://127.0.0.1:6379\", and no \
             other home has one"
        );
        Ok(())
    }

    /// These settings as arguments of `c10k serve`; none where there are no sessions.
    #[must_use]
    pub fn state_arguments(&self) -> Vec<String> {
        let history = (self.history > 0).then(|| self.history.to_string());
        let max = self.sessions_max.map(|max| max.to_string());
        let settings = [
            ("--state", &self.state),
            ("--history", &history),
            ("--state-lock", &self.state_lock),
            ("--sessions-max", &max),
            ("--session-ttl", &self.session_ttl),
            ("--state-store", &self.state_store),
        ];
        let given = settings.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?)));
        given.flat_map(|(flag, value)| [flag.to_string(), value]).collect()
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
        let request = plan.server.fit(plan.workloads[0].request.request(1)).expect("it fits");
        let sessions = Sessions { steps: 5, history: 64, home: Some(Home::Table) };
        assert_eq!(request, Request::Session(sessions));
        let arguments = plan.server.state_arguments().join(" ");
        assert_eq!(
            arguments,
            "--state table --history 64 --state-lock one --sessions-max 9 --session-ttl 2s"
        );
        assert!(Plan::quick().server.state_arguments().is_empty());
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
