//! The load that the user describes: whether it is possible, and which measured cells match it.

use std::time::Duration;

use anyhow::Result;

use super::AdviseArgs;
use crate::base::units::{as_f64, ns, show_count, show_ns, show_ns_f64};
use crate::base::usage;
use crate::document::{Cell, ConductRecord, RequestRecord};

/// A measured load matches the described one if each of its numbers is within this factor.
const NEAR: f64 = 1.2;
/// Less CPU time than this is what any request costs.
const TRIFLE_NS: f64 = 2_000.0;
/// Replies up to this many bytes count as short.
const SHORT_BYTES: usize = 1024;
/// Picoseconds in a nanosecond.
const PS: f64 = 1e3;

/// How many clients ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Active {
    /// A share of all.
    Share(f64),
    /// A number.
    Count(usize),
}

/// A share such as `5%`, or a number such as `500`.
pub(super) fn active(text: &str) -> Result<Active, String> {
    let Some(percent) = text.strip_suffix('%') else {
        if text.contains('.') {
            return Err("a number of clients is whole; write a share as 5%".into());
        }
        let wrong = |error| format!("{error}; write a share as 5%");
        return crate::base::units::parse_count(text).map(Active::Count).map_err(wrong);
    };
    match percent.trim().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Active::Share(percent / 100.0)),
        Ok(percent) if percent > 100.0 => Err("write 100% or less".into()),
        _ => Err("write a share from 0% to 100%, or a number of clients, as in 5% or 500".into()),
    }
}

/// A load.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// Clients that are connected.
    pub(super) clients: usize,
    /// How many of them ask.
    pub(super) active: usize,
    /// The wait in each request.
    pub(super) wait: Duration,
    /// The CPU time of each request.
    pub(super) cpu: Duration,
    /// Requests a second of all together; none where each asks again when it has its reply.
    pub(super) rate: Option<f64>,
    /// What 99 of 100 replies must meet.
    pub(super) p99: Option<Duration>,
}

impl Asked {
    /// The load of the command line.
    ///
    /// # Errors
    /// When no server could serve such a load, with what to change.
    pub(super) fn of(args: &AdviseArgs) -> Result<Self> {
        let clients = args.clients;
        let active = match args.active {
            Active::Count(count) => count,
            Active::Share(share) => part(clients, share),
        };
        if clients == 0 || active == 0 {
            return Err(usage(format!(
                "none of {clients} clients is active: raise --clients, or give the number of active clients, as in \
                 --active 1"
            )));
        }
        if active > clients {
            return Err(usage(format!(
                "only {clients} clients are connected, so {active} cannot be active: lower --active, or raise \
                 --clients"
            )));
        }
        let asked = Self {
            clients,
            active,
            wait: args.wait,
            cpu: args.cpu,
            rate: args.rate,
            p99: args.p99,
        };
        let least = asked.wait + asked.cpu;
        if let Some(p99) = asked.p99.filter(|p99| *p99 <= least) {
            return Err(usage(format!(
                "each request takes {} by itself, so the p99 cannot be {}: raise --p99, or lower --wait and --cpu",
                show_ns(ns(least)),
                show_ns(ns(p99))
            )));
        }
        Ok(asked)
    }

    /// Clients that say nothing.
    pub(super) fn idle(&self) -> usize {
        self.clients - self.active
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        let count =
            |n: usize| if n < 10_000 { n.to_string() } else { show_count(as_f64(n as u64)) };
        let ask = match self.rate {
            Some(rate) => format!("together {} requests per second", show_count(rate)),
            None => "each sends again when it has its reply".into(),
        };
        let mut text =
            format!("{} clients ({} active); {ask}", count(self.clients), count(self.active));
        let parts = [("computes for", self.cpu), ("waits", self.wait)];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, time)| !time.is_zero())
            .map(|(verb, time)| format!("{verb} {}", show_ns(ns(*time))))
            .collect();
        if !parts.is_empty() {
            text += &format!("; a request {}", parts.join(" and "));
        }
        text
    }

    /// The command that asks for it.
    pub(super) fn command(&self) -> String {
        let time = |time: Duration| humantime::format_duration(time).to_string().replace(' ', "");
        let mut text = format!("c10k advise --clients {} --active {}", self.clients, self.active);
        let rate = self.rate.map(|rate| format!(" --rate {rate}"));
        let times = [("wait", Some(self.wait)), ("cpu", Some(self.cpu)), ("p99", self.p99)];
        let times = times.iter().filter_map(|(name, value)| {
            let value = value.filter(|value| !value.is_zero())?;
            Some(format!(" --{name} {}", time(value)))
        });
        text.extend(rate.into_iter().chain(times));
        text
    }

    /// Rounds of `WORK` that take the CPU time, where one takes so many picoseconds.
    pub(super) fn rounds(&self, round_ps: u64) -> u64 {
        let rounds = as_f64(ns(self.cpu)) * PS / as_f64(round_ps.max(1));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let rounds = rounds.round() as u64;
        rounds
    }

    /// Processors that the active clients would keep busy if each were answered at once, at this cost of a request
    /// in nanoseconds.
    pub(super) fn processors(&self, cost_ns: f64) -> f64 {
        let each_ns = as_f64(ns(self.wait)) + cost_ns;
        let per_s = self.rate.unwrap_or(as_f64(self.active as u64) * 1e9 / each_ns.max(1.0));
        per_s * cost_ns / 1e9
    }

    /// Whether a cell was measured under such a load, on a machine on which a round takes so many picoseconds.
    pub(super) fn is_of(&self, cell: &Cell, round_ps: u64) -> bool {
        let Some((cpu_ns, wait_ns)) =
            cell.request.as_ref().and_then(|asked| costs(asked, round_ps))
        else {
            return false;
        };
        let Some(idle) = idle(cell.conduct.as_ref()) else { return false };
        let arrivals = match (self.rate, cell.arrivals.rate_per_s()) {
            (None, None) => cell.is_closed(),
            (Some(asked), Some(made)) => !cell.arrivals.changes() && near(asked, made),
            _ => false,
        };
        let count = |asked: usize, made: usize| near(as_f64(asked as u64), as_f64(made as u64));
        arrivals
            && count(self.active, cell.connections)
            && count(self.idle(), idle)
            && near(as_f64(ns(self.wait)), wait_ns)
            && near(beyond_trifle(as_f64(ns(self.cpu))), beyond_trifle(cpu_ns))
    }
}

/// At least one of a share that is not nothing.
fn part(clients: usize, share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let part = (as_f64(clients as u64) * share).round() as usize;
    part
}

fn near(a: f64, b: f64) -> bool {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high <= low * NEAR
}

fn beyond_trifle(ns: f64) -> f64 {
    if ns < TRIFLE_NS { 0.0 } else { ns }
}

/// CPU time and wait of a request, in nanoseconds; `None` for requests that advice does not cover.
fn costs(request: &RequestRecord, round_ps: u64) -> Option<(f64, f64)> {
    match request {
        RequestRecord::Echo { bytes } if *bytes <= SHORT_BYTES => Some((0.0, 0.0)),
        RequestRecord::Work { rounds, wait_ns, reply_bytes } if *reply_bytes <= SHORT_BYTES => {
            Some((as_f64(*rounds) * as_f64(round_ps) / PS, as_f64(*wait_ns)))
        }
        _ => None,
    }
}

/// Idle connections beside those that stay and ask one request after the other; nothing where connections do
/// anything else.
fn idle(conduct: Option<&ConductRecord>) -> Option<usize> {
    let Some(conduct) = conduct else { return Some(0) };
    let usual = conduct.requests_per_connection.is_none()
        && conduct.lifetime_ns.is_none()
        && conduct.pipeline <= 1
        && conduct.think_time.is_none()
        && conduct.misbehaving.is_empty();
    usual.then_some(conduct.idle_connections)
}

/// A cell's load in numbers, to compare it with the described one.
pub(super) fn numbers(cell: &Cell, round_ps: u64) -> String {
    let idle = idle(cell.conduct.as_ref()).unwrap_or(0);
    let costs = cell.request.as_ref().and_then(|asked| costs(asked, round_ps));
    let (cpu, wait) = costs.unwrap_or((0.0, 0.0));
    let rate = cell.arrivals.rate_per_s();
    let rate = rate.map_or_else(String::new, |rate| format!(", {} requests/s", show_count(rate)));
    format!(
        "{} active clients{rate}, {idle} idle; each request computes for {} and waits {}",
        cell.connections,
        show_ns_f64(cpu),
        show_ns_f64(wait)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, open};

    fn asked() -> Asked {
        let (wait, cpu) = (Duration::from_millis(5), Duration::from_micros(100));
        Asked { clients: 50, active: 50, wait, cpu, rate: None, p99: None }
    }

    fn cell(rounds: u64) -> Cell {
        let mut cell = closed("epoll", &[1e4; 5]);
        cell.request = Some(RequestRecord::Work { rounds, wait_ns: 5_000_000, reply_bytes: 64 });
        cell
    }

    #[test]
    fn a_cell_is_of_a_load_where_each_number_is_near() {
        let round_ps = 100_000;
        assert!(asked().is_of(&cell(1_000), round_ps) && asked().is_of(&cell(1_150), round_ps));
        assert!(!asked().is_of(&cell(1_300), round_ps), "the request computes for longer");
        assert!(!asked().is_of(&cell(1_000), 2 * round_ps), "the machine is half as fast");
        let more = Asked { clients: 70, active: 70, ..asked() };
        assert!(!more.is_of(&cell(1_000), round_ps));
        let idle = Asked { clients: 1_050, ..asked() };
        assert!(!idle.is_of(&cell(1_000), round_ps), "nobody is idle in it");
        let at_a_rate = Asked { rate: Some(1e4), ..asked() };
        assert!(!at_a_rate.is_of(&cell(1_000), round_ps));
        let mut open = open("epoll", &[1e5; 5]);
        open.request = cell(1_000).request;
        assert!(at_a_rate.is_of(&open, round_ps) && !asked().is_of(&open, round_ps));
    }

    #[test]
    fn an_echo_is_a_request_that_computes_nothing() {
        let mut echo = closed("epoll", &[1e4; 5]);
        echo.request = Some(RequestRecord::Echo { bytes: 64 });
        let plain = Asked { wait: Duration::ZERO, cpu: Duration::ZERO, ..asked() };
        assert!(plain.is_of(&echo, 100_000) && !asked().is_of(&echo, 100_000));
        echo.request = Some(RequestRecord::Echo { bytes: 64 * 1024 });
        assert!(!plain.is_of(&echo, 100_000), "its replies are long");
    }

    #[test]
    fn the_active_are_a_share_or_a_number() {
        assert_eq!(active("5%"), Ok(Active::Share(0.05)));
        assert_eq!(active("500"), Ok(Active::Count(500)));
        assert!(active("150%").is_err_and(|said| said.contains("100% or less")));
        assert!(active("0.05").is_err_and(|said| said.contains("5%")));
    }

    #[test]
    fn five_hundred_clients_that_wait_five_milliseconds_keep_ten_processors_busy() {
        let many = Asked { clients: 10_000, active: 500, ..asked() };
        assert!((many.processors(1e5) - 9.8).abs() < 0.01);
        assert!((Asked { rate: Some(2e3), ..many }.processors(1e5) - 0.2).abs() < 1e-9);
        assert_eq!(asked().rounds(100_000), 1_000);
    }
}
