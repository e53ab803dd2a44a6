//! Environments of launchers, and the part that each gives.

use super::{Environment, LauncherArg, Reading, Told, read};

/// Reads `NAME=value` words as an environment.
fn reading(arg: LauncherArg, words: &str, told: Told) -> Result<Reading, String> {
    let lookup = |name: &str| {
        let words = words.split_whitespace().filter_map(|word| word.split_once('='));
        words.filter(|(key, _)| *key == name).map(|(_, value)| value.to_string()).next()
    };
    read(arg, &Environment(&lookup), told).map_err(|error| error.to_string())
}

/// The part that is read with no options.
fn part(words: &str) -> (u64, u64, String) {
    match reading(LauncherArg::Auto, words, Told::default()) {
        Ok(Reading::Part { k, n, launcher }) => (k, n, launcher.expect("a launcher").name),
        other => panic!("{words}: {other:?}"),
    }
}

const TASK: &str = "SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4";

#[test]
fn each_launcher_says_which_part() {
    assert_eq!(part(TASK), (2, 4, "slurm".into()));
    assert_eq!(part("JOB_COMPLETION_INDEX=1 C10K_PARTS=3"), (1, 3, "kubernetes".into()));
    let ompi = "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2";
    assert_eq!(part(ompi), (0, 2, "openmpi".into()));
    assert_eq!(part("PMI_RANK=1 PMI_SIZE=2"), (1, 2, "pmi".into()));
    assert_eq!(part("PMIX_RANK=5 C10K_PARTS=6"), (5, 6, "pmix".into()));
    assert_eq!(part(&format!("{TASK} PMIX_RANK=2 PMI_RANK=2")), (2, 4, "slurm+pmi+pmix".into()));
    assert_eq!(part(&format!("{ompi} PMIX_RANK=0")), (0, 2, "openmpi+pmix".into()));
}

#[test]
fn what_was_read_is_written_down() {
    let Ok(Reading::Part { launcher: Some(launcher), .. }) =
        reading(LauncherArg::Auto, TASK, Told::default())
    else {
        panic!("a part")
    };
    assert_eq!(
        super::show(&launcher.variables),
        "SLURM_NTASKS=4, SLURM_PROCID=2, SLURM_STEP_NUM_TASKS=4"
    );
}

#[test]
fn one_task_changes_nothing() {
    let one = "SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 SLURM_NTASKS=1";
    for words in ["", one, "JOB_COMPLETION_INDEX=0 C10K_PARTS=1", "PMI_RANK=0 PMI_SIZE=1"] {
        let read = reading(LauncherArg::Auto, words, Told::default());
        assert_eq!(read, Ok(Reading::Whole(None)), "{words}");
        // And what the options say is then as without a launcher.
        let told = Told { shard: Some((1, 3)), parts: None };
        let words = words.replace("C10K_PARTS=1", "C10K_PARTS=3").replace("INDEX=0", "INDEX=1");
        match reading(LauncherArg::Auto, &words, told) {
            Ok(Reading::Part { k: 1, n: 3, .. }) => {}
            other => panic!("{words}: {other:?}"),
        }
    }
}

/// As a real Slurm was seen to set them: 22.05 in a batch script, in a shell of `salloc`, and in
/// one with `LaunchParameters=use_interactive_step`.
#[test]
fn a_job_of_several_tasks_around_this_process_does_not_make_it_one_of_them() {
    let batch = "SLURM_JOB_ID=3 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NTASKS=4";
    let shell = "SLURM_JOB_ID=4 SLURM_NTASKS=4";
    let interactive = "SLURM_JOB_ID=5 SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_ID=4294967290 \
                       SLURM_STEP_NUM_TASKS=1";
    for words in [batch, shell, interactive] {
        match reading(LauncherArg::Auto, words, Told::default()) {
            Ok(Reading::Whole(Some(note))) => {
                assert!(note.contains("SLURM_NTASKS=4"), "{note}");
                assert!(note.contains("the whole load"), "{note}");
            }
            other => panic!("{words}: {other:?}"),
        }
        let refused = reading(LauncherArg::Slurm, words, Told::default()).expect_err("no step");
        assert!(refused.contains("srun"), "{refused}");
    }
}

#[test]
fn it_can_be_switched_off() {
    let none = reading(LauncherArg::None, TASK, Told::default());
    assert_eq!(none, Ok(Reading::Whole(None)));
    let told = Told { shard: Some((0, 3)), parts: None };
    let typed = reading(LauncherArg::None, TASK, told);
    assert_eq!(typed, Ok(Reading::Part { k: 0, n: 3, launcher: None }));
}

#[test]
fn contradictions_are_named() {
    let shard = |k, n| Told { shard: Some((k, n)), parts: None };
    let parts = |n| Told { shard: None, parts: Some(n) };
    let none = Told::default();
    let task = |more: &str| format!("{TASK} {more}");
    let cases = [
        (task("PMI_RANK=1 PMI_SIZE=4"), none, "SLURM_PROCID=2 and PMI_RANK=1"),
        (task("PMI_RANK=2 PMI_SIZE=8"), none, "SLURM_STEP_NUM_TASKS=4 and PMI_SIZE=8"),
        (TASK.replace("NTASKS=4", "NTASKS=8"), none, "SLURM_STEP_NUM_TASKS=4 and SLURM_NTASKS=8"),
        (task(""), shard(1, 4), "SLURM_PROCID=2 and --shard K=1"),
        (task(""), shard(2, 3), "SLURM_STEP_NUM_TASKS=4 and --shard N=3"),
        (task(""), parts(3), "SLURM_STEP_NUM_TASKS=4 and --parts=3"),
        ("JOB_COMPLETION_INDEX=1 C10K_PARTS=3".into(), parts(4), "C10K_PARTS=3 and --parts=4"),
        (
            "JOB_COMPLETION_INDEX=1".into(),
            none,
            "JOB_COMPLETION_INDEX gives the number of the part",
        ),
        ("C10K_PARTS=3".into(), none, "C10K_PARTS gives the number of parts"),
        ("PMI_SIZE=3".into(), none, "PMI_SIZE is set but PMI_RANK is not"),
        ("PMI_RANK=x PMI_SIZE=3".into(), none, "PMI_RANK=x is not the number"),
        ("PMI_RANK=3 PMI_SIZE=3".into(), none, "PMI_RANK=3 is not below PMI_SIZE=3"),
    ];
    for (words, told, named) in cases {
        let error = reading(LauncherArg::Auto, &words, told).expect_err(&words);
        assert!(error.contains(named), "{words}: {error}");
    }
    // Naming the launcher decides.
    let inner = task("OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=8");
    match reading(LauncherArg::Openmpi, &inner, none) {
        Ok(Reading::Part { k: 1, n: 8, .. }) => {}
        other => panic!("{other:?}"),
    }
}
