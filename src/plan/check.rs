//! Checks of a plan beyond its types.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use protocol::Framing;

use super::{Plan, Workload, is_file_name};

/// A rate that stands for those that a run will measure.
const SOME_RATE: f64 = 1_000.0;

impl Plan {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<()> {
        ensure!(is_file_name(&self.name), "name: use letters, digits, - and _ only");
        ensure!(self.trials >= 1, "trials: at least 1");
        ensure!(self.threads >= 1, "threads: at least 1");
        ensure!(!self.measure.is_zero(), "measure: must be above 0");
        self.check_subjects()?;
        self.check_twin_workloads()?;
        self.check_rounds()?;
        ensure!(!self.workloads.is_empty(), "there is no [[workload]]");
        for (at, workload) in self.workloads.iter().enumerate() {
            let name = &workload.name;
            ensure!(is_file_name(name), "workload '{name}': letters, digits, - and _ only");
            let before = &self.workloads[..at];
            ensure!(
                before.iter().all(|other| !other.clashes_with(workload)),
                "there are two workloads '{name}'"
            );
            self.check_workload(workload).with_context(|| format!("workload '{name}'"))?;
        }
        Ok(())
    }

    fn check_workload(&self, workload: &Workload) -> Result<()> {
        let connections = self.connections(workload);
        ensure!(
            connections >= self.threads,
            "{connections} connections are fewer than {} threads",
            self.threads
        );
        self.server_of(workload).state()?;
        self.check_processors(workload)?;
        workload.arrivals.check(self)?;
        let mut services = Vec::new();
        for subject in self.subjects()? {
            let service = self.service_of(workload, subject)?;
            if self.excludes(workload, subject).is_none() && !services.contains(&service) {
                services.push(service);
            }
        }
        ensure!(!services.is_empty(), "every model is excluded from it");
        for service in services {
            ensure!(
                !workload.greeting || service.1 == Framing::Line,
                "greeting: {} framing has no greeting: leave it out, or set framing = \"line\" in \
                 [server]",
                service.1.name()
            );
            // Nothing is opened: any address is as good.
            let nobody = (SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), &[][..]);
            let load = self.load(workload, service, nobody, (self.seed, SOME_RATE))?;
            load.check()?;
        }
        Ok(())
    }
}

impl Workload {
    /// Whether it is one that is meant by this name: its own, or that of the workload that it is a
    /// point of.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.series.as_deref() == Some(name)
    }

    /// Whether a name would mean both, though they are not points of one workload.
    fn clashes_with(&self, other: &Self) -> bool {
        let kin = self.series.is_some() && self.series == other.series;
        self.name == other.name
            || (!kin
                && (self.is_called(other.series.as_deref().unwrap_or(&other.name))
                    || other.is_called(self.series.as_deref().unwrap_or(&self.name))))
    }
}
