//! The plan that measures what is missing: a few models under the described load, by rounds.

use std::time::Duration;

use anyhow::{Context, Result};

use super::asked::Asked;
use crate::base::units::ns;
use crate::base::usage;
use crate::document::Host;
use crate::plan::Plan;
use crate::process::assign_processors;
use crate::run::slots::{leave_out_unavailable, slots, time_needed};

/// The workload's name.
pub(super) const WORKLOAD: &str = "load";
/// The plan's name, which begins its folder's.
pub(super) const NAME: &str = "advise";
/// One model of each kind that serves many clients.
const CANDIDATES: [&str; 4] = ["thread-per-client", "epoll", "io-uring", "tokio-multi"];
/// Who is measured twice, where it is among them.
const TWIN: &str = "epoll";
/// Those that use more processors than one.
const SPREAD: [&str; 2] = ["multi-reactor", "reactor-workers"];
/// A measurement is at least as long as this, and at most as long as that.
const MEASURE: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// The first look leaves some of the time to those that follow.
const FIRST_SHARE: f64 = 0.7;
/// No warm-up is longer.
const WARMUP_MAX: Duration = Duration::from_secs(2);

/// The plan.
///
/// # Errors
/// When this machine cannot make the load, with what to change.
pub(super) fn build_plan(
    asked: &Asked,
    models: &[String],
    time: Duration,
    host: &Host,
) -> Result<Plan> {
    if let Some((need, limit)) = loadgen::descriptors_missing(asked.clients) {
        return Err(usage(format!(
            "{} clients need {need} file descriptors, but the limit is {limit}: raise it (`ulimit -n {need}` as \
             root; permanently in /etc/security/limits.conf), or lower --clients",
            asked.clients
        )));
    }
    let mut plan = Plan::parse(&toml(asked, models, time, host))
        .map_err(|error| usage(format!("{error:#}")))?;
    let (server_cpus, _) = assign_processors(&plan);
    if models.is_empty() && server_cpus.len() != 1 {
        plan.models.extend(SPREAD.map(String::from));
    }
    leave_out_unavailable(&mut plan)?;
    fill_time(&mut plan, time)?;
    Ok(plan)
}

fn toml(asked: &Asked, models: &[String], time: Duration, host: &Host) -> String {
    let models: Vec<&str> = match models {
        [] => CANDIDATES.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    let twin = if models.contains(&TWIN) { TWIN } else { models[0] };
    let arrivals = match asked.rate {
        Some(rate) => format!("{{ kind = \"poisson\", rate = {rate:?} }}\nrank-by = \"cpu\""),
        None => "{ kind = \"closed\" }".into(),
    };
    // The first request of everybody is served before the measurement begins.
    let queue = asked.cpu.saturating_mul(u32::try_from(asked.active).unwrap_or(u32::MAX));
    let settle = (asked.wait.saturating_add(queue)).saturating_mul(2).min(WARMUP_MAX);
    format!(
        "name = \"{NAME}\"\nquestion = \"Which model is best for {}?\"\nmodels = {models:?}\ntwin = \
         \"{twin}\"\ntrials = 40\nseed = 1\nconnections = {}\nwarmup = \"{}us\"\nmeasure = \"{}us\"\ndrain = \
         \"{}us\"\n[rounds]\ntime = \"{}us\"\n[[workload]]\nname = \"{WORKLOAD}\"\nidle-connections = {}\nrequest = \
         {{ kind = \"work\", rounds = {}, wait = \"{}ns\", reply-bytes = 64 }}\narrivals = {arrivals}\n",
        asked.words(),
        asked.active,
        (Duration::from_millis(100) + settle).as_micros(),
        MEASURE[0].as_micros(),
        (Duration::from_millis(150) + settle).as_micros(),
        time.as_micros(),
        asked.idle(),
        asked.rounds(host.work_round_ps),
        ns(asked.wait),
    )
}

/// Makes trials so long that the first look comes within the time.
fn fill_time(plan: &mut Plan, time: Duration) -> Result<()> {
    let first = plan.rounds.as_ref().context("it has rounds")?.first;
    let looked = Plan { trials: first, ..plan.clone() };
    let slots = slots(&looked)?;
    let spare = time.mul_f64(FIRST_SHARE).saturating_sub(time_needed(&looked, &slots));
    let each = spare / u32::try_from(slots.len().max(1)).unwrap_or(u32::MAX);
    plan.measure = (MEASURE[0] + each).min(MEASURE[1]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let (wait, cpu) = (Duration::from_millis(5), Duration::from_micros(100));
        Asked { clients: 20, active: 10, wait, cpu, rate: None, p99: None }
    }

    #[test]
    fn the_plan_has_the_load_that_was_asked_for() {
        let host = Host { work_round_ps: 100_000, ..Host::default() };
        let models = ["epoll".to_string()];
        let plan =
            build_plan(&asked(), &models, Duration::from_secs(100), &host).expect("in order");
        let load = &plan.workloads[0];
        assert_eq!((plan.connections(load), load.idle_connections), (10, Some(10)));
        let text = plan.to_toml().expect("written");
        assert!(text.contains("rounds = 1000") && text.contains("wait = \"5ms\""), "{text}");
        assert_eq!(plan.measure, MEASURE[1], "one model has time");
        let short =
            build_plan(&asked(), &models, Duration::from_millis(1), &host).expect("in order");
        assert_eq!(short.measure, MEASURE[0]);
        let rate = Asked { rate: Some(2e3), ..asked() };
        let plan = build_plan(&rate, &models, Duration::from_secs(100), &host).expect("in order");
        assert!(plan.to_toml().expect("written").contains("kind = \"poisson\""));
    }

    #[test]
    fn more_clients_than_descriptors_are_refused_with_what_to_do() {
        let many = Asked { clients: usize::MAX / 2, ..asked() };
        let error = build_plan(&many, &[], Duration::from_secs(1), &Host::default())
            .expect_err("nobody may");
        assert!(error.to_string().contains("ulimit") && error.to_string().contains("--clients"));
    }
}
