//! The list of models: for people and programs, in the README, and on machines that cannot run all.

use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;

use super::run;
use crate::support::c10k;

#[test]
fn the_list_of_models_is_the_same_for_people_and_programs() {
    let (_, json, _) = run(&["models", "--json"]);
    let (_, text, _) = run(&["models"]);
    let list: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    assert_eq!(list.len(), servers::MODELS.len());
    for model in &list {
        assert!(text.contains(model["name"].as_str().expect("a name")));
        assert!(text.contains(model["summary"].as_str().expect("a summary")));
        let name = model["name"].as_str().expect("a name");
        let coarse = name == "mio" || name.starts_with("tokio");
        let (ns, shown) = if coarse { (1_000_000, "1.00 ms") } else { (1, "1 ns") };
        assert_eq!(model["timer_resolution_ns"], ns, "{name}");
        let row = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        assert!(row.is_some_and(|row| row.contains(shown)), "{name}: {row:?}");
    }
}

#[test]
fn the_readme_lists_every_model_in_teaching_order() {
    let readme = include_str!("../../../docs/models.md");
    let table = readme.split("| model | what it does |").nth(1).expect("the table of models");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let named: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let models: Vec<&str> = servers::MODELS.iter().map(|model| model.name).collect();
    assert_eq!(named, models);
}

/// Makes the kernel refuse io_uring_setup(2) to a command with this errno, as in containers.
fn without_io_uring(command: &mut Command, errno: i32) -> &mut Command {
    without(command, libc::SYS_io_uring_setup, errno)
}

/// Makes the kernel refuse this system call to a command with this errno.
fn without(command: &mut Command, call: i64, errno: i32) -> &mut Command {
    fn op(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
        libc::sock_filter { code: u16::try_from(code).expect("a small code"), jt, jf, k }
    }
    let call = u32::try_from(call).expect("a small number");
    let refusal = libc::SECCOMP_RET_ERRNO | u32::try_from(errno).expect("positive");
    // The number of the system call is the first word of what a filter sees.
    let mut filter = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call, 0, 1),
        op(libc::BPF_RET | libc::BPF_K, refusal, 0, 0),
        op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let install = move || {
        let len = libc::c_ushort::try_from(filter.len()).expect("four");
        let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
        #[expect(unsafe_code, reason = "no safe wrapper installs a seccomp filter")]
        // SAFETY: the program and its filter live across the calls; both are signal-safe.
        let refused = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
                    != 0
        };
        if refused { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    #[expect(unsafe_code, reason = "the filter is for the child alone")]
    // SAFETY: two system calls, and no allocation, between fork and exec.
    unsafe {
        command.pre_exec(install)
    }
}

#[test]
fn a_model_that_the_machine_refuses_is_listed_with_the_reason_and_not_started() {
    for (errno, name) in [(libc::EPERM, "EPERM"), (libc::ENOSYS, "ENOSYS")] {
        let run = |arguments: &[&str]| {
            let mut command = c10k();
            let output = without_io_uring(command.args(arguments), errno).output();
            output.expect("it runs")
        };
        let listed = run(&["models", "--json"]);
        assert!(listed.status.success());
        let list: Vec<Value> = serde_json::from_slice(&listed.stdout).expect("JSON");
        let rings = list.iter().filter(|model| model["family"] == "proactor");
        assert!(rings.clone().count() >= 2, "{list:?}");
        for ring in rings {
            assert_eq!(ring["available"], false, "{ring}");
            assert!(ring["reason"].as_str().expect("a reason").contains(name), "{ring}");
            let model = ring["name"].as_str().expect("a name");
            let served = run(&["serve", "--model", model, "--listen", "127.0.0.1:0"]);
            let stderr = String::from_utf8_lossy(&served.stderr);
            assert_eq!(served.status.code(), Some(2), "{stderr}");
            assert!(stderr.contains(&format!("the model {model} cannot run here")), "{stderr}");
            assert!(stderr.contains(name), "{stderr}");
            assert_eq!(served.stdout, b"");
        }
        let others = list.iter().filter(|model| model["family"] != "proactor");
        for other in others {
            assert_eq!(other["available"], true, "{other}");
        }
        let table = run(&["models"]);
        assert!(String::from_utf8_lossy(&table.stdout).contains("unavailable here"));
    }
}

/// Variants are listed only by name, and a variant that this machine refuses ends before it is ready.
#[test]
fn a_variant_is_shown_and_served_by_name_and_says_which_way_its_ring_is_used() {
    let (_, all, _) = run(&["models"]);
    for variant in servers::VARIANTS {
        let name = variant.name;
        assert!(all.contains(name), "{all}");
        let (_, one, _) = run(&["models", name, "--json"]);
        let list: Vec<Value> = serde_json::from_str(&one).expect("JSON");
        assert_eq!((list.len(), &list[0]["name"]), (1, &Value::from(name)));
        let mut command = c10k();
        command.args(["serve", name, "--listen", "127.0.0.1:0"]);
        // Without this call neither a table of files nor a pool of buffers can be registered.
        let refused = without(&mut command, libc::SYS_io_uring_register, libc::EINVAL).output();
        let refused = refused.expect("it runs");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!((refused.status.code(), &*refused.stdout), (Some(2), &b""[..]), "{said}");
        assert!(said.contains(&format!("the model {name} cannot run here: ")), "{said}");
        assert!(said.contains("io_uring"), "{said}");
        let files = said.contains("io_uring takes no registered files");
        assert_eq!(files, name == "io-uring-registered", "{said}");
    }
}

#[test]
fn the_ready_line_has_the_settings_of_the_ring() {
    let variants = servers::VARIANTS.iter().filter(|variant| (variant.probe)().is_ok());
    for variant in variants {
        let args = c10k::ServeArgs::child(&["--model", variant.name]).expect("it is known");
        let mut command = args.command(crate::support::C10K);
        let mut server = command.stdout(std::process::Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = server.stdout.take().expect("it was asked for");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
            .expect("a line");
        server.kill().expect("it runs");
        server.wait().expect("it has ended");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let (ring, settings) =
            (&ready["settings"]["ring"], variant.ring.as_ref().expect("it has a ring"));
        assert_eq!(ring["batched"], settings.batched, "{line}");
        assert_eq!(ring["multishot_accept"], settings.multishot_accept, "{line}");
        assert_eq!(ring["receives"], settings.receives.name(), "{line}");
        assert_eq!(ring["registered"], settings.registered, "{line}");
        assert_eq!(ring["polled"], settings.polled, "{line}");
        assert_eq!(ring["deferred"], settings.deferred && !settings.polled, "{line}");
    }
}
