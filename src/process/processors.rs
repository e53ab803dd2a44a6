//! Which processors the servers keep to, and which the generator.

use crate::host::machine::Topology;
use crate::plan::Plan;

/// Processors for the servers and for the generator: the plan's, or one each where there are
/// two, or none, and then the results say so.
pub(crate) fn assign_processors(plan: &Plan) -> (Vec<usize>, Vec<usize>) {
    let placement = plan.placement(&Topology::of_this_machine(), None);
    (placement.server, placement.client)
}
