//! Numbers in plans: their values, and refusals.

use std::net::{Ipv4Addr, SocketAddr};

use loadgen::{Arrivals, Load};

use super::*;

fn load(plan: &Plan, workload: &Workload, seed: u64, base: f64) -> Load {
    let nobody = (SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), &[][..]);
    let service = plan.service(workload).expect("names");
    plan.load(workload, service, nobody, (seed, base)).expect("in order")
}

#[test]
fn a_load_has_each_number_in_its_place() {
    let text = VARIED
        .replacen("connections = 10", "connections = 10\nthreads = 2", 1)
        .replacen("warmup = \"10ms\"", "warmup = \"20ms\"\nrequest-timeout = \"7s\"", 1)
        .replacen("drain = \"10ms\"", "drain = \"30ms\"", 1)
        .replacen("idle-connections = 5", "greeting = true\nconnections = 12", 1);
    let plan = Plan::parse(&text).expect("in order");
    let echo = load(&plan, &plan.workloads[1], 5, 1.0);
    let ms = Duration::from_millis;
    assert_eq!((echo.warmup, echo.measure, echo.drain), (ms(20), ms(50), ms(30)));
    assert_eq!((echo.request_timeout, echo.threads), (ms(7_000), 2));
    assert_eq!((echo.connections, echo.conduct.idle, echo.greeting), (12, 2_000, true));
    let open = load(&plan, plan.workloads.last().expect("one"), 5, 1_000.0);
    assert_eq!((open.connections, open.greeting), (10, false), "the plan's, and none");
    assert_eq!(open.arrivals, Arrivals::Poisson { rate_per_s: 800.0, seed: 5 });
}

#[test]
fn a_rate_is_a_number_or_a_share_of_what_was_measured() {
    let with = |arrivals: &str| {
        let poisson = "arrivals = { kind = \"poisson\", share = 0.3, of = \"echo\" }";
        let plan = Plan::parse(&TWO_PARTS.replacen(poisson, arrivals, 1)).expect("in order");
        plan.workloads[2].arrivals.arrivals(Duration::from_secs(1), 9, 2_000.0)
    };
    let constant = |rate_per_s| Arrivals::Constant { rate_per_s };
    assert_eq!(with("arrivals = { kind = \"constant\", rate = 70 }"), constant(70.0));
    let share = "arrivals = { kind = \"constant\", share = 0.3, of = \"echo\" }";
    assert_eq!(with(share), constant(600.0));
    let stairs = "arrivals = { kind = \"staircase\", rates = [5, 6], poisson = true }";
    let (rates_per_s, step) = ([5.0, 6.0].into(), Duration::from_millis(500));
    assert_eq!(with(stairs), Arrivals::Staircase { rates_per_s, step, seed: Some(9) });
}

#[test]
fn a_factor_that_is_a_time_is_a_number_of_nanoseconds() {
    let text = VARIED
        .replacen(
            "request = { kind = \"echo\" }",
            "request = { kind = \"work\", rounds = 1, wait = \"1ms\", reply-bytes = 8 }",
            1,
        )
        .replacen("\"request.bytes\" = [16, \"4KiB\"]", "\"request.wait\" = [\"2us\", \"5ms\"]", 1);
    let text = text.split("[[workload]]\nname = \"open\"").next().expect("the first");
    let plan = Plan::parse(text).expect("in order");
    let waits: Vec<_> = plan.workloads.iter().map(|w| w.factors[1].number).collect();
    let four = [2e3, 2e3, 5e6, 5e6].map(Some);
    assert_eq!(waits, [four, four].concat());
}

#[test]
fn numbers_that_mean_nothing_are_refused_by_name() {
    for (right, wrong, said) in [
        ("trials = 3", "trials = 0", "trials: at least 1"),
        ("measure = \"184ms\"", "measure = \"0s\"", "measure: must be above 0"),
        ("connections = 50", "connections = 50\nthreads = 0", "threads: at least 1"),
        ("connections = 50", "connections = 2\nthreads = 3", "2 connections are fewer than 3"),
        ("share = 0.3", "share = 0.0", "share: from 0 to 2"),
        ("share = 0.3", "share = 2.5", "share: from 0 to 2"),
    ] {
        let text = TWO_PARTS.replacen(right, wrong, 1);
        assert_ne!(text, TWO_PARTS, "{right}");
        assert!(error(&text).contains(said), "{wrong}: {}", error(&text));
    }
    let all = "\n[[exclude]]\nmodels = [\"select\", \"epoll\", \"sequential\"]\n\
               workloads = [\"echo\"]\nreason = \"none is wanted\"\n";
    let error = error(&format!("{VARIED}{all}"));
    assert!(error.contains("every model is excluded"), "{error}");
}

#[test]
fn who_keeps_some_workloads_forgets_the_exclusions_of_the_others() {
    let exclude =
        "\n[[exclude]]\nmodels = [\"sequential\"]\nworkloads = [\"open\"]\nreason = \"slow\"\n";
    let mut plan = Plan::parse(&format!("{VARIED}{exclude}")).expect("in order");
    plan.keep_workloads(&["echo".into()]).expect("it is there");
    assert!(plan.exclude[0].workloads.is_empty(), "{:?}", plan.exclude);
    plan.check().expect("in order");
}

#[test]
fn the_reference_has_a_connection_for_each_thread_and_its_own_warm_up() {
    let mut plan = Plan::quick();
    (plan.threads, plan.warmup) = (64, Duration::from_secs(9));
    let own = plan.for_reference();
    assert_eq!((own.connections, own.warmup), (64, Duration::from_millis(50)));
}
