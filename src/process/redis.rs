//! A store of our own for the home "external": redis-server on loopback, in a folder of its own, ended
//! with whoever started it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::parent::end_with_parent;
use crate::base::patient::Patient;

/// A store that does not answer by then will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running store.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Redis {
    /// Whether there is one to be started.
    #[must_use]
    pub fn is_installed() -> bool {
        let mut command = Command::new("redis-server");
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Starts one that keeps nothing on disk, and waits until it answers. Ctrl-C in a terminal goes
    /// to the whole process group: this store is in one of its own, and is its owner's to stop.
    ///
    /// # Errors
    /// When it is not installed, or does not answer.
    pub fn start() -> Result<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Self::launch(free, |command| command.process_group(0))
    }

    /// The same at this port, in the process group of its owner.
    ///
    /// # Errors
    /// As above.
    pub fn start_at(port: u16) -> Result<Self> {
        Self::launch((Ipv4Addr::LOCALHOST, port).into(), |command| command)
    }

    fn launch(address: SocketAddr, group: fn(&mut Command) -> &mut Command) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]);
        command.arg(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        end_with_parent(&mut command, Signal::TERM);
        let child = group(&mut command).spawn().context("cannot start redis-server")?;
        let mut redis = Self { child, address, _dir: dir };
        let deadline = Instant::now() + PATIENCE;
        while !redis.answers() {
            if let Some(status) = redis.child.try_wait()? {
                bail!("redis-server ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("redis-server does not answer at {address}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(redis)
    }

    /// Where it is, as servers are told.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends it as a crash would; what it kept is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
            let mut stream = Patient::new(stream, PATIENCE)?;
            stream.write_all(b"PING\r\n")?;
            let mut reply = [0; 7];
            stream.read_exact(&mut reply)?;
            Ok(&reply == b"+PONG\r\n")
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // It is our child and was not waited for, so its number is nobody else's.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_answers_and_is_gone_afterwards() {
        if !Redis::is_installed() {
            eprintln!("skipped: redis-server is not installed");
            return;
        }
        let redis = Redis::start().expect("it starts");
        let (address, pid) = (redis.address, redis.child.id());
        assert!(redis.url().starts_with("redis://127.0.0.1:"));
        drop(redis);
        assert!(TcpStream::connect(address).is_err(), "it is still there");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
