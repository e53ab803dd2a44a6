//! The server that all generators load: nginx, or one of our models.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::support::process::{self, Process, spawn_on};

/// How long nginx may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

/// A server that answers `GET /`.
pub(crate) struct TargetServer {
    what: What,
    pub(crate) address: SocketAddr,
    // Last, so that it is dropped after the server that runs in it.
    _folder: tempfile::TempDir,
}

enum What {
    Nginx(Child),
    Ours(Process),
}

impl TargetServer {
    /// Starts `nginx`, or the model of this name, on one processor.
    pub(crate) fn start(name: &str, cpu: usize) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the server")?;
        if name == "nginx" {
            let (child, address) = nginx(folder.path(), cpu)?;
            return Ok(Self { what: What::Nginx(child), address, _folder: folder });
        }
        let framing = ["--framing".to_string(), "http".to_string()];
        let process::ServerProcess { process, address } =
            process::ServerProcess::start_model_with(name, &framing, cpu)?;
        Ok(Self { what: What::Ours(process), address, _folder: folder })
    }

    /// Its first process.
    pub(crate) fn pid(&self) -> i32 {
        match &self.what {
            What::Nginx(child) => i32::try_from(child.id()).expect("process ids fit"),
            What::Ours(process) => process.pid(),
        }
    }
}

impl Drop for TargetServer {
    fn drop(&mut self) {
        if let What::Nginx(child) = &mut self.what {
            // nginx is one process here, so no worker is left behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One process that answers every request from memory, as `return` does, and logs nothing.
fn nginx(folder: &Path, cpu: usize) -> Result<(Child, SocketAddr)> {
    // Another process might take the port meanwhile; then nginx reports it and the run fails.
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;\n\
         events {{ worker_connections 16384; }}\n\
         http {{\n\
           access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on;\n\
           client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; \
           scgi_temp_path s;\n\
           server {{ listen {address} backlog=4096; location / {{ return 200 \"ok\"; }} }}\n\
         }}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, config)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file).stdin(Stdio::null());
    let mut child = spawn_on(&mut command, cpu)?;
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("nginx ended: {status}");
        }
        if begun.elapsed() > START_MAX {
            let _ = child.kill();
            bail!("nginx did not listen within {START_MAX:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok((child, address))
}
