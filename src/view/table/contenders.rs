//! The contenders of a run: what each is, and why some were not measured.

use std::fmt::Write as _;

use crate::document::{Contender, ContenderState};

/// One line for each.
pub(super) fn text(contenders: &[Contender]) -> String {
    let mut text = String::from("Contenders, servers in other languages:");
    for one in contenders {
        let Contender { name, language, version, what, compare, command, .. } = one;
        let version = version.as_deref().map_or_else(String::new, |version| format!(", {version}"));
        let _ = write!(text, "\n  {name} ({language}{version}): {what}; compare {compare}");
        let state = one.state.words();
        let _ = match (&one.reason, one.state) {
            (Some(reason), ContenderState::Died) => write!(text, "; {state}: {reason}"),
            (Some(reason), _) => write!(text, "; NOT MEASURED, {state}: {reason}"),
            (None, _) => write!(text, "; started by {}", command.join(" ")),
        };
    }
    text
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
        assert!(
            text.contains("NOT MEASURED, not installed: there is no perl: apt-get install perl"),
            "{text}"
        );
    }
}
