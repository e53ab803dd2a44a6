//! The dependencies of the program, checked against `deny.toml` without cargo-deny and without the network; and the
//! packages as they would be published.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use toml::Table;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(ROOT).output();
    let output = output.expect("cargo runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}

/// The packages that this program, its tests and its benchmarks are built from.
fn packages() -> Vec<Value> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let text = cargo(&[
        "metadata",
        "--offline",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        &target,
    ]);
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let built: BTreeSet<_> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let all = metadata["packages"].as_array().expect("packages").iter();
    let is_built = |one: &&Value| one["id"].as_str().is_some_and(|id| built.contains(id));
    all.filter(is_built).cloned().collect()
}

fn word<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

fn deny() -> Table {
    let text = std::fs::read_to_string(Path::new(ROOT).join("deny.toml")).expect("deny.toml");
    text.parse().expect("TOML")
}

/// Whether the allowed licences satisfy the licence expression of a package.
fn is_allowed(allowed: &[Licensee], license: &str) -> bool {
    let expression = Expression::parse_mode(license, ParseMode::LAX);
    expression.is_ok_and(|expression| {
        expression.evaluate(|asked| allowed.iter().any(|one| one.satisfies(asked)))
    })
}

fn allowed() -> Vec<Licensee> {
    let deny = deny();
    let names = deny["licenses"]["allow"].as_array().expect("a list");
    let names = names.iter().map(|name| name.as_str().expect("a name"));
    names.map(|name| Licensee::parse(name).expect("a licence of SPDX")).collect()
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let (allowed, packages) = (allowed(), packages());
    assert!(packages.len() > 100, "{} packages", packages.len());
    let refused = packages.iter().filter(|one| !is_allowed(&allowed, word(one, "license")));
    let refused = refused.map(|one| format!("{}: {}", word(one, "name"), word(one, "license")));
    let refused: Vec<_> = refused.collect();
    assert!(refused.is_empty(), "not allowed by deny.toml: {refused:?}");
    // Each licence is needed, because some package has no other.
    for at in 0..allowed.len() {
        let mut others = allowed.clone();
        let name = others.remove(at);
        let needed = packages.iter().any(|one| !is_allowed(&others, word(one, "license")));
        assert!(needed, "{name:?} is allowed, and nothing needs it");
    }
}

#[test]
fn licences_that_are_not_allowed_are_told() {
    let allowed = allowed();
    for fine in ["MIT", "Apache-2.0/MIT", "(MIT OR GPL-3.0-only) AND Unicode-3.0"] {
        assert!(is_allowed(&allowed, fine), "{fine}");
    }
    for wrong in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "", "no licence at all"] {
        assert!(!is_allowed(&allowed, wrong), "{wrong}");
    }
}

#[test]
fn what_is_there_in_two_versions_is_an_exception_of_deny_toml() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in packages() {
        let (name, version) = (word(&one, "name").into(), word(&one, "version").into());
        versions.entry(name).or_default().insert(version);
    }
    let deny = deny();
    let mut skipped: BTreeSet<String> = BTreeSet::new();
    for one in deny["bans"]["skip"].as_array().expect("a list") {
        assert!(one["reason"].as_str().is_some_and(|why| !why.is_empty()), "{one} has no reason");
        skipped.insert(one["crate"].as_str().expect("a crate and its version").into());
    }
    for (name, versions) in versions {
        let others = versions.iter().filter(|version| {
            let skip = skipped.remove(&format!("{name}@{version}"));
            !skip
        });
        assert!(others.count() <= 1, "{name} is there as {versions:?}: see deny.toml");
    }
    assert!(skipped.is_empty(), "exceptions of deny.toml that are not there: {skipped:?}");
}

#[test]
fn what_deny_toml_bans_is_not_there() {
    let (deny, packages) = (deny(), packages());
    for banned in deny["bans"]["deny"].as_array().expect("a list") {
        let name = banned["crate"].as_str().expect("a crate");
        let is_there = packages.iter().any(|one| one["name"] == name);
        assert!(!is_there, "{name} is there: {}", banned["reason"]);
    }
}

#[test]
fn nothing_comes_from_elsewhere_than_the_registry() {
    let from = "registry+https://github.com/rust-lang/crates.io-index";
    let own = |one: &Value| word(one, "name").starts_with("c10k") || one["name"] == "benches";
    for one in packages() {
        let source = one["source"].as_str();
        assert!(source.map_or(own(&one), |source| source == from), "{}: {source:?}", one["name"]);
    }
}

/// Files with which each package would be published.
const PUBLISHED: [(&str, &str, &[&str]); 4] = [
    ("c10k-protocol", "protocol", &["src/session.rs"]),
    ("c10k-servers", "servers", &["src/models/epoll.rs", "src/broken/rare_leak.rs"]),
    ("c10k-loadgen", "loadgen", &["src/worker.rs"]),
    (
        "c10k",
        "",
        &[
            "src/main.rs",
            "plans/quick.toml",
            "src/view/page/page.js",
            "results/schema/trial.v1.json",
        ],
    ),
];

/// The most kibibytes of a package before compression; the registry takes ten thousand after it.
const PACKAGE_KIB_MAX: u64 = 6_000;

#[test]
fn packages_are_whole_and_small() {
    let metadata: BTreeMap<String, Value> =
        packages().into_iter().map(|one| (word(&one, "name").into(), one)).collect();
    for (name, folder, some) in PUBLISHED {
        let one = &metadata[name];
        for key in ["description", "license", "readme", "rust_version"] {
            assert!(!word(one, key).is_empty(), "{name} has no {key}");
        }
        for key in ["keywords", "categories"] {
            let words = one[key].as_array().expect("a list").len();
            assert!((1..=5).contains(&words), "{name}: {words} {key}");
        }
        let list = cargo(&["package", "--list", "--allow-dirty", "--offline", "-p", name]);
        let files: Vec<&str> = list.lines().collect();
        let always = ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "Cargo.toml"];
        for file in always.iter().chain(some) {
            assert!(files.contains(file), "{name} lacks {file}: {files:?}");
        }
        let stray = files.iter().find(|file| {
            let is_in = |folder: &&str| file.starts_with(folder);
            ["results/", "tests/", "docs/", "contenders/"].iter().any(is_in)
                && !file.starts_with("results/schema/")
        });
        assert_eq!(stray, None, "{name}");
        let size = |file: &&str| {
            let there = Path::new(ROOT).join(folder).join(file);
            std::fs::metadata(there).map_or(0, |there| there.len())
        };
        let kib = files.iter().map(size).sum::<u64>() / 1024;
        assert!((20..PACKAGE_KIB_MAX).contains(&kib), "{name}: {kib} KiB");
    }
}

#[test]
fn all_packages_have_one_version_and_ask_for_each_other_by_it() {
    for one in packages() {
        let name = word(&one, "name");
        if !name.starts_with("c10k") {
            continue;
        }
        assert_eq!(word(&one, "version"), env!("CARGO_PKG_VERSION"), "{name}");
        for needed in one["dependencies"].as_array().expect("a list") {
            if word(needed, "name").starts_with("c10k") && needed["kind"].is_null() {
                let version = format!("^{}", env!("CARGO_PKG_VERSION"));
                assert_eq!(word(needed, "req"), version, "{name} needs {}", needed["name"]);
            }
        }
    }
}
