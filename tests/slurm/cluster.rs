//! A private Slurm: munged, slurmctld and three slurmd, run as the user who runs the test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{free_port, until};

/// Names of the nodes. Each is also an address of this machine, so that tasks can find each other.
pub(crate) const NODES: [&str; 3] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

const TOOLS: [&str; 8] =
    ["munged", "slurmctld", "slurmd", "srun", "sbatch", "salloc", "scontrol", "sinfo"];

/// Folders in which Debian puts system programs.
const FOLDERS: &str = "/usr/sbin:/sbin:/usr/local/sbin";

fn path() -> String {
    format!("{}:{FOLDERS}", std::env::var("PATH").unwrap_or_default())
}

/// Required programs that are not installed.
pub(crate) fn missing_tools() -> Vec<&'static str> {
    let path = path();
    let is_there = |tool: &str| path.split(':').any(|folder| Path::new(folder).join(tool).exists());
    TOOLS.into_iter().filter(|tool| !is_there(tool)).collect()
}

/// A cluster on this machine; it is stopped when the test ends in any way.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    /// munged, slurmctld, and the nodes in their order.
    daemons: Vec<Child>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).expect("it is ours");
        for name in ["munge", "state", "log"] {
            fs::create_dir(at.join(name)).expect("a folder");
        }
        let key: Vec<u8> = (0..64).flat_map(|_| random_bytes()).collect();
        fs::write(at.join("munge/key"), key).expect("a key");
        fs::set_permissions(at.join("munge/key"), fs::Permissions::from_mode(0o400)).expect("ours");
        fs::write(at.join("slurm.conf"), configuration(at)).expect("a configuration");
        let mut cluster = Self { folder, daemons: Vec::new() };
        cluster.start_munge();
        cluster.daemon("slurmctld", &["-D", "-i"]);
        for node in NODES {
            cluster.daemon("slurmd", &["-D", "-N", node]);
        }
        until("the nodes", || {
            let idle = cluster.command("sinfo").args(["-h", "-t", "idle", "-o", "%D"]).output();
            idle.is_ok_and(|output| output.stdout.starts_with(b"3"))
        });
        cluster
    }

    fn start_munge(&mut self) {
        let at = self.folder().join("munge");
        let option = |name: &str, file: &str| format!("--{name}={}", at.join(file).display());
        let mut command = Command::new("munged");
        command.env("PATH", path()).args(["--foreground", "--force", "--num-threads=2"]);
        command.args([option("socket", "socket"), option("key-file", "key")]);
        command.args([option("pid-file", "pid"), option("log-file", "log")]);
        command.arg(option("seed-file", "seed"));
        self.start_daemon("munged", command);
        until("munged", || at.join("socket").exists());
    }

    fn daemon(&mut self, program: &str, arguments: &[&str]) {
        let mut command = self.command(program);
        command.args(arguments).arg("-f").arg(self.folder().join("slurm.conf"));
        self.start_daemon(&format!("{program}{}", self.daemons.len()), command);
    }

    fn start_daemon(&mut self, name: &str, mut command: Command) {
        let log = fs::File::create(self.folder().join("log").join(name)).expect("a log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a descriptor")).stderr(log);
        self.daemons.push(command.spawn().expect("it is installed"));
    }

    /// A Slurm command for this cluster, without the variables of another job.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["SLURM", "SBATCH", "PMI", "OMPI", "C10K_"].iter().any(|it| text.starts_with(it)) {
                command.env_remove(&name);
            }
        }
        command.env("PATH", path()).env("SLURM_CONF", self.folder().join("slurm.conf"));
        command.current_dir(self.folder());
        command
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The logs of its daemons, for debugging.
    pub(crate) fn logs(&self) -> String {
        let files = fs::read_dir(self.folder().join("log")).into_iter().flatten().flatten();
        let files: Vec<PathBuf> = files.map(|file| file.path()).collect();
        let text = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default();
        files.iter().map(|file| format!("\n{}:\n{}", file.display(), text(file))).collect()
    }

    /// Kills all processes of a node at once, as if it lost power.
    pub(crate) fn kill_node(&self, node: usize, task: Task) {
        let daemon = i32::try_from(self.daemons[2 + node].id()).expect("a pid");
        for pid in [daemon, task.keeper, task.generator] {
            kill(pid);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        // No job may survive its node.
        let _ = self.command("scancel").args(["--full", "-u", &user()]).output();
        for daemon in self.daemons.iter_mut().rev() {
            kill(i32::try_from(daemon.id()).unwrap_or(0));
            let _ = daemon.wait();
        }
    }
}

/// Random bytes for the key.
fn random_bytes() -> [u8; 16] {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    let mut source = fs::File::open("/dev/urandom").expect("it is there");
    source.read_exact(&mut bytes).expect("it has bytes");
    bytes
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("it is installed");
    String::from_utf8(output.stdout).expect("text").trim().to_string()
}

fn configuration(at: &Path) -> String {
    let (at, user) = (at.display(), user());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut text = format!(
        "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\n\
         SlurmUser={user}\nSlurmdUser={user}\n\
         AuthType=auth/munge\nAuthInfo=socket={at}/munge/socket\nCredType=cred/munge\n\
         StateSaveLocation={at}/state\nSlurmdSpoolDir={at}/spool.%n\n\
         SlurmctldPidFile={at}/slurmctld.pid\nSlurmdPidFile={at}/slurmd.%n.pid\n\
         ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nSwitchType=switch/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nMpiDefault=none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1\n\
         SlurmdParameters=config_overrides\nReturnToService=2\nKillWait=1\n",
        free_port()
    );
    for node in NODES {
        text += &format!(
            "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={} CPUs=4\n",
            free_port()
        );
    }
    text + "PartitionName=all Nodes=ALL Default=YES State=UP\n"
}

/// The processes of one task on its node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// The load generator.
    pub(crate) generator: i32,
    /// The `slurmstepd` that started the generator.
    pub(crate) keeper: i32,
}

/// The task that makes this part of a load with documents in this folder.
pub(crate) fn task(folder: &Path, part: usize) -> Option<Task> {
    let rank = format!("SLURM_PROCID={part}");
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(generator) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let has =
            |bytes: &[u8], text: &str| bytes.split(|b| *b == 0).any(|it| it == text.as_bytes());
        let output = folder.join("part-%t.json");
        let is_load =
            has(&read("cmdline"), &output.to_string_lossy()) && has(&read("cmdline"), "load");
        if is_load && has(&read("environ"), &rank) {
            let stat = String::from_utf8_lossy(&read("stat")).into_owned();
            // The fields after the name, which may contain anything, are state and parent.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            return Some(Task { generator, keeper: parent });
        }
    }
    None
}

/// Ends one process, now.
pub(crate) fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
