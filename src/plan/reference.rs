//! The null baseline in plans: a trial in every block that is the same in every plan. The load
//! generator in a closed loop against a server that only echoes shows the state of the machine at
//! that time, and the most that the generator can do.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::Draw;

use super::{ArrivalsPlan, Candidate, Plan, RequestPlan, ServerPlan, Subject, Workload};

/// Its connections, unless the generator has more threads.
const CONNECTIONS: usize = 50;
/// Bytes of each echo.
const BYTES: u64 = 8;
/// Load that is not recorded.
const WARMUP: Duration = Duration::from_millis(50);
/// Load that is, unless that of the plan is shorter.
const MEASURE_MAX: Duration = Duration::from_millis(250);

/// Of a block, and of its later part.
static WORKLOADS: LazyLock<[Workload; 2]> =
    LazyLock::new(|| ["reference", "reference-later"].map(workload));

fn workload(name: &str) -> Workload {
    Workload {
        name: name.into(),
        series: None,
        factors: Vec::new(),
        request: RequestPlan::Echo { bytes: Draw::fixed(BYTES) },
        arrivals: ArrivalsPlan::Closed,
        rank_by: None,
        connections: None,
        server_processors: None,
        greeting: false,
        requests_per_connection: None,
        connection_lifetime: None,
        pipeline: None,
        think_time: None,
        idle_connections: None,
        misbehave: None,
        server: Some(ServerPlan::default()),
    }
}

/// The workload of the null baseline. A block has a later part where workloads take their rate from what
/// others came to; it is measured at another time, and has a null baseline of its own.
#[must_use]
pub fn reference(later: bool) -> (&'static Workload, Candidate<'static>) {
    (&WORKLOADS[usize::from(later)], Candidate { subject: Subject::Null, twin: false })
}

impl Plan {
    /// This plan with what its null baseline has of its own.
    #[must_use]
    pub fn for_reference(&self) -> Self {
        Self {
            connections: CONNECTIONS.max(self.threads),
            warmup: WARMUP,
            measure: self.measure.min(MEASURE_MAX),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_and_short_whatever_the_plan_has() {
        let mut plan = Plan::quick();
        (plan.connections, plan.measure) = (10_000, Duration::from_secs(10));
        let short = plan.for_reference();
        assert_eq!((short.connections, short.measure), (50, MEASURE_MAX));
        plan.measure = Duration::from_millis(20);
        assert_eq!(plan.for_reference().measure, plan.measure);
        let (workload, candidate) = reference(false);
        let service = short.service_of(workload, candidate.subject).expect("known names");
        assert_eq!((service.0.name(), service.1.name()), ("bench", "line"));
        assert!(plan.reference, "unless a plan says otherwise");
        for name in ["reference", "null-baseline"] {
            let without = format!("{name} = false");
            let text = plan.to_toml().expect("written").replace("reference = true", &without);
            assert!(!Plan::parse(&text).expect("in order").reference, "{name}");
        }
    }
}
