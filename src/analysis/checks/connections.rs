//! Checks of connections: local ports, idle ones, clients that misbehave.

use super::{About, Check, Status, Trial, check, not_judged, share, unless};
use crate::base::units::as_f64;

/// Connections that found no local port, over those that were opened: from here on the figure is
/// that of the generator's ports.
const SHORTAGE_LIMIT: f64 = 0.01;

/// Those that apply to this trial.
pub(super) fn connection_checks(trial: &Trial) -> Vec<Check> {
    let mut checks = Vec::new();
    if trial.load.conduct.is_some() || trial.connections.port_shortages > 0 {
        checks.push(ports(trial));
    }
    checks.extend(idle(trial));
    if !trial.misbehaving.is_empty() {
        checks.push(misbehaved(trial));
    }
    checks.extend(half_closers(trial));
    checks
}

fn ports(trial: &Trial) -> Check {
    let connections = &trial.connections;
    let short = connections.port_shortages;
    let tried = connections.opened as u64 + connections.reconnects + connections.connect_failures;
    let seen = share(short, tried);
    let status = match seen {
        0.0 => Status::Pass,
        seen if seen <= SHORTAGE_LIMIT => Status::Warn,
        _ => Status::Fail,
    };
    let message = format!(
        "the generator ran out of local ports: {short} of {tried} connects failed; use more \
         addresses (--source-addresses, --source)"
    );
    check("ports", About::Generator, status, (seen, SHORTAGE_LIMIT), message)
}

fn idle(trial: &Trial) -> Option<Check> {
    let idle = trial.connections.idle?;
    let open = idle.opened - idle.idle_lost;
    let status = unless(open == idle.asked, Status::Warn);
    let message = format!(
        "only {open} of {} idle connections were open at the end ({} failed to open, the server \
         closed {}): its idle timeout may be shorter than this run",
        idle.asked,
        idle.asked - idle.opened,
        idle.idle_lost
    );
    let seen = (as_f64(open as u64), as_f64(idle.asked as u64));
    Some(check("idle-connections", About::Server, status, seen, message))
}

/// Whether they were there at all.
fn misbehaved(trial: &Trial) -> Check {
    let absent = trial.misbehaving.iter().filter(|(_, clients)| clients.opened == 0);
    let absent: Vec<_> = absent.map(|(way, _)| way.as_str()).collect();
    let message =
        format!("no {} could connect: the load ran without them", absent.join(" and no "));
    let seen = (as_f64(absent.len() as u64), 0.0);
    check("misbehaving", About::Server, unless(absent.is_empty(), Status::Warn), seen, message)
}

fn half_closers(trial: &Trial) -> Option<Check> {
    let clients = trial.misbehaving.get("half-closer")?;
    let ended: u64 = clients.ended.values().sum();
    if ended == 0 {
        let why = "no half-closing client finished";
        return Some(not_judged("half-close", About::Server, why));
    }
    let denied = ended - clients.ended.get("done").copied().unwrap_or(0);
    let message = format!(
        "{denied} of {ended} clients that half-closed after the request got no reply: the server \
         treats the end of input as a disconnect"
    );
    let seen = (share(denied, ended), 0.0);
    Some(check("half-close", About::Server, unless(denied == 0, Status::Warn), seen, message))
}
