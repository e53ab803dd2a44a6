//! Every model x every classroom application that it runs, each with a server process of its own. A
//! new model in the list gets all of these tests.

#[path = "apps/chat.rs"]
mod chat;
#[path = "apps/clock.rs"]
mod clock;
#[path = "apps/daytime.rs"]
mod daytime;
#[path = "apps/dispatch.rs"]
mod dispatch;
#[path = "apps/ending.rs"]
mod ending;
#[path = "apps/served.rs"]
mod served;
#[path = "apps/shell.rs"]
mod shell;
#[path = "apps/sink.rs"]
mod sink;
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use libtest_mimic::{Arguments, Failed, Trial};
use protocol::App;
use servers::{MODELS, Model};

/// A behaviour of a model that runs an application.
struct Row {
    app: App,
    /// A sentence in snake case.
    name: &'static str,
    /// It needs several clients at a time, which a sequential server serves one after the other.
    concurrent: bool,
    /// It needs clients that have threads of their own.
    threaded: bool,
    run: fn(&'static Model),
}

const fn row(app: App, name: &'static str, run: fn(&'static Model)) -> Row {
    Row { app, name, concurrent: false, threaded: false, run }
}

impl Row {
    const fn concurrent(self) -> Self {
        Self { concurrent: true, ..self }
    }

    const fn threaded(self) -> Self {
        Self { threaded: true, ..self }
    }

    fn of(&'static self, model: &'static Model) -> Trial {
        let sequential = model.family == servers::Family::Sequential;
        let fits = model.cannot_run(self.app).is_none()
            && (model.probe)().is_ok()
            && !(self.concurrent && sequential)
            && (!self.threaded || model.family == servers::Family::Thread);
        let run = move || {
            catch_unwind(AssertUnwindSafe(|| (self.run)(model))).map_err(|panic| {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                Failed::from(text.unwrap_or_default())
            })
        };
        let name = format!("{}::{}::{}", model.name, self.app.name(), self.name);
        Trial::test(name, run).with_ignored_flag(!fits)
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // Most of these tests wait for each other and not for processors.
    arguments.test_threads.get_or_insert(24);
    let themes = [
        chat::ROWS,
        clock::ROWS,
        daytime::ROWS,
        dispatch::ROWS,
        ending::ROWS,
        shell::ROWS,
        sink::ROWS,
    ];
    let rows = move || themes.into_iter().flatten();
    let mut trials: Vec<Trial> =
        MODELS.iter().flat_map(|model| rows().map(move |row| row.of(model))).collect();
    trials.push(Trial::test("every_application_has_rows", move || {
        for (name, app) in App::ALL.into_iter().filter(|(_, app)| !app.is_request_reply()) {
            assert!(rows().any(|row| row.app == app), "{name} is not tried");
        }
        Ok(())
    }));
    libtest_mimic::run(&arguments, trials).exit();
}
