//! Checks of sessions: whether they completed with the right totals.

use super::{check, not_judged, unless};
use crate::base::units::as_f64;
use crate::document::{About, Check, SessionsRecord, Status};

/// The name of a lost session in the census. It is what a home of state does that does not outlive a
/// connection, and so a finding and no failure to measure.
pub(crate) const LOST: &str = "lost_session";

/// The outcomes of the sessions.
pub(super) fn session_checks(sessions: &SessionsRecord) -> Vec<Check> {
    let SessionsRecord { started, lost, wrong, reconciles, .. } = *sessions;
    if started == 0 {
        let why = "no session was started";
        return ["sessions-kept", "sessions-right", "sessions-census"]
            .map(|name| not_judged(name, About::Server, why))
            .to_vec();
    }
    let kept = format!(
        "the server had lost {lost} of {started} sessions when their next step \
        arrived"
    );
    let right = format!("{wrong} of {started} sessions ended with a wrong total");
    let total = "the session counts do not add up".to_string();
    let status = unless(lost == 0, Status::Warn);
    vec![
        check("sessions-kept", About::Server, status, (as_f64(lost), 0.0), kept),
        check(
            "sessions-right",
            About::Server,
            unless(wrong == 0, Status::Fail),
            (as_f64(wrong), 0.0),
            right,
        ),
        check(
            "sessions-census",
            About::Generator,
            unless(reconciles, Status::Fail),
            (f64::from(u8::from(reconciles)), 1.0),
            total,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_session_is_a_finding_and_a_wrong_one_an_error() {
        let statuses = |sessions| session_checks(&sessions).into_iter().map(|check| check.status);
        let fine = SessionsRecord { started: 5, completed: 5, reconciles: true, ..<_>::default() };
        assert!(statuses(fine).all(|status| status == Status::Pass));
        let lost = SessionsRecord { lost: 1, ..fine };
        assert_eq!(statuses(lost).max(), Some(Status::Warn));
        for bad in
            [SessionsRecord { wrong: 1, ..fine }, SessionsRecord { reconciles: false, ..fine }]
        {
            assert_eq!(statuses(bad).max(), Some(Status::Fail));
        }
    }
}
