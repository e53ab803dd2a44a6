//! Round positions for the ticks of an axis.

/// The desired number of ticks.
const MOST: f64 = 6.0;

/// Multiples of 1, 2 or 5 times a power of ten from 0 to this, six at most beside 0.
pub(super) fn linear(end: f64) -> Vec<f64> {
    if !(end > 0.0 && end.is_finite()) {
        return vec![0.0];
    }
    let power = 10_f64.powf((end / MOST).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|of| of * power)
        .into_iter()
        .find(|step| end / step <= MOST)
        .unwrap_or(end);
    let mut ticks = vec![0.0];
    for n in 1..=6_u32 {
        let tick = step * f64::from(n);
        if tick <= end * 1.000_001 {
            ticks.push(tick);
        }
    }
    ticks
}

/// Powers of ten between two values; with twice and five times each where they are few.
pub(super) fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let parts: &[f64] = match decades {
        decades if decades < 1.5 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        decades if decades < 3.0 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let mut ticks = Vec::new();
    let mut power = 10_f64.powf(low.log10().floor());
    while power <= high {
        ticks.extend(
            parts.iter().map(|part| part * power).filter(|tick| (low..=high).contains(tick)),
        );
        power *= 10.0;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(linear(6.2), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(linear(1_000.0), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!(linear(0.55).len(), 6);
        assert_eq!(linear(0.0), [0.0]);
        assert_eq!(linear(f64::NAN), [0.0]);
        assert_eq!(
            logarithmic(2.0, 50.0),
            [2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 30.0, 50.0][..].to_vec()
        );
        assert_eq!(logarithmic(9.0, 1e6), [10.0, 100.0, 1e3, 1e4, 1e5, 1e6]);
    }
}
