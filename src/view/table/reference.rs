//! The null baseline, in lines.

use crate::document::Summary;

/// The most that the generator can do, and each spell of the machine; empty without a null
/// baseline.
pub(crate) fn lines(summary: &Summary) -> Vec<&str> {
    let reference = summary.reference.iter();
    reference
        .flat_map(|reference| {
            let spells = reference.spells.iter().map(|spell| spell.sentence.as_str());
            std::iter::once(reference.sentence.as_str()).chain(spells)
        })
        .collect()
}
