//! Workloads whose servers have different numbers of processors.

use anyhow::{Result, ensure};

use super::{Plan, Workload};
use crate::host::machine::{Placement, Topology};

impl Plan {
    /// Where the servers of a workload and the generator are on such a machine, and why there.
    #[must_use]
    pub(crate) fn placement(&self, topology: &Topology, workload: Option<&Workload>) -> Placement {
        let servers = workload.and_then(|workload| workload.server_processors);
        let mut placement = topology.place(servers.unwrap_or(1), self.share_cores);
        if servers.is_some() {
            return placement;
        }
        if let Some(cpus) = &self.server_cpus {
            placement.server.clone_from(cpus);
        }
        if let Some(cpus) = &self.client_cpus {
            placement.client.clone_from(cpus);
        }
        if self.server_cpus.is_some() || self.client_cpus.is_some() {
            placement.rule = "as the plan says".into();
        }
        placement
    }

    /// Leaves out the workloads whose servers would need more processors than there are beside the
    /// generator's, and says so.
    ///
    /// # Errors
    /// When none is left.
    pub(crate) fn leave_out_unplaceable(&mut self) -> Result<Vec<String>> {
        let topology = Topology::of_this_machine();
        self.keep_placeable(topology.servers_max(self.share_cores))
    }

    /// Likewise, with so many processors for servers.
    fn keep_placeable(&mut self, max: usize) -> Result<Vec<String>> {
        let of = |workload: &Workload| workload.server_processors.unwrap_or(0);
        let mut gone: Vec<usize> = self.workloads.iter().map(of).filter(|n| *n > max).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        gone.sort_unstable();
        gone.dedup();
        self.workloads.retain(|workload| of(workload) <= max);
        self.forget_workloads();
        let unit = if self.share_cores { "processors" } else { "cores" };
        ensure!(
            !self.workloads.is_empty(),
            "the plan {} needs two {unit}, one for the server and one for the generator, but this machine has fewer",
            self.name
        );
        let listed =
            |all: &[usize]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut left: Vec<usize> = self.workloads.iter().map(of).filter(|n| *n > 0).collect();
        left.sort_unstable();
        left.dedup();
        let mut note = format!(
            "server-processors {} left out: the generator needs one of the {} {unit} of this machine",
            listed(&gone),
            max + 1
        );
        if left.len() < 2 {
            note += &format!(
                "; {} alone cannot show how servers scale: use a machine with more {unit}",
                listed(&left)
            );
        }
        Ok(vec![note])
    }

    /// Checks what a workload says of processors.
    pub(super) fn check_processors(&self, workload: &Workload) -> Result<()> {
        let Some(processors) = workload.server_processors else { return Ok(()) };
        ensure!(processors >= 1, "server-processors: at least 1");
        ensure!(
            self.server_cpus.is_none() && self.client_cpus.is_none(),
            "server-processors: leave out server-cpus and client-cpus, which follow from it"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::host::machine::{Root, Topology};
    use crate::plan::Plan;

    fn scaling() -> Plan {
        Plan::built_in("scaling").expect("it is built in").expect("it is in order")
    }

    fn left(plan: &Plan) -> Vec<usize> {
        plan.workloads.iter().filter_map(|workload| workload.server_processors).collect()
    }

    #[test]
    fn what_there_are_no_processors_for_is_left_out_by_name() {
        let mut plan = scaling();
        let all = left(&plan);
        assert!(plan.keep_placeable(1_000).expect("enough").is_empty());
        assert_eq!(left(&plan), all);
        let notes = plan.keep_placeable(4).expect("some are left");
        assert_eq!(left(&plan), [1, 2, 3, 4]);
        assert!(notes[0].starts_with("server-processors 6, 8"), "{notes:?}");
        assert!(
            notes[0].ends_with("the generator needs one of the 5 cores of this machine"),
            "{notes:?}"
        );
        let notes = plan.keep_placeable(1).expect("one is left");
        assert_eq!(left(&plan), [1]);
        assert!(notes[0].contains("cannot show how servers scale"), "{notes:?}");
        let error = plan.keep_placeable(0).expect_err("none is left").to_string();
        assert!(error.contains("needs two cores"), "{error}");
    }

    /// A run pins its own thread, and has to place the servers of later trials as if it had not.
    #[test]
    fn servers_are_placed_on_the_machine_that_is_told_and_not_on_what_this_thread_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let topology = Topology::of(&Root::at(folder.path()), &[200, 300, 500, 700]);
        let plan = scaling();
        for (workload, servers) in plan.workloads.iter().zip(1..=3) {
            let placement = plan.placement(&topology, Some(workload));
            assert_eq!(placement.server, [200, 300, 500][..servers]);
            assert_eq!(placement.client, [700]);
        }
    }

    #[test]
    fn processors_follow_from_their_number_or_are_named() {
        let text = scaling().to_toml().expect("TOML");
        for (with, named) in [
            ("server-cpus = [0]\n", "leave out server-cpus"),
            ("client-cpus = [1]\n", "leave out server-cpus and client-cpus"),
        ] {
            let error = Plan::parse(&format!("{with}{text}")).expect_err(with);
            assert!(format!("{error:#}").contains(named), "{error:#}");
        }
        let zero = text.replace("server-processors = 1\n", "server-processors = 0\n");
        let error = Plan::parse(&zero).expect_err("none");
        assert!(format!("{error:#}").contains("at least 1"), "{error:#}");
    }
}
