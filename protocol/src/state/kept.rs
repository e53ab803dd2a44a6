//! The state of a session between its steps, and the arithmetic of a step.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Refusal;
use super::add::Add;

/// Bytes of a word of history.
pub(super) const WORD: usize = 8;

/// What the digest is multiplied by from one word to the next.
pub(crate) const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    total: u64,
    steps: u32,
    /// A ring: the oldest word is at `steps` modulo its length.
    history: Box<[u64]>,
}

/// Size of the state with this many bytes of history.
pub(crate) fn bytes_of(history: usize) -> usize {
    size_of::<u64>() + size_of::<u32>() + history
}

/// What a history holds before anything was added.
pub(crate) fn filler(at: u64) -> u64 {
    (at + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Kept {
    /// A session before its first step, with this many words of history. The history is full from
    /// the beginning, so that every step costs the same.
    #[must_use]
    pub fn new(words: usize) -> Self {
        let history = (0..words as u64).map(filler).collect();
        Self { total: 0, steps: 0, history }
    }

    /// Takes a step, which must be the next one. Returns the total and the digest of the history.
    ///
    /// # Errors
    /// When it is another step than the next one; nothing has changed then.
    pub fn step(&mut self, add: &Add<'_>) -> Result<(u64, u64), Refusal> {
        if add.step != self.steps.wrapping_add(1) {
            return Err(Refusal::BadStep);
        }
        let words = self.history.len();
        if words > 0 {
            self.history[self.steps as usize % words] = add.n;
        }
        // A stateless server believes the state that a client sends.
        self.total = self.total.wrapping_add(add.n);
        self.steps = add.step;
        Ok((self.total, self.digest()))
    }

    /// A polynomial in [`BASE`] over the whole history, oldest word first, modulo 2^64. Each term
    /// needs the one before, so that the cost is that of reading it all.
    fn digest(&self) -> u64 {
        let oldest = self.steps as usize % self.history.len().max(1);
        let (newer, older) = self.history.split_at(oldest);
        let horner = |digest: u64, word: &u64| digest.wrapping_mul(BASE).wrapping_add(*word);
        newer.iter().fold(older.iter().fold(0, horner), horner)
    }

    /// How many bytes [`Kept::write`] writes.
    #[must_use]
    pub fn written_len(&self) -> usize {
        bytes_of(self.history.len() * WORD)
    }

    /// Appends the state as bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.written_len());
        out.extend_from_slice(&self.total.to_le_bytes());
        out.extend_from_slice(&self.steps.to_le_bytes());
        for word in &self.history {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// The state from what [`Kept::write`] wrote, if it has so many words of history.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], words: usize) -> Option<Self> {
        let (total, rest) = bytes.split_first_chunk()?;
        let (steps, rest) = rest.split_first_chunk()?;
        let (history, []) = rest.as_chunks::<WORD>() else { return None };
        let kept = Self {
            total: u64::from_le_bytes(*total),
            steps: u32::from_le_bytes(*steps),
            history: history.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        };
        (kept.history.len() == words).then_some(kept)
    }
}
