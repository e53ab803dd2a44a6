//! The lists of models and of servers that are broken on purpose.

use std::collections::BTreeMap;

use anyhow::Result;
use protocol::App;
use servers::{BROKEN, Broken, MODELS, Model, VARIANTS};

use super::table;
use crate::base::print;
use crate::base::units::{ns, show_ns};

/// Prints the list of models, or the models of these names with how to use them.
///
/// # Errors
/// When the text cannot be printed.
pub fn models(names: &[String], json: bool) -> Result<()> {
    let named = |model: &&Model| names.iter().any(|name| name == model.name);
    let listed = MODELS.iter().filter(|model| names.is_empty() || named(model));
    let wanted: Vec<&Model> = listed.chain(VARIANTS.iter().filter(named)).collect();
    if json {
        let list: Vec<_> = wanted
            .iter()
            .map(|model| {
                let refused = (model.probe)().err();
                serde_json::json!({
                    "name": model.name,
                    "family": model.family.name(),
                    "summary": model.summary,
                    "timer_resolution_ns": ns(model.timer_resolution),
                    "available": refused.is_none(),
                    "reason": refused,
                    "states": model.homes().collect::<Vec<_>>(),
                    "apps": model.apps().collect::<Vec<_>>(),
                    "cannot": cannot(model).collect::<BTreeMap<_, _>>(),
                })
            })
            .collect();
        return print(&String::from_utf8(crate::document::store::json(&list)?)?);
    }
    let mut table = table(&["model", "family", "timer", "what it does"], 4);
    for model in wanted {
        let mut summary = model.summary.to_string();
        if let Err(reason) = (model.probe)() {
            summary = format!("{summary}\nunavailable here: {reason}");
        }
        for (app, reason) in cannot(model) {
            summary = format!("{summary}\ncannot run {app}: {reason}");
        }
        let timer = show_ns(ns(model.timer_resolution));
        table.add_row([model.name, model.family.name(), &timer, &summary]);
    }
    let mut text = format!("{table}\n");
    if names.is_empty() {
        let variants: Vec<_> = VARIANTS.iter().map(|model| model.name).collect();
        text = format!("{text}with one setting changed: {}\n", variants.join(", "));
    }
    if let [name, ..] = names {
        let all = names.join(" ");
        text = format!(
            "{text}serve it: c10k serve {name}; check it: c10k check --model {name}; measure: c10k run {all}\n"
        );
    }
    print(&text)
}

/// The applications that a model cannot run, by name, with the reason.
fn cannot(model: &Model) -> impl Iterator<Item = (&'static str, &'static str)> {
    let cannot = |(name, app)| model.cannot_run(app).map(|reason| (name, reason));
    App::ALL.into_iter().filter_map(cannot)
}

/// Prints the servers that are broken on purpose.
///
/// # Errors
/// When the text cannot be printed.
pub fn broken(json: bool) -> Result<()> {
    if json {
        let entry = |broken: &Broken| {
            let Broken { model, gauge, right } = broken;
            serde_json::json!({
                "name": model.name,
                "family": model.family.name(),
                "fault": model.summary,
                "gauge": gauge,
                "right": right,
            })
        };
        let list: Vec<_> = BROKEN.iter().map(entry).collect();
        return print(&String::from_utf8(crate::document::store::json(&list)?)?);
    }
    let mut table = table(&["broken server", "its fault", "symptom", "correct in"], 4);
    for Broken { model, gauge, right } in BROKEN {
        table.add_row([model.name, model.summary, gauge, right]);
    }
    print(&table.to_string())
}
