//! The probe: whether this machine supports the ring that the models need, and if not, why.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::panic::resume_unwind;
use std::thread;

use io_uring::Probe;
use rustix::io::Errno;

use super::{Files, Ring, Settings};

impl Ring {
    /// A ring that can do everything needed, or the reason why there is none.
    fn that_does(settings: &Settings) -> Result<Self, String> {
        let refused = |error: &io::Error| {
            let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
            refusal(error, disabled.unwrap_or_default().trim())
        };
        // Reasons that concern every ring come before those that concern this one.
        Settings::PLAIN.build().map_err(|error| refused(&error))?;
        let ring = settings.build();
        let ring =
            ring.map_err(|error| settings.refusal(&error).unwrap_or_else(|| refused(&error)))?;
        let files = settings.registered.then(|| Files::new(&ring)).transpose();
        let files =
            files.map_err(|error| format!("io_uring takes no registered files: {error}"))?;
        let ring = Self { ring, settings: *settings, files, backlog: VecDeque::new() };
        let parameters = ring.ring.params();
        if !parameters.is_feature_nodrop() || !parameters.is_feature_ext_arg() {
            return Err("io_uring lacks waits with a timeout: Linux 5.11 or later is needed".into());
        }
        let mut probe = Probe::new();
        let registered = ring.ring.submitter().register_probe(&mut probe);
        registered.map_err(|error| format!("cannot probe io_uring's operations: {error}"))?;
        match settings.needed().iter().find(|(code, _)| !probe.is_supported(*code)) {
            Some((_, name)) => Err(format!("io_uring lacks {name}: a later Linux is needed")),
            None => Ok(ring),
        }
    }
}

/// Whether this machine can make a ring that does all of these and passes the model's own test.
///
/// # Errors
/// What refuses it, by name.
pub(crate) fn probe(
    settings: &Settings,
    trial: impl FnOnce(&Ring) -> Result<(), String> + Send,
) -> Result<(), String> {
    // In a thread of its own: the kernel takes a ring down later, and then interrupts any call of
    // the thread that made it.
    let tried = thread::scope(|scope| {
        let probe = || trial(&Ring::that_does(settings)?);
        let thread = thread::Builder::new().spawn_scoped(scope, probe);
        thread.map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    tried.unwrap_or_else(|error| {
        Err(format!("cannot start a thread to probe io_uring: {error}; see ulimit -u"))
    })
}

/// Why there is no ring. `disabled` is what the system says about rings.
fn refusal(error: &io::Error, disabled: &str) -> String {
    match (Errno::from_io_error(error), disabled) {
        (Some(Errno::NOSYS), _) => {
            "the kernel has no io_uring, or a seccomp filter blocks it (ENOSYS)".into()
        }
        (Some(Errno::PERM), "2") => {
            "io_uring is disabled (EPERM): sysctl kernel.io_uring_disabled is 2".into()
        }
        (Some(Errno::PERM), "1") => "io_uring is restricted to privileged processes and \
            kernel.io_uring_group (EPERM): sysctl kernel.io_uring_disabled is 1"
            .into(),
        (Some(Errno::PERM), _) => "io_uring_setup(2) is forbidden (EPERM), probably by a \
            container's seccomp filter"
            .into(),
        (Some(Errno::NOMEM), _) => {
            "not enough lockable memory for io_uring (ENOMEM): raise ulimit -l".into()
        }
        (Some(Errno::MFILE), _) => format!("no descriptor for io_uring: {error}; see ulimit -n"),
        _ => format!("io_uring_setup(2) failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_probe_interrupts_nobody_afterwards() {
        let (mut socket, _peer) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        for _ in 0..5 {
            // Whether there is a ring or none is the same here.
            let _ = probe(&Settings::PLAIN, |_| Ok(()));
            let silence = socket.read(&mut [0]).unwrap_err();
            assert_eq!(silence.kind(), io::ErrorKind::WouldBlock, "{silence}");
        }
    }

    #[test]
    fn whatever_refuses_a_ring_is_named() {
        let refused = |errno: Errno, disabled| refusal(&errno.into(), disabled);
        assert!(refused(Errno::NOSYS, "").contains("ENOSYS"));
        assert!(refused(Errno::PERM, "2").contains("kernel.io_uring_disabled is 2"));
        assert!(refused(Errno::PERM, "1").contains("kernel.io_uring_group"));
        assert!(refused(Errno::PERM, "0").contains("seccomp"));
        assert!(refused(Errno::NOMEM, "0").contains("ulimit -l"));
        assert!(refused(Errno::MFILE, "0").contains("Too many open files"));
    }
}
