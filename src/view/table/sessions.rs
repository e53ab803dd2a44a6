//! Sessions of several requests, in lines.

use crate::document::{SessionsRecord, Trial};

/// The outcomes of the sessions; empty without any.
pub(super) fn sessions_text(trial: &Trial) -> String {
    let Some(sessions) = &trial.sessions else { return String::new() };
    let SessionsRecord { started, completed, spanning, lost, .. } = sessions;
    let SessionsRecord { refused, wrong, broken, unfinished, .. } = sessions;
    format!(
        "sessions started {started}, completed {completed} ({spanning} over several connections), lost \
         {lost}, refused {refused}, wrong {wrong}, broken {broken}, unfinished {unfinished}\n"
    )
}
