//! Facts about the machine from the kernel, one for each function. Results record them, and the
//! doctor judges them. A fact that the kernel does not report is absent.

use std::collections::BTreeMap;

use super::Root;
use crate::base::units::parse_cpus;

const CPU: &str = "sys/devices/system/cpu";

impl Root {
    /// Processors that are online.
    pub(crate) fn online(&self) -> Option<Vec<usize>> {
        parse_cpus(&self.read(&format!("{CPU}/online"))?).ok()
    }

    /// Processors this process may use.
    pub(crate) fn allowed(&self) -> Vec<usize> {
        let list = self.field("proc/self/status", "Cpus_allowed_list");
        list.and_then(|list| parse_cpus(&list).ok()).unwrap_or_default()
    }

    /// Of processor 0.
    pub(crate) fn governor(&self) -> Option<String> {
        self.read(&format!("{CPU}/cpu0/cpufreq/scaling_governor"))
    }

    /// Whether the clock may rise above its nominal rate. Two drivers have each its own file, which
    /// say the opposite of each other.
    pub(crate) fn turbo(&self) -> Option<bool> {
        let forbidden = self.number(&format!("{CPU}/intel_pstate/no_turbo"));
        let allowed = || self.number(&format!("{CPU}/cpufreq/boost"));
        forbidden.map(|no| no == 0).or_else(|| allowed().map(|yes| yes != 0))
    }

    /// Whether several threads share a core.
    pub(crate) fn smt(&self) -> Option<String> {
        self.read(&format!("{CPU}/smt/control"))
    }

    /// Whether the processor reports a hypervisor.
    pub(crate) fn is_virtual(&self) -> Option<bool> {
        let flags = self.field("proc/cpuinfo", "flags")?;
        Some(flags.split(' ').any(|flag| flag == "hypervisor"))
    }

    /// Each weakness of the processor, and what the kernel does about it.
    pub(crate) fn mitigations(&self) -> BTreeMap<String, String> {
        let folder = format!("{CPU}/vulnerabilities");
        let told = self.names(&folder).into_iter().filter_map(|name| {
            let text = self.read(&format!("{folder}/{name}"))?;
            Some((name, text))
        });
        told.collect()
    }

    pub(crate) fn clock_source(&self) -> Option<String> {
        self.read("sys/devices/system/clocksource/clocksource0/current_clocksource")
    }

    /// `always`, `madvise` or `never`.
    pub(crate) fn huge_pages(&self) -> Option<String> {
        chosen(&self.read("sys/kernel/mm/transparent_hugepage/enabled")?)
    }

    /// A line of `/proc/meminfo`, in bytes.
    pub(crate) fn memory(&self, name: &str) -> Option<u64> {
        let text = self.field("proc/meminfo", name)?;
        Some(text.strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }

    /// A hard limit of this process, by its name in `/proc/self/limits`; `Some(None)` for unlimited.
    pub(crate) fn hard_limit(&self, name: &str) -> Option<Option<u64>> {
        let limits = self.read("proc/self/limits")?;
        let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().nth(1)?.parse().ok())
    }

    /// The longest listen queue that the kernel allows.
    pub(crate) fn somaxconn(&self) -> Option<u32> {
        self.read("proc/sys/net/core/somaxconn")?.parse().ok()
    }

    /// The first and the last port that the kernel gives to clients.
    pub(crate) fn port_range(&self) -> Option<(u16, u16)> {
        let text = self.read("proc/sys/net/ipv4/ip_local_port_range")?;
        let mut ports = text.split_whitespace().map(str::parse);
        Some((ports.next()?.ok()?, ports.next()?.ok()?))
    }

    /// 1 for all connections, 2 for those over loopback, 0 for none.
    pub(crate) fn tcp_tw_reuse(&self) -> Option<u32> {
        self.read("proc/sys/net/ipv4/tcp_tw_reuse")?.parse().ok()
    }

    /// Of new sockets.
    pub(crate) fn congestion_control(&self) -> Option<String> {
        self.read("proc/sys/net/ipv4/tcp_congestion_control")
    }

    /// Time that the hypervisor took from all processors together since boot, and all time, in
    /// clock ticks.
    pub(crate) fn steal_and_total_ticks(&self) -> Option<(u64, u64)> {
        let ticks = ticks_of(&self.read("proc/stat")?, "cpu")?;
        Some((ticks.get(7).copied().unwrap_or(0), ticks.iter().sum()))
    }

    /// Time that these processors spent in user mode and in the kernel since boot, interrupts included, in
    /// clock ticks; whoever it was for.
    pub(crate) fn busy_ticks(&self, cpus: &[usize]) -> Option<(u64, u64)> {
        let stat = self.read("proc/stat")?;
        let mut busy = (0, 0);
        for cpu in cpus {
            let ticks = ticks_of(&stat, &format!("cpu{cpu}"))?;
            let of = |columns: &[usize]| -> u64 {
                columns.iter().map(|at| ticks.get(*at).copied().unwrap_or(0)).sum()
            };
            busy.0 += of(&[0, 1]);
            busy.1 += of(&[2, 5, 6]);
        }
        Some(busy)
    }
}

/// The columns of `/proc/stat` for one processor, or for all: user, nice, system, idle, waiting for I/O,
/// hard and soft interrupts, stolen. What guests of this machine use is in user time already.
fn ticks_of(stat: &str, name: &str) -> Option<Vec<u64>> {
    let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split_whitespace().take(8).map(|ticks| ticks.parse().ok()).collect()
}

/// The one in brackets, as in `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(chosen, _)| chosen.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    /// A tree with one file in it.
    fn with(path: &str, text: &str) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
        let root = Root::at(folder.path());
        (folder, root)
    }

    #[test]
    fn the_chosen_one_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
    }

    #[test]
    fn a_port_range_has_two_ends() {
        let range = |text| with("proc/sys/net/ipv4/ip_local_port_range", text).1.port_range();
        assert_eq!(range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(range("32768"), None);
    }

    #[test]
    fn drivers_that_say_the_opposite_are_understood() {
        for (file, text, on) in [
            ("cpufreq/boost", "1", true),
            ("cpufreq/boost", "0", false),
            ("intel_pstate/no_turbo", "1", false),
            ("intel_pstate/no_turbo", "0", true),
        ] {
            let (_folder, root) = with(&format!("{CPU}/{file}"), text);
            assert_eq!(root.turbo(), Some(on), "{file} {text}");
        }
    }

    #[test]
    fn an_unlimited_limit_is_no_number_and_is_told() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax processes  7  unlimited  processes\n\
                    Max open files  100  200  files\n";
        let (_folder, root) = with("proc/self/limits", text);
        assert_eq!(root.hard_limit("Max open files"), Some(Some(200)));
        assert_eq!(root.hard_limit("Max processes"), Some(None));
        assert_eq!(root.hard_limit("Max patience"), None);
    }

    #[test]
    fn ticks_are_of_all_processors_and_guests_count_once() {
        let (_folder, root) = with("proc/stat", "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1\n");
        assert_eq!(root.steal_and_total_ticks(), Some((8, 36)));
    }

    #[test]
    fn ticks_of_single_processors_are_those_of_their_lines() {
        let text = "cpu 9 9 9 9\ncpu1 1 2 4 8 16 32 64 128\ncpu10 100 0 200 0 0 0 0 0\ncpu11 7\n";
        let (_folder, root) = with("proc/stat", text);
        assert_eq!(root.busy_ticks(&[1]), Some((3, 100)));
        assert_eq!(root.busy_ticks(&[1, 10]), Some((103, 300)));
        assert_eq!(root.busy_ticks(&[11]), Some((7, 0)));
        assert_eq!(root.busy_ticks(&[0]), None, "a processor that is not there");
    }

    #[test]
    fn the_kernel_s_own_files_are_understood() {
        let root = Root::of_this_machine();
        let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!(root.hard_limit("Max open files"), Some(own.maximum));
        assert_eq!(root.allowed(), crate::host::machine::cpus());
        let (steal, total) = root.steal_and_total_ticks().expect("told");
        assert!(steal < total);
        let (user, system) = root.busy_ticks(&root.allowed()).expect("told");
        assert!(0 < user + system && user + system < total);
        assert!(root.memory("MemTotal") > root.memory("MemAvailable"));
    }

    proptest! {
        #[test]
        fn garbage_is_no_fact(text in "[ -~\t]{0,40}") {
            if let Some(found) = chosen(&text) {
                let bracketed = format!("[{found}]");
                prop_assert!(text.contains(&bracketed));
            }
        }
    }
}
