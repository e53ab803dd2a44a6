//! The contenders of a run: what each is, and why some were not measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::units::{counted, show_ns};
use crate::document::{Contender, ContenderState, ContenderWarmup};

/// One line for each.
pub(super) fn text(contenders: &[Contender]) -> String {
    let mut text = String::from("Contenders, servers in other languages:");
    for one in contenders {
        let Contender { name, language, version, what, compare, command, settings, .. } = one;
        let version = version.as_deref().map_or_else(String::new, |version| format!(", {version}"));
        let _ = write!(text, "\n  {name} ({language}{version}): {what}; compare {compare}");
        let state = one.state.words();
        let _ = match (&one.reason, one.state) {
            (Some(reason), ContenderState::Died) => write!(text, "; {state}: {reason}"),
            (Some(reason), _) => write!(text, "; NOT MEASURED, {state}: {reason}"),
            (None, _) => write!(text, "; started by {}", command.join(" ")),
        };
        if let Some(settings) = settings {
            let _ = write!(text, "; set to {settings}");
        }
        for excused in excused(one) {
            let _ = write!(text, "\n    {excused}");
        }
        for warmup in &one.warmups {
            let _ = write!(text, "\n    {}", warmed(warmup));
        }
    }
    text
}

/// The behaviours that it is excused from, a line for each reason.
pub(crate) fn excused(contender: &Contender) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (behaviour, reason) in &contender.exempt {
        by_reason.entry(reason).or_default().push(behaviour);
    }
    let line = |(reason, behaviours): (&str, Vec<&str>)| {
        format!("exempt from {}: {reason}", behaviours.join(", "))
    };
    by_reason.into_iter().map(line).collect()
}

/// The length of its warm-up.
pub(crate) fn warmed(warmup: &ContenderWarmup) -> String {
    let ContenderWarmup { workload, warmup_ns, trials, warm } = warmup;
    let (time, trials) = (show_ns(*warmup_ns), counted(*trials, "trial"));
    if *warm {
        format!("under {workload} warm after {time} (found in {trials})")
    } else {
        format!("under {workload} NOT WARM after {time}, the longest warm-up ({trials})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_language_and_version_or_the_reason_why_it_is_not_measured() {
        let measured = Contender {
            name: "go".into(),
            language: "Go".into(),
            version: Some("go1.19".into()),
            what: "a goroutine for each client".into(),
            compare: "green-threads".into(),
            command: vec!["{build}/server".into(), "{port}".into()],
            settings: Some("one thread".into()),
            exempt: [("slow", "no clock"), ("late", "no clock"), ("many", "no room")]
                .map(|(behaviour, reason)| (behaviour.into(), reason.into()))
                .into(),
            warmup_max_ns: Some(30_000_000_000),
            warmups: [(500_000_000, 1, true), (30_000_000_000, 6, false)]
                .map(|(warmup_ns, trials, warm)| ContenderWarmup {
                    workload: "echo".into(),
                    warmup_ns,
                    trials,
                    warm,
                })
                .into(),
            state: ContenderState::Measured,
            reason: None,
        };
        let missing = Contender {
            name: "perl".into(),
            version: None,
            state: ContenderState::NotInstalled,
            reason: Some("there is no perl: apt-get install perl".into()),
            ..measured.clone()
        };
        let text = text(&[measured, missing]);
        assert!(text.contains("go (Go, go1.19): a goroutine for each client; compare green-threads; started by {build}/server {port}"), "{text}");
        assert!(text.contains("{port}; set to one thread\n"), "{text}");
        assert!(
            text.contains("\n    exempt from late, slow: no clock\n    exempt from many"),
            "{text}"
        );
        assert!(text.contains("under echo warm after 500 ms (found in 1 trial)"), "{text}");
        assert!(text.contains("NOT WARM after 30.0 s, the longest warm-up (6 trials)"), "{text}");
        assert!(
            text.contains("NOT MEASURED, not installed: there is no perl: apt-get install perl"),
            "{text}"
        );
    }
}
