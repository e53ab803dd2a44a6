//! Valid plans and invalid ones.

mod matrix;
mod numbers;

use protocol::{Draw, Request};

use super::fixture::TWO_PARTS;
use super::*;

const QUICK: &str = include_str!("../../plans/quick.toml");

#[test]
fn numbers_may_be_drawn_and_survive_writing_and_reading() {
    let text = QUICK.replacen("bytes = 64 }", "bytes = \"uniform:16..4KiB\" }", 1).replacen(
        "rounds = 0, wait = \"5ms\"",
        "rounds = \"exp:50\", wait = \"bimodal:1500us@99%,100ms\"",
        1,
    );
    let plan = Plan::parse(&text).expect("in order");
    assert!(matches!(plan.workloads[0].request.request(1), Some(Request::Drawn(_))));
    assert!(matches!(plan.workloads[1].request.request(1), Some(Request::Drawn(_))));
    assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
    let wrong = QUICK.replacen("bytes = 64 }", "bytes = \"uniform:16\" }", 1);
    let error = format!("{:#}", Plan::parse(&wrong).expect_err("no law"));
    assert!(error.contains("uniform:LEAST..MOST"), "{error}");
}

#[test]
fn every_plan_of_the_repository_is_built_in_and_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("plans/README.md");
    let files = std::fs::read_dir(folder).expect("plans/").map(|entry| entry.expect("a file"));
    let plans =
        files.map(|file| file.path()).filter(|p| p.extension().is_some_and(|e| e == "toml"));
    let mut read = Vec::new();
    for path in plans {
        let plan = Plan::read(&path).expect("in order");
        let name = plan.name.clone();
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(name.as_str()));
        let by_rounds = plan.rounds.is_some();
        assert!(by_rounds || [3, 5].contains(&plan.trials), "{name}");
        assert!(plan.twin.is_some(), "{name}");
        assert!(plan.question.ends_with('?'), "{name}");
        assert!(readme.contains(&format!("`{name}.toml`")), "plans/README.md lacks {name}");
        assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
        assert_eq!(Plan::named(Path::new(&name)).expect("built in"), plan);
        read.push(name);
    }
    assert_eq!(read.len(), BUILT_IN.len(), "{read:?}");
    let error = format!("{:#}", Plan::named(Path::new("quickly")).expect_err("no such plan"));
    assert!(error.contains("built-in plans are quick, latency"), "{error}");
}

#[test]
fn a_plan_survives_writing_and_reading() {
    let plan = Plan::quick();
    assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
}

#[test]
fn an_unknown_key_is_an_error_that_says_where_and_what_was_meant() {
    for (right, wrong, meant) in [
        ("connections =", "conections =", "connections"),
        ("reply-bytes =", "reply-byte =", "reply-bytes"),
        ("kind = \"poisson\"", "kind = \"poison\"", "poisson"),
        ("[[workload]]", "[[workloads]]", "workload"),
    ] {
        let error = Plan::parse(&TWO_PARTS.replacen(right, wrong, 1)).expect_err("a typo");
        let text = format!("{error:#}");
        assert!(text.contains(&format!("did you mean `{meant}`")), "{text}");
        assert!(text.contains("line "), "{text}");
    }
}

#[test]
fn an_unknown_model_is_an_error_that_names_the_nearest() {
    let text = QUICK.replace("\"epoll\"", "\"epol\"");
    let error = format!("{:#}", Plan::parse(&text).expect_err("no such model"));
    assert!(error.contains("'epol'") && error.contains("did you mean epoll"), "{error}");
}

#[test]
fn a_rate_needs_a_number_or_a_share_of_a_closed_workload() {
    for wrong in [
        "",
        ", rate = 0",
        ", share = 0.5",
        ", share = 0.5, of = \"echo-open\"",
        ", rate = 5, share = 0.5, of = \"wait\"",
    ] {
        let text = TWO_PARTS.replace(", share = 0.3, of = \"echo\"", wrong);
        assert!(Plan::parse(&text).is_err(), "{wrong}");
    }
}

#[test]
fn a_greeting_needs_lines_and_survives_writing_and_reading() {
    let text = QUICK.replacen("name = \"echo\"", "name = \"echo\"\ngreeting = true", 1);
    let plan = Plan::parse(&text).expect("in order");
    assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
    let greeted: Vec<_> = plan.workloads.iter().map(|workload| workload.greeting).collect();
    assert!(greeted[0] && !greeted[1..].contains(&true), "{greeted:?}");
    let error = Plan::parse(&format!("{text}\n[server]\nframing = \"raw\"\n"));
    let error = format!("{:#}", error.expect_err("raw has no lines"));
    assert!(error.contains("'echo'") && error.contains("framing = \"line\""), "{error}");
}

#[test]
fn keeping_an_open_workload_keeps_the_one_it_takes_its_rate_from() {
    let mut plan = Plan::of_two_parts();
    plan.keep_workloads(&["echo-open".into()]).expect("it is there");
    let names: Vec<_> = plan.workloads.iter().map(|workload| workload.name.as_str()).collect();
    assert_eq!(names, ["echo", "echo-open"]);
    assert!(plan.keep_workloads(&["ecko".into()]).is_err());
}

/// A plan of one workload that is varied, and one that takes its rate from it.
const VARIED: &str = r#"
name = "varied"
question = "Does it vary?"
models = ["select", "epoll", "sequential"]
connections = 10
warmup = "10ms"
measure = "50ms"
drain = "10ms"

[server]
backlog = 77

[[workload]]
name = "echo"
request = { kind = "echo" }
arrivals = { kind = "closed" }
idle-connections = 5
matrix = { "server.workers" = [1, 2], "request.bytes" = [16, "4KiB"], idle-connections = [0, 2_000] }

[[workload]]
name = "open"
request = { kind = "echo" }
arrivals = { kind = "poisson", of = "echo" }
server = { workers = 2 }
matrix.server.workers = [1, 2]
matrix.request.bytes = [16, "4KiB"]
matrix.idle-connections = [0, 2_000]
matrix.arrivals.share = [0.5, 0.8]
"#;

fn error(text: &str) -> String {
    format!("{:#}", Plan::parse(text).expect_err("it is wrong"))
}

#[test]
fn a_matrix_becomes_a_workload_for_each_point() {
    let plan = Plan::parse(VARIED).expect("in order");
    assert_eq!(plan.workloads.len(), 8 + 16);
    let first = &plan.workloads[0];
    assert_eq!(first.name, "echo-workers1-bytes16-idle-connections0");
    assert_eq!(first.series.as_deref(), Some("echo"));
    let last = &plan.workloads[7];
    assert_eq!(last.name, "echo-workers2-bytes4KiB-idle-connections2_000");
    let factors: Vec<_> =
        last.factors.iter().map(|f| (f.name.as_str(), f.text.as_str(), f.number)).collect();
    assert_eq!(
        factors,
        [
            ("server.workers", "2", Some(2.0)),
            ("request.bytes", "4KiB", Some(4096.0)),
            ("idle-connections", "2_000", Some(2000.0))
        ]
    );
    assert_eq!(last.idle_connections, Some(2000), "the matrix wins");
    assert!(matches!(last.request, RequestPlan::Echo { bytes } if bytes == Draw::fixed(4096)));
    let server = plan.server_of(last);
    assert_eq!((server.workers, server.backlog), (Some(2), 77), "the rest is the plan's");
    assert_eq!(plan.workloads[23].name, "open-workers2-bytes4KiB-idle-connections2_000-share0_8");
}

#[test]
fn an_expanded_plan_survives_writing_and_reading() {
    let plan = Plan::parse(VARIED).expect("in order");
    let text = plan.to_toml().expect("written");
    assert!(!text.contains("matrix"), "{text}");
    assert_eq!(Plan::parse(&text).expect("read"), plan);
}

#[test]
fn a_share_of_a_varied_workload_is_of_the_point_with_the_same_settings() {
    let plan = Plan::parse(VARIED).expect("in order");
    for workload in plan.workloads.iter().filter(|w| w.series.as_deref() == Some("open")) {
        let of =
            plan.workload(workload.arrivals.relative_to().expect("a share")).expect("a workload");
        assert!(of.factors.iter().all(|factor| workload.factors.contains(factor)), "{of:?}");
        assert_eq!(of.factors.len() + 1, workload.factors.len());
    }
    let wrong = VARIED.replace("matrix.request.bytes = [16, ", "matrix.request.bytes = [17, ");
    assert!(error(&wrong).contains("none of its points"), "{}", error(&wrong));
}

#[test]
fn what_is_wrong_with_a_matrix_is_said_with_its_line_and_key() {
    for (right, wrong, said) in [
        ("\"request.bytes\"", "\"request.bites\"", "did you mean `bytes`"),
        ("\"request.bytes\"", "\"reqest.bytes\"", "did you mean `request`"),
        ("\"server.workers\"", "\"server.worker\"", "did you mean `workers`"),
        ("\"request.bytes\"", "\"name.bytes\"", "'name' has no keys below it"),
        ("= [1, 2], \"req", "= [], \"req", "server.workers has no values"),
        ("= [1, 2], \"req", "= 1, \"req", "server.workers needs a list"),
        ("= [1, 2], \"req", "= [1, \"two\"], \"req", "invalid type"),
    ] {
        let text = VARIED.replacen(right, wrong, 1);
        assert_ne!(text, VARIED);
        let error = error(&text);
        assert!(error.contains(said) && error.contains("line 1"), "{wrong}: {error}");
    }
    let twice = VARIED.replacen("= [1, 2], \"req", "= [1, 2, 2], \"req", 1);
    assert!(error(&twice).contains("two workloads"), "{}", error(&twice));
}

#[test]
fn one_that_cannot_hold_the_connections_is_left_out_with_its_reason() {
    let plan = Plan::parse(VARIED).expect("in order");
    let subjects = plan.subjects().expect("models");
    for workload in &plan.workloads {
        let out: Vec<_> =
            subjects.iter().filter(|s| plan.excludes(workload, **s).is_some()).collect();
        let wide = workload.idle_connections == Some(2000);
        assert_eq!(
            out.iter().map(|s| s.name()).collect::<Vec<_>>(),
            if wide { vec!["select"] } else { vec![] }
        );
    }
    let text = format!(
        "{VARIED}\n[[exclude]]\nmodels = [\"sequential\"]\nworkloads = [\"echo\"]\nreason = \"slow\"\n"
    );
    let plan = Plan::parse(&text).expect("in order");
    let sequential = plan.subjects().expect("models")[0];
    let reasons: Vec<_> =
        plan.workloads.iter().filter_map(|w| plan.excludes(w, sequential)).collect();
    assert_eq!(reasons, vec!["slow"; 8]);
    for (right, wrong, said) in [
        ("[\"sequential\"]\nw", "[\"sequentiel\"]\nw", "did you mean sequential"),
        ("workloads = [\"echo\"]", "workloads = [\"ecko\"]", "did you mean echo"),
        ("\"slow\"", "\" \"", "give a reason"),
    ] {
        let error = error(&text.replacen(right, wrong, 1));
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn somebody_who_serves_concurrently_is_measured_twice() {
    let twin = |plan: &Plan| {
        let candidates = plan.candidates().expect("names");
        let twins: Vec<_> = candidates.iter().filter(|c| c.twin).map(ToString::to_string).collect();
        twins
    };
    let mut plan = Plan::parse(VARIED).expect("in order");
    assert_eq!(twin(&plan), ["select+twin"], "sequential comes before it");
    plan.settle_twin().expect("names");
    assert_eq!(plan.twin.as_deref(), Some("select"));
    plan.models = vec!["epoll".into()];
    plan.settle_twin().expect("names");
    assert_eq!(twin(&plan), ["epoll+twin"], "who is not measured makes way");
    let with = |name: &str| VARIED.replacen("models =", &format!("twin = \"{name}\"\nmodels ="), 1);
    assert_eq!(twin(&Plan::parse(&with("epoll")).expect("in order")), ["epoll+twin"]);
    assert!(twin(&Plan::parse(&with("none")).expect("in order")).is_empty());
    assert!(error(&with("epol")).contains("did you mean epoll"));
}

#[test]
fn connections_behave_as_the_command_line_has_it() {
    let with = |keys: &str| VARIED.replacen("idle-connections = 5", keys, 1);
    let plan = Plan::parse(&with(
        "requests-per-connection = 7\nconnection-lifetime = \"2s\"\npipeline = 1\n\
         think-time = \"exp:10ms\"\nmisbehave = \"slow-reader=10%,resetter=1%\"",
    ))
    .expect("in order");
    let conduct = plan.workloads[0].conduct().expect("in order");
    assert_eq!(conduct.requests_per_connection.map(std::num::NonZero::get), Some(7));
    assert_eq!(conduct.misbehave.len(), 2);
    assert!(conduct.think_time.is_some() && conduct.connection_lifetime.is_some());
    assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
    let none = Plan::parse(&with("requests-per-connection = 0\nthink-time = \"none\""));
    let none = none.expect("in order").workloads[0].conduct().expect("in order");
    assert!(none.requests_per_connection.is_none() && none.think_time.is_none());
    for (wrong, said) in [
        ("think-time = \"10\"", "think-time: "),
        ("connection-lifetime = \"0s\"", "connection-lifetime: must be above 0"),
        ("pipeline = 5000", "pipeline: from 1 to"),
        ("misbehave = \"rude=5%\"", "misbehave: "),
        ("misbehave = \"resetter=99%\"", "leaves none"),
        ("pipeline = 2\nthink-time = \"1ms\"", "exclude each other"),
    ] {
        let error = error(&with(wrong));
        assert!(error.contains(said) && error.contains("'echo-"), "{wrong}: {error}");
    }
    let open = VARIED.replacen("server = { workers = 2 }", "think-time = \"1ms\"", 1);
    assert!(error(&open).contains("is for a closed loop"), "{}", error(&open));
}

#[test]
fn rates_may_change_during_a_measurement() {
    let with = |arrivals: &str| {
        TWO_PARTS.replacen(
            "arrivals = { kind = \"poisson\", share = 0.3, of = \"echo\" }",
            arrivals,
            1,
        )
    };
    let plan = |arrivals: &str| Plan::parse(&with(arrivals)).expect("in order");
    let ramp = plan("arrivals = { kind = \"ramp\", from = 100, to = 2000.5, poisson = true }");
    let made = ramp.workloads[2].arrivals.arrivals(ramp.measure, 5, 1.0);
    let (from_per_s, to_per_s, over) = (100.0, 2000.5, ramp.measure);
    assert_eq!(made, loadgen::Arrivals::Ramp { from_per_s, to_per_s, over, seed: Some(5) });
    let stairs = plan("arrivals = { kind = \"staircase\", shares = [0.5, 1.5], of = \"echo\" }");
    let made = stairs.workloads[2].arrivals.arrivals(stairs.measure, 5, 1000.0);
    let (rates_per_s, step) = ([500.0, 1500.0].into(), stairs.measure / 2);
    assert_eq!(made, loadgen::Arrivals::Staircase { rates_per_s, step, seed: None });
    let long = plan("arrivals = { kind = \"staircase\", rates = [1, 2, 3], step = \"100ms\" }");
    assert_eq!(long.measure(&long.workloads[2]), Duration::from_millis(300));
    for plan in [ramp, stairs, long] {
        assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
    }
    for wrong in [
        "arrivals = { kind = \"ramp\", from = 0, to = 10 }",
        "arrivals = { kind = \"staircase\" }",
        "arrivals = { kind = \"staircase\", rates = [] }",
        "arrivals = { kind = \"staircase\", rates = [1], shares = [1], of = \"echo\" }",
        "arrivals = { kind = \"staircase\", shares = [0.5, 3.0], of = \"echo\" }",
        "arrivals = { kind = \"staircase\", shares = [0.5], of = \"echo-open\" }",
    ] {
        assert!(error(&with(wrong)).contains("echo-open"), "{wrong}: {}", error(&with(wrong)));
    }
}

#[test]
fn servers_of_others_are_started_by_a_command_or_are_there() {
    let with = |keys: &str| format!("{VARIED}\n[[external]]\n{keys}\n");
    let text = with(
        "name = \"mine\"\ncommand = [\"python3\", \"mine.py\", \"{port}\"]\nframing = \"raw\"",
    );
    let plan = Plan::parse(&text).expect("in order");
    assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
    let mine = *plan.subjects().expect("names").last().expect("it comes last");
    assert_eq!(mine.name(), "mine");
    let (open, first) = (plan.workloads.last().expect("one"), &plan.workloads[0]);
    assert_eq!(plan.service_of(first, mine).expect("names").1, Framing::Raw);
    assert_eq!(plan.service(first).expect("names").1, Framing::Line);
    let reason = plan.excludes(open, mine).expect("its workers are its own");
    assert!(reason.contains("server.workers"), "{reason}");
    for (wrong, said) in [
        ("name = \"mine\"", "command = "),
        ("name = \"epoll\"\ntarget = \"127.0.0.1:1\"", "a built-in model"),
        ("name = \"mi ne\"\ntarget = \"127.0.0.1:1\"", "letters"),
        ("name = \"mine\"\ntarget = \"nowhere\"", "target: "),
        ("name = \"mine\"\ncommand = []", "name a program"),
        ("name = \"mine\"\ntarget = \"127.0.0.1:1\"\nframing = \"lines\"", "not one of line"),
    ] {
        let error = error(&with(wrong));
        assert!(error.contains(said), "{wrong}: {error}");
    }
}
