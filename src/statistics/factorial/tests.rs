use super::*;

fn factor(name: &str, levels: &[&str]) -> Factor {
    let levels = levels.iter().map(ToString::to_string).collect();
    Factor { name: name.into(), levels }
}

/// Values whose logarithms are these.
fn of_logarithms(factors: Vec<Factor>, cells: &[&[f64]]) -> Factorial {
    let sizes: Vec<usize> = factors.iter().map(|factor| factor.levels.len()).collect();
    let all: Vec<Vec<usize>> = grid(&sizes).collect();
    let values = |cell: &[usize]| {
        let at = all.iter().position(|other| other == cell)?;
        Some(cells[at].iter().map(|y| y.exp()).collect())
    };
    Factorial::new(factors, values).expect("complete")
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-5 * b.abs().max(1.0)
}

fn share(shares: &[Share], source: &Source) -> f64 {
    shares.iter().find(|share| share.source == *source).expect("a source").share
}

/// Three by two, in three blocks; what comes of it was computed with statsmodels (ordinary least
/// squares of the logarithms on both factors, their product and the block, anova_lm) and
/// scipy.stats.t over the blocks.
const WORKED: [[f64; 3]; 6] = [
    [10.0, 11.0, 10.5],
    [12.0, 12.5, 13.0],
    [14.0, 15.0, 14.2],
    [17.0, 17.5, 18.0],
    [40.0, 43.0, 41.0],
    [44.0, 47.0, 46.0],
];

fn worked() -> Factorial {
    let factors = vec![factor("connection", &["kept", "ten", "one"]), factor("home", &["a", "b"])];
    Factorial::new(factors, |cell| Some(WORKED[2 * cell[0] + cell[1]].into())).expect("complete")
}

#[test]
fn effects_agree_with_an_independent_computation() {
    let effects = worked().effects();
    let of = |factor, level| {
        effects.iter().find(|e| (e.factor, e.level) == (factor, level)).expect("an effect")
    };
    let ten = of(0, 1);
    assert!(close(ten.ratio.value, 1.386_037_8), "{ten:?}");
    assert!(close(ten.ratio.interval.low, 1.336_580_3), "{ten:?}");
    assert!(close(ten.ratio.interval.high, 1.437_325_4), "{ten:?}");
    assert!(close(ten.ratio.p_value, 0.000_668_508_6), "{ten:?}");
    assert!(close(ten.difference, 4.45), "{ten:?}");
    assert!(close(ten.difference_interval.low, 4.234_867_4), "{ten:?}");
    let one = of(0, 2);
    assert!(close(one.ratio.value, 3.793_155_8), "{one:?}");
    assert!(close(one.difference_interval.high, 34.845_937_3), "{one:?}");
    assert_eq!(effects.len(), 3);
}

#[test]
fn interactions_agree_with_an_independent_computation() {
    let found = worked().interactions();
    assert_eq!(found.len(), 2);
    assert!(close(found[0].ratio.value, 1.020_782_2), "{found:?}");
    assert!(close(found[0].ratio.interval.low, 1.001_468_6), "{found:?}");
    assert!(close(found[1].ratio.value, 0.927_928_4), "{found:?}");
    assert!(close(found[1].ratio.interval.high, 1.003_778_6), "{found:?}");
}

#[test]
fn shares_agree_with_an_independent_computation_and_add_up() {
    let shares = worked().shares();
    for (source, expected, freedom) in [
        (Source::Factors(vec![0]), 0.977_272, 2),
        (Source::Factors(vec![1]), 0.018_586, 1),
        (Source::Factors(vec![0, 1]), 0.001_274, 2),
        (Source::Blocks, 0.002_078, 2),
        (Source::Rest, 0.000_789, 10),
    ] {
        let found = shares.iter().find(|share| share.source == source).expect("a source");
        assert!((found.share - expected).abs() < 1e-6, "{found:?}");
        assert_eq!(found.freedom, freedom, "{found:?}");
    }
    assert!(close(shares.iter().map(|share| share.share).sum(), 1.0));
    assert_eq!(shares[0].source, Source::Factors(vec![0]), "the largest first");
}

#[test]
fn shares_agree_with_the_textbook() {
    // Jain 1991, example 18.1 to 18.4: memory and cache, three runs of each. Errors there hold the
    // blocks here.
    let factors = vec![factor("memory", &["4", "16"]), factor("cache", &["1", "2"])];
    let cells: [&[f64]; 4] =
        [&[15.0, 18.0, 12.0], &[25.0, 28.0, 19.0], &[45.0, 48.0, 51.0], &[75.0, 75.0, 81.0]];
    let shares = of_logarithms(factors, &cells).shares();
    let near = |a: f64, b: f64| (a - b).abs() < 5e-5;
    assert!(near(share(&shares, &Source::Factors(vec![0])), 0.7888), "{shares:?}");
    assert!(near(share(&shares, &Source::Factors(vec![1])), 0.1540), "{shares:?}");
    assert!(near(share(&shares, &Source::Factors(vec![0, 1])), 0.0427), "{shares:?}");
    let errors = share(&shares, &Source::Blocks) + share(&shares, &Source::Rest);
    assert!(near(errors, 0.0145), "{shares:?}");
}

#[test]
fn what_blocks_have_in_common_is_in_no_interval() {
    let factors =
        vec![factor("a", &["0", "1"]), factor("b", &["0", "1"]), factor("c", &["0", "1"])];
    let value = |cell: &[usize]| {
        let of_block = [1.0, 3.0, 9.0];
        let product =
            [2.0_f64, 1.5, 1.1].iter().zip(cell).map(|(f, on)| f.powi(i32::from(*on == 1)));
        let product = product.product::<f64>();
        Some(of_block.iter().map(|block| block * product).collect())
    };
    let design = Factorial::new(factors, value).expect("complete");
    for (effect, expected) in design.effects().iter().zip([2.0, 1.5, 1.1]) {
        assert!(close(effect.ratio.value, expected) && close(effect.ratio.interval.low, expected));
    }
    assert!(design.interactions().iter().all(|found| close(found.ratio.value, 1.0)));
    assert!(share(&design.shares(), &Source::Rest) < 1e-9);
    assert!(share(&design.shares(), &Source::Higher) < 1e-9);
}

#[test]
fn a_design_with_a_missing_cell_is_none_and_its_largest_complete_part_is_found() {
    // The home "connection" (level 1 of 4) has no cell but where connections are kept.
    let there = |cell: &[usize]| cell[0] == 0 || cell[1] != 1;
    let kept = complete(&[3, 4, 2], there).expect("a part");
    assert_eq!(kept, [vec![0, 1, 2], vec![0, 2, 3], vec![0, 1]]);
    let factors = vec![factor("connection", &["kept", "one"]), factor("home", &["none", "x"])];
    let value = |cell: &[usize]| there(cell).then(|| vec![1.0, 2.0]);
    assert_eq!(Factorial::new(factors, value), None);
    assert_eq!(complete(&[2, 2], |_| false), None);
    assert_eq!(complete(&[20, 20], |_| true), None, "too many to try");
    assert_eq!(complete(&[2, 3], |_| true), Some(vec![vec![0, 1], vec![0, 1, 2]]));
}

#[test]
fn a_cell_with_fewer_blocks_or_a_zero_is_missing() {
    let factor = || vec![factor("a", &["0", "1"])];
    let uneven = |cell: &[usize]| Some(if cell[0] == 0 { vec![1.0, 2.0] } else { vec![1.0] });
    assert_eq!(Factorial::new(factor(), uneven), None);
    assert_eq!(Factorial::new(factor(), |_| Some(vec![1.0, 0.0])), None);
    assert_eq!(Factorial::new(factor(), |_| Some(vec![1.0])), None, "one block says nothing");
}

#[test]
fn shares_of_a_difference_agree_with_an_independent_computation() {
    let part: Vec<f64> = WORKED[4].iter().zip(WORKED[0]).map(|(of, from)| of - from).collect();
    let whole: Vec<f64> = WORKED[5].iter().zip(WORKED[0]).map(|(of, from)| of - from).collect();
    let (share, interval) = share_of(&part, &whole).expect("a share");
    assert!(close(share, 0.876_798_9), "{share}");
    assert!(close(interval.low, 0.837_982_5) && close(interval.high, 0.915_615_3), "{interval:?}");
    assert_eq!(share_of(&[1.0, 1.0], &[1.0, -1.0]), None, "the whole may be nothing");
}
