//! The topology of processors: hardware threads of a core, cores of a NUMA node.

use std::collections::{BTreeMap, BTreeSet};

use super::Root;
use crate::base::units::parse_cpus;

/// A processor by number, and what it shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Processor {
    cpu: usize,
    /// The first hardware thread of its core.
    core: usize,
    node: usize,
}

/// The processors that may be used.
#[derive(Clone, Debug)]
pub struct Topology(Vec<Processor>);

/// Processors for a server and for its load generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Of the server; empty where there is only one processor for both.
    pub server: Vec<usize>,
    /// Of the load generator; empty likewise.
    pub client: Vec<usize>,
    /// The rule, and where it could not be kept.
    pub rule: String,
}

impl Topology {
    /// Of the processors that this thread may use now. It has fewer of them once it is pinned.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::of(&Root::of_this_machine(), &super::cpus())
    }

    /// Likewise, of any tree of files. Where the kernel tells nothing, each processor is a core, and
    /// all are near each other.
    pub(crate) fn of(root: &Root, usable: &[usize]) -> Self {
        let mut nodes = BTreeMap::new();
        for name in root.names("sys/devices/system/node") {
            let Some(node) = name.strip_prefix("node").and_then(|n| n.parse().ok()) else {
                continue;
            };
            let list = root.read(&format!("sys/devices/system/node/{name}/cpulist"));
            let cpus = list.and_then(|list| parse_cpus(&list).ok()).unwrap_or_default();
            nodes.extend(cpus.into_iter().map(|cpu| (cpu, node)));
        }
        let processor = |cpu: &usize| {
            let path = format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
            let siblings = root.read(&path).and_then(|list| parse_cpus(&list).ok());
            let core = siblings.and_then(|list| list.into_iter().min()).unwrap_or(*cpu);
            Processor { cpu: *cpu, core, node: nodes.get(cpu).copied().unwrap_or(0) }
        };
        Self(usable.iter().map(processor).collect())
    }

    /// How many processors can be given out with one generator thread's kept back: cores, or
    /// hardware threads where they may be shared.
    #[must_use]
    pub fn servers_max(&self, share_cores: bool) -> usize {
        self.in_order(share_cores).len().saturating_sub(1)
    }

    /// Processors in the order in which they are given out: by node, core and hardware thread, the
    /// second ones of all cores after the first ones of all.
    fn in_order(&self, share_cores: bool) -> Vec<Processor> {
        let mut cores = BTreeSet::new();
        let mut all = self.0.clone();
        all.sort_unstable_by_key(|one| (one.node, one.core, one.cpu));
        let (mut first, second): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| cores.insert(one.core));
        if share_cores {
            first.extend(second);
        }
        first
    }

    /// The rule: the generator has the last core of the first node and stays there however many the
    /// server has; the server has the other cores in order of node and core, one hardware thread of
    /// each. With two processors that is one each.
    #[must_use]
    pub fn place(&self, servers: usize, share_cores: bool) -> Placement {
        let mut given = self.in_order(share_cores);
        let mut rule = format!(
            "the generator on the last core of the first NUMA node, the server on the others in \
             order of node and core, {}",
            if share_cores { "hardware threads as cores" } else { "one hardware thread of each" }
        );
        if given.len() < 2 && self.0.len() > 1 {
            // One core has all of them: better shared than taken in turns.
            given = self.in_order(true);
            rule += "; here all are threads of one core, so server and generator share it";
        }
        if given.len() < 2 {
            let rule = "one processor for server and generator, which take turns".into();
            return Placement { server: Vec::new(), client: Vec::new(), rule };
        }
        let first = given[0].node;
        // The last core, and not a second thread of one.
        let whole = self.in_order(false).len().clamp(2, given.len());
        let near = given[..whole].iter().rposition(|one| one.node == first).unwrap_or(0);
        let client = given.remove(if near == 0 { 1 } else { near });
        given.truncate(servers.max(1));
        let nodes: BTreeSet<usize> = given.iter().map(|one| one.node).collect();
        if nodes.len() > 1 || !nodes.contains(&client.node) {
            rule += &format!("; the server is on {} nodes", nodes.len());
        }
        let server = given.iter().map(|one| one.cpu).collect();
        Placement { server, client: vec![client.cpu], rule }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these cores, each a list of its hardware threads, on these nodes.
    fn machine(nodes: &[&[&str]]) -> (tempfile::TempDir, Topology) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: String, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
            std::fs::write(path, text).expect("it is written");
        };
        let mut usable = Vec::new();
        for (node, cores) in nodes.iter().enumerate() {
            write(format!("sys/devices/system/node/node{node}/cpulist"), &cores.join(","));
            for threads in *cores {
                let cpus = parse_cpus(threads).expect("a list");
                for cpu in &cpus {
                    let cpu = format!("sys/devices/system/cpu/cpu{cpu}/topology");
                    write(format!("{cpu}/thread_siblings_list"), threads);
                }
                usable.extend(cpus);
            }
        }
        usable.sort_unstable();
        let topology = Topology::of(&Root::at(folder.path()), &usable);
        (folder, topology)
    }

    fn placed(nodes: &[&[&str]], servers: usize, share: bool) -> (Vec<usize>, Vec<usize>) {
        let Placement { server, client, .. } = machine(nodes).1.place(servers, share);
        (server, client)
    }

    #[test]
    fn server_and_generator_share_no_core_unless_that_is_asked_for() {
        // Threads of a core are neighbours, or far apart.
        let near: &[&[&str]] = &[&["0-1", "2-3", "4-5", "6-7"]];
        assert_eq!(placed(near, 1, false), (vec![0], vec![6]));
        assert_eq!(placed(near, 3, false), (vec![0, 2, 4], vec![6]));
        assert_eq!(placed(near, 9, false), (vec![0, 2, 4], vec![6]), "there are no more");
        assert_eq!(placed(near, 5, true), (vec![0, 2, 4, 1, 3], vec![6]));
        let far: &[&[&str]] = &[&["0,4", "1,5", "2,6", "3,7"]];
        assert_eq!(placed(far, 2, false), (vec![0, 1], vec![3]));
        let (_folder, topology) = machine(far);
        assert_eq!((topology.servers_max(false), topology.servers_max(true)), (3, 7));
    }

    #[test]
    fn nodes_are_filled_one_after_the_other_beside_the_generator() {
        let two: &[&[&str]] = &[&["0", "2", "4"], &["1", "3", "5"]];
        assert_eq!(placed(two, 2, false), (vec![0, 2], vec![4]));
        assert_eq!(placed(two, 4, false), (vec![0, 2, 1, 3], vec![4]));
        let rule = machine(two).1.place(4, false).rule;
        assert!(rule.ends_with("the server is on 2 nodes"), "{rule}");
        assert!(!machine(two).1.place(2, false).rule.contains("2 nodes"));
    }

    #[test]
    fn small_machines_have_what_there_is() {
        assert_eq!(placed(&[&["0", "1"]], 1, false), (vec![0], vec![1]), "as it always was");
        assert_eq!(placed(&[&["0"]], 1, false), (vec![], vec![]));
        let (_folder, one_core) = machine(&[&["0-1"]]);
        let placement = one_core.place(1, false);
        assert_eq!((placement.server, placement.client), (vec![0], vec![1]));
        assert!(placement.rule.contains("threads of one core"), "{}", placement.rule);
        assert_eq!(one_core.servers_max(false), 0);
        // A container may have no such files.
        let folder = tempfile::tempdir().expect("a folder");
        let blind = Topology::of(&Root::at(folder.path()), &[2, 3, 5]).place(2, false);
        assert_eq!((blind.server, blind.client), (vec![2, 3], vec![5]));
    }
}
