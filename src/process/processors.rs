//! Which processors the servers keep to, and which the generator.

use crate::host::machine;
use crate::plan::Plan;

/// Processors for the servers and for the generator: the plan's, or one each where there are
/// two, or none, and then the results say so.
pub(crate) fn assign_processors(plan: &Plan) -> (Vec<usize>, Vec<usize>) {
    let usable = machine::cpus();
    let own = |at: usize| if usable.len() > 1 { vec![usable[at]] } else { Vec::new() };
    (
        plan.server_cpus.clone().unwrap_or_else(|| own(0)),
        plan.client_cpus.clone().unwrap_or_else(|| own(1)),
    )
}
