//! Checks for other programs on the processors.

use super::{check, unless};
use crate::base::units::as_f64;
use crate::document::{About, Check, Contention, Status, Trial};

/// Share of the time in which a thread may wait for a processor where there is one for each.
const PRESSURE_LIMIT: f64 = 0.10;

/// More threads than processors were runnable: before the load began, when none of them belonged to
/// the load; or during it, although server and generator have a processor for each of their
/// threads.
pub(super) fn load_above_cores(trial: &Trial, found: &Contention) -> Check {
    let Contention { processors, runnable, pressure_share } = *found;
    if runnable > processors {
        let message = format!(
            "machine busy: {runnable} threads competed for the {processors} processors before the \
             load began; stop other programs and measure again"
        );
        let seen = (as_f64(runnable), as_f64(processors));
        return check("load-above-cores", About::Host, Status::Warn, seen, message);
    }
    // A server with a thread for each client waits for processors by its own doing.
    let own = trial.server.as_ref().map(|server| server.threads + trial.load.threads as u64);
    let judged = own.is_some_and(|own| own <= processors);
    let waited = pressure_share.filter(|_| judged).unwrap_or(0.0);
    let message = format!(
        "machine busy: threads waited for a processor {:.0} % of the time, although server and \
         generator have one per thread; stop other programs and measure again",
        waited * 100.0
    );
    let status = unless(waited <= PRESSURE_LIMIT, Status::Warn);
    check("load-above-cores", About::Host, status, (waited, PRESSURE_LIMIT), message)
}
