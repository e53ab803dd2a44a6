//! The null baseline, in lines.

use crate::document::Summary;

/// What the generator can do at most, and each spell of the machine; nothing without a null baseline.
pub(crate) fn lines(summary: &Summary) -> Vec<&str> {
    let reference = summary.reference.iter();
    reference
        .flat_map(|reference| {
            let spells = reference.spells.iter().map(|spell| spell.sentence.as_str());
            std::iter::once(reference.sentence.as_str()).chain(spells)
        })
        .collect()
}
