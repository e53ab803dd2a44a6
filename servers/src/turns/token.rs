//! The name of a client, which the kernel returns with its events.

/// Names one client of one loop, once: a place in the table is used again, a token is not, so
/// an event that was in the batch when its client left finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token {
    generation: u32,
    place: u32,
}

impl Token {
    /// The listener's, in every loop.
    pub(crate) const LISTENER: Self = Self::special(0);

    /// What clients wait for outside their connections.
    pub(crate) const OTHERS: Self = Self::special(u32::MAX);

    /// A name for something else that the kernel is asked about; no client ever has it.
    pub(crate) const fn special(place: u32) -> Self {
        Self { generation: 0, place }
    }

    /// A client's; the generation is not zero.
    pub(crate) fn new(generation: u32, place: u32) -> Self {
        Self { generation, place }
    }

    /// The place in the table.
    pub(crate) fn place(self) -> u32 {
        self.place
    }

    /// As the number that goes through the kernel.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.place)
    }

    /// Back from the kernel.
    pub(crate) fn from_number(number: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
        Self { generation: (number >> 32) as u32, place: number as u32 }
    }
}
