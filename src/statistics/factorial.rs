//! The effects of several factors, alone and together: a full factorial experiment in blocks.
//!
//! Every combination of the factors' levels is measured once in each block. Costs multiply more
//! often than they add, so the analysis uses their logarithms (Jain, *The Art of Computer Systems
//! Performance Analysis*, 1991, chapters 17, 18 and 22): an effect is a ratio, and two factors
//! interact if their joint ratio is not the product of their separate ratios. Differences, in the
//! unit of the figure, are given as well.
//!
//! An interval is Student's over the blocks: an effect is computed in each block separately, so
//! cells need not have equal variance.

use super::interval::{self, Interval};
use super::ratio::{self, Ratio};
use super::{count, mean};

/// More ways to leave levels out than this are not tried.
const SUBGRIDS_MAX: usize = 1 << 16;

/// A factor and its levels; the others are compared with the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// What is varied.
    pub name: String,
    /// What it is, in the order of tables.
    pub levels: Vec<String>,
}

/// A full factorial with the same blocks in every cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Factorial {
    factors: Vec<Factor>,
    /// The logarithms, cell by cell (the last factor changes fastest), each by block.
    logarithms: Vec<Vec<f64>>,
    values: Vec<Vec<f64>>,
}

/// A level of a factor against the factor's first, over all levels of the other factors.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The factor, by number.
    pub factor: usize,
    /// The level, by number; never 0.
    pub level: usize,
    /// How many times as much: of geometric means.
    pub ratio: Ratio,
    /// How much more: of means.
    pub difference: f64,
    /// Where that may be.
    pub difference_interval: Interval,
}

/// How much more, in times, two levels do together than each alone would make.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    /// The factors, by number.
    pub factors: (usize, usize),
    /// The levels, by number; never 0.
    pub levels: (usize, usize),
    /// 1 where they do not interact.
    pub ratio: Ratio,
}

/// A share of the variation of the logarithms.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// What explains it.
    pub source: Source,
    /// From 0 to 1.
    pub share: f64,
    /// Degrees of freedom.
    pub freedom: usize,
}

/// Where variation comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A factor alone (one number) or two together.
    Factors(Vec<usize>),
    /// Three factors or more together.
    Higher,
    /// From block to block.
    Blocks,
    /// None of these.
    Rest,
}

/// The levels of each factor, by number, that make a complete design.
pub type Subgrid = Vec<Vec<usize>>;

impl Factorial {
    /// The experiment with these values by block, asked for by the number of each factor's level.
    /// `None` if a cell has no values, another number of them than the first, fewer than two, or
    /// one that is not above 0: such cells are missing, see [`complete`].
    pub fn new(
        factors: Vec<Factor>,
        values: impl Fn(&[usize]) -> Option<Vec<f64>>,
    ) -> Option<Self> {
        let sizes: Vec<usize> = factors.iter().map(|factor| factor.levels.len()).collect();
        let values = grid(&sizes).map(|cell| values(&cell)).collect::<Option<Vec<_>>>()?;
        let blocks = values.first()?.len();
        let is_sound = |cell: &Vec<f64>| {
            cell.len() == blocks && cell.iter().all(|value| *value > 0.0 && value.is_finite())
        };
        if blocks < 2 || !values.iter().all(is_sound) {
            return None;
        }
        let logarithms =
            values.iter().map(|cell| cell.iter().map(|value| value.ln()).collect()).collect();
        Some(Self { factors, logarithms, values })
    }

    /// The factors.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Blocks of each cell.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.values[0].len()
    }

    /// Every level but the first of every factor, against the first.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (factor, Factor { levels, .. }) in self.factors.iter().enumerate() {
            for level in 1..levels.len() {
                effects.extend(self.effect(factor, level));
            }
        }
        effects
    }

    /// `None` never: there are two blocks at least, and every value has a logarithm.
    fn effect(&self, factor: usize, level: usize) -> Option<Effect> {
        let is = |wanted: usize| move |cell: &[usize]| cell[factor] == wanted;
        let means = |level| self.means(&self.logarithms, is(level));
        let ratio = ratio::paired_logarithms(&means(level), &means(0))?;
        let means = |level| self.means(&self.values, is(level));
        let differences = subtract(&means(level), &means(0));
        let difference_interval = interval::student(&differences)?;
        Some(Effect { factor, level, ratio, difference: mean(&differences), difference_interval })
    }

    /// Every pair of factors, and every pair of their levels but the first.
    #[must_use]
    pub fn interactions(&self) -> Vec<Interaction> {
        let mut found = Vec::new();
        for a in 0..self.factors.len() {
            for b in a + 1..self.factors.len() {
                for i in 1..self.factors[a].levels.len() {
                    for j in 1..self.factors[b].levels.len() {
                        found.extend(self.interaction((a, b), (i, j)));
                    }
                }
            }
        }
        found
    }

    fn interaction(&self, factors: (usize, usize), levels: (usize, usize)) -> Option<Interaction> {
        let means = |i, j| {
            self.means(&self.logarithms, |cell| cell[factors.0] == i && cell[factors.1] == j)
        };
        let changed = subtract(&means(levels.0, levels.1), &means(0, levels.1));
        let alone = subtract(&means(levels.0, 0), &means(0, 0));
        Some(Interaction { factors, levels, ratio: ratio::paired_logarithms(&changed, &alone)? })
    }

    /// How the variation of the logarithms is shared: by sums of squares, which add up in a balanced
    /// design. All sources, the largest factors' first; nothing where nothing varies.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        let k = self.factors.len();
        let blocks = self.blocks();
        let mut sizes: Vec<usize> = self.factors.iter().map(|factor| factor.levels.len()).collect();
        sizes.push(blocks);
        let ys: Vec<f64> = self.logarithms.concat();
        let centre = mean(&ys);
        let total: f64 = ys.iter().map(|y| (y - centre).powi(2)).sum();
        if total == 0.0 {
            return Vec::new();
        }
        let mut shares = Vec::new();
        let (mut higher, mut explained) = ((0.0, 0), (0.0, 0));
        for set in 1_usize..1 << k {
            let members: Vec<usize> = (0..k).filter(|factor| set >> factor & 1 == 1).collect();
            let freedom = members.iter().map(|factor| sizes[*factor] - 1).product::<usize>();
            let share = sum_of_squares(&ys, &sizes, &members) / total;
            explained = (explained.0 + share, explained.1 + freedom);
            if members.len() > 2 {
                higher = (higher.0 + share, higher.1 + freedom);
            } else {
                shares.push(Share { source: Source::Factors(members), share, freedom });
            }
        }
        shares.sort_by(|a, b| b.share.total_cmp(&a.share));
        if higher.1 > 0 {
            shares.push(Share { source: Source::Higher, share: higher.0, freedom: higher.1 });
        }
        let share = sum_of_squares(&ys, &sizes, &[k]) / total;
        shares.push(Share { source: Source::Blocks, share, freedom: blocks - 1 });
        let rest = (1.0 - explained.0 - share).max(0.0);
        let freedom = ys.len() - 1 - explained.1 - (blocks - 1);
        shares.push(Share { source: Source::Rest, share: rest, freedom });
        shares
    }

    /// The mean in each block over the cells that are wanted.
    fn means(&self, of: &[Vec<f64>], wanted: impl Fn(&[usize]) -> bool) -> Vec<f64> {
        let sizes: Vec<usize> = self.factors.iter().map(|factor| factor.levels.len()).collect();
        let cells: Vec<&Vec<f64>> = grid(&sizes)
            .zip(of)
            .filter(|(cell, _)| wanted(cell))
            .map(|(_, values)| values)
            .collect();
        let block = |at: usize| mean(&cells.iter().map(|cell| cell[at]).collect::<Vec<f64>>());
        (0..self.blocks()).map(block).collect()
    }
}

/// The largest complete design in one with missing cells; of equally large ones that which leaves
/// out the latest levels of the latest factors. `None` if no cell is there, or there are too many
/// factors and levels to look.
pub fn complete(sizes: &[usize], is_there: impl Fn(&[usize]) -> bool) -> Option<Subgrid> {
    let subsets: Vec<usize> = sizes
        .iter()
        .map(|size| 1_usize.checked_shl(u32::try_from(*size).ok()?).map(|n| n - 1))
        .collect::<Option<_>>()?;
    let tries = subsets.iter().try_fold(1_usize, |n, of| n.checked_mul(*of))?;
    if tries > SUBGRIDS_MAX {
        return None;
    }
    let mut best: Option<(usize, Subgrid)> = None;
    for choice in grid(&subsets) {
        let kept: Subgrid = choice
            .iter()
            .zip(sizes)
            // All levels come first, so that a tie keeps what was found before.
            .map(|(left_out, size)| (0..*size).filter(|level| left_out >> level & 1 == 0).collect())
            .collect();
        let cells = kept.iter().map(Vec::len).product::<usize>();
        if best.as_ref().is_some_and(|(most, _)| cells <= *most) {
            continue;
        }
        let kept_sizes: Vec<usize> = kept.iter().map(Vec::len).collect();
        let there = |cell: Vec<usize>| {
            is_there(&cell.iter().zip(&kept).map(|(at, of)| of[*at]).collect::<Vec<_>>())
        };
        if grid(&kept_sizes).all(there) {
            best = Some((cells, kept));
        }
    }
    best.map(|(_, kept)| kept)
}

/// The sum of squares of these factors' joint effect, without those of fewer of them.
fn sum_of_squares(ys: &[f64], sizes: &[usize], members: &[usize]) -> f64 {
    let centre = mean(ys);
    let mut sum = 0.0;
    // Means over all else, minus what part of the members explains: inclusion and exclusion.
    for set in 0_usize..1 << members.len() {
        let part: Vec<usize> = members
            .iter()
            .enumerate()
            .filter(|(at, _)| set >> at & 1 == 1)
            .map(|(_, m)| *m)
            .collect();
        let groups = part.iter().map(|factor| sizes[*factor]).product::<usize>();
        let mut totals = vec![0.0; groups];
        for (cell, y) in grid(sizes).zip(ys) {
            let at = part.iter().fold(0, |at, factor| at * sizes[*factor] + cell[*factor]);
            totals[at] += y - centre;
        }
        let each = crate::base::units::as_f64((ys.len() / groups) as u64);
        let squares = totals.iter().map(|total| total * total / each).sum::<f64>();
        sum += if (members.len() - part.len()).is_multiple_of(2) { squares } else { -squares };
    }
    sum.max(0.0)
}

/// All cells of a grid, the last number changing fastest.
fn grid(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let cells = sizes.iter().product::<usize>();
    (0..cells).map(move |mut at| {
        let mut cell = vec![0; sizes.len()];
        for (place, size) in cell.iter_mut().zip(sizes).rev() {
            (*place, at) = (at % size, at / size);
        }
        cell
    })
}

fn subtract(of: &[f64], from: &[f64]) -> Vec<f64> {
    of.iter().zip(from).map(|(of, from)| of - from).collect()
}

/// Which share of a difference a part of it is, in each block by itself, with Student's interval.
/// `None` where the whole may be 0, as then nothing can be a share of it, or of fewer than two
/// blocks.
#[must_use]
pub fn share_of(part: &[f64], whole: &[f64]) -> Option<(f64, Interval)> {
    let of_whole = interval::student(whole)?;
    if part.len() != whole.len() || of_whole.contains(0.0) {
        return None;
    }
    let shares: Vec<f64> = part.iter().zip(whole).map(|(part, whole)| part / whole).collect();
    if shares.iter().any(|share| !share.is_finite()) {
        return None;
    }
    debug_assert!(count(&shares) >= 2.0);
    Some((mean(&shares), interval::student(&shares)?))
}

#[cfg(test)]
mod tests;
