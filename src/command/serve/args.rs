//! What `c10k serve` is told.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use protocol::{App, Framing};

use crate::base::values::{
    CpuList, address, app, broken_names, cpu_list, framing, positive, positive_duration,
    servable_names,
};
use crate::workload::state::StateArgs;

/// `c10k serve`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("kind").required(true))]
pub struct ServeArgs {
    /// The concurrency model; `c10k models` lists them
    #[arg(long, short, group = "kind", value_parser = servable_names())]
    pub model: Option<String>,
    /// A server with a fault, on purpose; `c10k models --broken` lists them with what shows it
    #[arg(long, group = "kind", value_name = "NAME", value_parser = broken_names())]
    pub broken: Option<String>,
    /// Where to listen; port 0 takes a free one and the ready line says which
    #[arg(long, default_value = "127.0.0.1:9000", value_parser = address)]
    pub listen: SocketAddr,
    /// What a request means
    #[arg(long, default_value = "bench", value_parser = app)]
    pub app: App,
    /// How the stream is cut into requests
    #[arg(long, default_value = "line", value_parser = framing)]
    pub framing: Framing,
    /// Threads or processes of a pool, loops, or threads of a runtime, where the model has them
    #[arg(long, value_parser = positive)]
    pub workers: Option<usize>,
    /// Live connections at most; by default as many as the descriptor limit has room for
    #[arg(long, value_name = "N", value_parser = positive)]
    pub max_connections: Option<usize>,
    /// Length of the kernel's queue of connections not yet accepted
    #[arg(long, default_value_t = 4096)]
    pub backlog: u32,
    /// Close a connection that completes no request, or reads no reply, for so long
    #[arg(long, default_value = "60s", value_parser = positive_duration)]
    pub idle_timeout: Duration,
    /// After SIGTERM, give connections so long to finish; a second signal cuts them at once
    #[arg(long, default_value = "5s", value_parser = positive_duration)]
    pub drain_timeout: Duration,
    /// Close each connection after so many replies
    #[arg(long, value_name = "K")]
    pub close_after: Option<NonZeroU32>,
    /// Begin every connection with a line that says which worker serves it and since when
    #[arg(long)]
    pub greeting: bool,
    /// Tell of every request on standard error: who asked what, the reply, and how long it took
    #[arg(long)]
    pub verbose: bool,
    /// Where the state of sessions is kept
    #[command(flatten)]
    pub state: StateArgs,
    /// Keep to these processors, as in 0 or 0,2 or 0-3
    #[arg(long, value_parser = cpu_list, default_value = "", hide_default_value = true)]
    pub cpus: CpuList,
    /// End when the process that started this one does
    #[arg(long, hide = true)]
    pub stop_with_parent: bool,
}
