//! `c10k run` with contenders: a correct one is measured beside a model, and each of the others is named with
//! its fault and does not end the rest.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use crate::support::c10k;
use serde_json::Value;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// A contender for every possible outcome.
const CONTENDERS: [(&str, &str); 8] = [
    // It listens late, too.
    ("good", "start = ['sh', '-c', 'sleep 0.7; exec python3 {folder}/threads_server.py {port}']"),
    ("missing", "start = ['no-such-tool', '{port}']"),
    ("unbuilt", "start = ['true', '{port}']"),
    ("dead", "start = ['sh', '-c', 'echo it will not >&2; exit 3', '{port}']"),
    ("elsewhere", "start = ['python3', '{folder}/elsewhere.py', '{port}']"),
    ("wrong", "start = ['python3', '{folder}/wrong.py', '{port}']"),
    (
        "mortal",
        "start = ['sh', '-c', 'echo >> {build}/starts; [ $(wc -l < {build}/starts) -gt 2 ] && exit 9; \
      exec python3 {folder}/threads_server.py {port}']",
    ),
    ("old", "only-if = ['false']\notherwise = 'it needs Python 9'\nstart = ['true', '{port}']"),
];

fn write(folder: &Path) {
    for (name, start) in CONTENDERS {
        let own = folder.join("contenders").join(name);
        fs::create_dir_all(&own).unwrap();
        for file in ["threads_server.py", "protocol.py"] {
            fs::copy(
                Path::new(PROJECT).join("servers/contenders/python").join(file),
                own.join(file),
            )
            .unwrap();
        }
        let wrong = "ECHO\":\n            return b\"OK \" + rest + b\"\\n\"";
        let right = fs::read_to_string(own.join("protocol.py")).unwrap();
        assert!(right.contains(wrong), "{right}");
        let starter = fs::read_to_string(own.join("threads_server.py")).unwrap();
        fs::write(own.join("wrong.py"), starter.replace("from protocol", "from mistaken")).unwrap();
        fs::write(own.join("mistaken.py"), right.replace(wrong, &wrong.replace("OK ", "KO ")))
            .unwrap();
        fs::write(
            own.join("elsewhere.py"),
            "import socket, time\ns = socket.create_server(('127.0.0.1', 0))\ntime.sleep(1000)\n",
        )
        .unwrap();
        let needs = if name == "missing" { "no-such-tool" } else { "python3" };
        let build = match name {
            "unbuilt" => "build = [['sh', '-c', 'echo the sky is not blue >&2; false']]",
            _ => "build = [['true', '{folder}', '{build}']]",
        };
        let manifest = format!(
            "language = 'Python'\nneeds = ['{needs}']\ninstall = 'install-it {needs}'\nversion = ['echo', 'version 7']\n\
             {build}\n[[server]]\nname = '{name}'\nwhat = 'a server for a test'\ncompare = 'epoll'\n{start}\n"
        );
        fs::write(own.join("contender.toml"), manifest).unwrap();
    }
    let plan = "name = 'others'\nquestion = 'Who?'\nmodels = ['epoll']\ntwin = 'none'\ntrials = 2\nconnections = 2\n\
        warmup = '10ms'\nmeasure = '100ms'\ndrain = '10ms'\n[contenders]\nfolder = 'contenders'\nbuild = 'built'\n\
        warmup-max = '40ms'\nbehaviours = ['every_request_gets_its_reply']\n\
        [[workload]]\nname = 'echo'\nrequest = { kind = 'echo', bytes = 8 }\narrivals = { kind = 'closed' }\n\
        [[workload]]\nname = 'page'\nrequest = { kind = 'page', path = '/echo/hello' }\n\
        arrivals = { kind = 'closed' }\nserver = { framing = 'http' }\n";
    fs::write(folder.join("plan.toml"), plan).unwrap();
}

/// Asserts that it was warmed up until it was warm or reached the longest warm-up, and that each of its
/// trials has that warm-up.
fn assert_is_warmed_up(good: &Value, said: &str, results: &Path) {
    let warmups = good["warmups"].as_array().unwrap();
    assert_eq!((warmups.len(), &warmups[0]["workload"]), (1, &"echo".into()), "{good}");
    let warmup = warmups[0]["warmup_ns"].as_u64().unwrap();
    assert!((10_000_000..=40_000_000).contains(&warmup), "{good}");
    assert!(warmups[0]["warm"] == true || warmup == 40_000_000, "{good}");
    assert!(said.replace("NOT WARM", "warm").contains("under echo warm after"), "{said}");
    for trial in ["trials/echo.good.0.json", "trials/echo.good.1.json"] {
        let text = fs::read_to_string(results.join(trial)).unwrap();
        let phases = &serde_json::from_str::<Value>(&text).unwrap()["phases"];
        assert_eq!(phases["warmup_ns"].as_u64(), Some(warmup), "{phases}");
        assert_eq!(phases["warmup_trials"], warmups[0]["trials"], "{phases}");
    }
}

#[test]
fn each_is_measured_or_named_and_none_ends_the_others() {
    if c10k().arg("--version").output().is_err()
        || std::process::Command::new("python3").arg("-V").output().is_err()
    {
        return eprintln!("not tested: there is no python3");
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let run = c10k().args(["run", "plan.toml"]).current_dir(folder.path()).output().unwrap();
    let (said, told) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(
        run.status.code(),
        Some(4),
        "some that are installed are not measured: {said}{told}"
    );
    let results =
        fs::read_dir(folder.path().join("results")).unwrap().next().unwrap().unwrap().path();
    let summary: Value =
        serde_json::from_slice(&fs::read(results.join("summary.json")).unwrap()).unwrap();
    let schema =
        fs::read_to_string(Path::new(PROJECT).join("results/schema/summary.v1.json")).unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&summary));

    let contenders = summary["run"]["contenders"].as_array().unwrap();
    let of = |name: &str| contenders.iter().find(|one| one["name"] == name).unwrap();
    for (name, state, reason) in [
        ("missing", "not-installed", "there is no no-such-tool: install-it no-such-tool"),
        ("unbuilt", "not-built", "the sky is not blue"),
        ("dead", "not-started", "it will not"),
        ("elsewhere", "not-started", "listens at 127.0.0.1:"),
        ("wrong", "failing", "every_request_gets_its_reply"),
        ("mortal", "died", "does not listen"),
        ("old", "not-installed", "it needs Python 9"),
    ] {
        let one = of(name);
        assert_eq!(one["state"], state, "{one}");
        assert!(one["reason"].as_str().is_some_and(|told| told.contains(reason)), "{one}");
        assert!(said.contains(reason), "{name}: it is not in the tables: {said}");
        // The lines may be folded elsewhere.
    }
    let good = of("good");
    assert_eq!(
        (&good["state"], &good["version"]),
        (&"measured".into(), &"version 7".into()),
        "{good}"
    );

    assert_is_warmed_up(good, &said, &results);

    let cells = summary["cells"].as_array().unwrap();
    let measured: Vec<_> = cells
        .iter()
        .map(|cell| (cell["workload"].as_str().unwrap(), cell["model"].as_str().unwrap()))
        .collect();
    assert_eq!(measured, [("echo", "epoll"), ("echo", "good"), ("page", "epoll")]);
    assert!(
        cells
            .iter()
            .all(|cell| cell["replies_wrong"] == 0 && cell["replies_checked"].as_u64() > Some(0))
    );
    let left_out = "left out: good, mortal under page: it speaks line framing only";
    assert!(said.contains(left_out), "{said}");
    let page = fs::read_to_string(results.join("report.html")).unwrap();
    assert!(page.contains("Limits of this comparison") && page.contains("version 7"));
    // The plan of the run names the contenders by relative folders, which work on other machines too.
    let plan = fs::read_to_string(results.join("plan.toml")).unwrap();
    assert!(
        plan.contains("python3 {folder}/threads_server.py {port}")
            && plan.contains("folder = \"contenders/good\""),
        "{plan}"
    );
}

#[test]
fn without_contenders_it_says_where_they_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = c10k().args(["run", "contenders"]).current_dir(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{told}");
    assert!(told.contains("there are no contenders in servers/contenders"), "{told}");
    let plan = c10k()
        .args(["run", "contenders", "--dry-run"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&plan.stdout).contains("contenders in servers/contenders"));
}
