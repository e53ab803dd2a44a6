//! Every model x every behaviour of `c10k check`, each with a server process of its own. A new model or
//! variant in the list gets all of them, and a new behaviour is tried on every model.

use std::time::Duration;

use c10k::check::{Behaviour, Setting, Speech, Subject, Verdict, behaviours};
use libtest_mimic::{Arguments, Failed, Trial};
use servers::{MODELS, Model, VARIANTS};

/// Ends a test that would hang. Far longer than anything takes, even on a machine this busy.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let mut arguments = Arguments::from_args();
    // Most of these tests wait for timeouts and not for processors.
    arguments.test_threads.get_or_insert(24);
    let trials = MODELS
        .iter()
        .chain(VARIANTS)
        .flat_map(|model| behaviours::all().map(move |one| trial(model, one)));
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn trial(model: &'static Model, behaviour: &'static Behaviour) -> Trial {
    let subject = Subject::Model { model, program: env!("CARGO_BIN_EXE_c10k").into() };
    let fits = behaviour.does_not_fit(&subject, Speech::BENCH).is_none();
    let run = move || {
        let setting = Setting::of_model(subject, Speech::BENCH, PATIENCE);
        match setting.try_one(behaviour) {
            Verdict::Pass | Verdict::ByNature => Ok(()),
            Verdict::Skipped(reason) | Verdict::Fail(reason) | Verdict::Unstable(reason) => {
                Err(Failed::from(reason))
            }
        }
    };
    // A behaviour that does not apply to a model, such as replacing processes that it does not have,
    // counts as ignored and not as passed.
    Trial::test(format!("{}::{}", model.name, behaviour.name), run).with_ignored_flag(!fits)
}
