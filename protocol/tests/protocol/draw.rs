//! Draws follow their laws, and are the same for everybody.

use proptest::prelude::*;
use protocol::draw::{Draw, Law};

const N: u64 = 100_000;

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("'{text}' is no number"))
}

fn parse(text: &str) -> Draw {
    Draw::parse(text, number).expect("a law")
}

/// The largest distance between a distribution function and what was drawn.
fn distance(draw: Draw, expected: impl Fn(f64) -> f64) -> f64 {
    let mut drawn: Vec<u64> = (0..N).map(|index| draw.sample(7, index)).collect();
    drawn.sort_unstable();
    let at = |(i, value): (usize, &u64)| {
        let expected = expected(*value as f64);
        let (below, upto) = (i as f64 / N as f64, (i + 1) as f64 / N as f64);
        (expected - below).abs().max((expected - upto).abs())
    };
    drawn.iter().enumerate().map(at).fold(0.0, f64::max)
}

/// The 1 % point of Kolmogorov's distribution.
fn limit() -> f64 {
    1.628 / (N as f64).sqrt()
}

/// Abramowitz and Stegun 7.1.26, good to 1.5e-7.
fn normal_cdf(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592]
        .iter()
        .fold(0.0, |sum, c| (sum + c) * t);
    let erf = 1.0 - poly * (-x * x).exp();
    0.5 * (1.0 + erf.copysign(z))
}

#[test]
fn draws_pass_a_kolmogorov_smirnov_test_against_their_laws() {
    let mean = 1e9;
    let exponential = distance(parse("exp:1000000000"), |x| 1.0 - (-x / mean).exp());
    assert!(exponential < limit(), "{exponential}");
    let lognormal =
        distance(parse("lognormal:1000000000,1.5"), |x| normal_cdf((x / mean).ln() / 1.5));
    assert!(lognormal < limit(), "{lognormal}");
    let uniform = distance(parse("uniform:1000000000..2000000000"), |x| x / mean - 1.0);
    assert!(uniform < limit(), "{uniform}");
}

#[test]
fn the_few_values_of_a_narrow_range_and_of_two_modes_come_as_often_as_they_should() {
    let counts = |draw: Draw, values: &[u64]| -> Vec<f64> {
        let drawn: Vec<u64> = (0..N).map(|index| draw.sample(7, index)).collect();
        assert!(drawn.iter().all(|value| values.contains(value)));
        values.iter().map(|v| drawn.iter().filter(|d| *d == v).count() as f64).collect()
    };
    let chi_square = |counts: Vec<f64>, shares: &[f64]| -> f64 {
        let expected = shares.iter().map(|share| share * N as f64);
        counts.iter().zip(expected).map(|(n, e)| (n - e).powi(2) / e).sum()
    };
    // The 1 % points with 9 degrees of freedom and with 1.
    let die = counts(parse("uniform:3..12"), &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert!(chi_square(die, &[0.1; 10]) < 21.67);
    let modes = counts(parse("bimodal:64@99.5%,4096"), &[64, 4096]);
    assert!(chi_square(modes, &[0.995, 0.005]) < 6.63);
}

#[test]
fn neighbouring_draws_and_neighbouring_seeds_are_uncorrelated() {
    let draw = parse("uniform:0..1000000000");
    let correlation = |other: &dyn Fn(u64) -> u64| {
        let pair = |i: u64| (draw.sample(7, i) as f64 / 1e9 - 0.5, other(i) as f64 / 1e9 - 0.5);
        (0..N).map(pair).map(|(a, b)| a * b * 12.0).sum::<f64>() / N as f64
    };
    let limit = 2.576 / (N as f64).sqrt();
    assert!(correlation(&|i| draw.sample(7, i + 1)).abs() < limit);
    assert!(correlation(&|i| draw.sample(8, i)).abs() < limit);
}

#[test]
fn laws_are_written_as_they_are_read() {
    for text in [
        "64",
        "uniform:16..4096",
        "exp:500",
        "lognormal:500,1.5",
        "bimodal:64@90%,4096",
        "bimodal:1@99.9%,100",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
    assert_eq!(parse("fixed:64"), parse("64"));
}

#[test]
fn what_is_no_law_is_refused_with_its_shape() {
    for (text, shape) in [
        ("many", "'many' is no number"),
        ("pareto:3", "lognormal:MEDIAN,SIGMA"),
        ("uniform:3", "uniform:LEAST..MOST"),
        ("uniform:5..3", "MIN below MAX"),
        ("uniform:5..many", "'many' is no number"),
        ("exp:", "'' is no number"),
        ("lognormal:5", "lognormal:MEDIAN,SIGMA"),
        ("lognormal:5,0", "a sigma of at most 4"),
        ("lognormal:5,nan", "a sigma of at most 4"),
        ("lognormal:5,9", "a sigma of at most 4"),
        ("bimodal:5,6", "bimodal:64@90%,4096"),
        ("bimodal:5@90,6", "bimodal:64@90%,4096"),
        ("bimodal:5@101%,6", "bimodal:64@90%,4096"),
        ("bimodal:5@-1%,6", "bimodal:64@90%,4096"),
    ] {
        let error = Draw::parse(text, number).expect_err(text);
        assert!(error.contains(shape), "{text}: {error}");
    }
}

#[test]
fn a_range_cuts_tails_and_refuses_what_the_law_names() {
    let tail = parse("exp:500").within(1..=600).expect("the mean is in it");
    assert!(tail.is_cut() && tail.range() == (1..=600));
    let drawn: Vec<u64> = (0..1_000).map(|index| tail.sample(1, index)).collect();
    assert!(drawn.iter().all(|value| (1..=600).contains(value)) && drawn.contains(&600));
    for outside in ["exp:500", "lognormal:500,1", "500", "uniform:1..101", "bimodal:1@9%,500"] {
        assert_eq!(parse(outside).within(1..=100), None, "{outside}");
    }
    let inside = parse("uniform:1..100").within(1..=100).expect("it fits");
    assert!(!inside.is_cut());
}

fn laws() -> impl Strategy<Value = Law> {
    let any = 0..=u64::MAX / 4;
    prop_oneof![
        any.clone().prop_map(Law::Fixed),
        (any.clone(), any.clone()).prop_map(|(a, b)| Law::Uniform { from: a.min(b), to: a.max(b) }),
        (0..1_u64 << 50).prop_map(|mean| Law::Exponential { mean }),
        (0..1_u64 << 50, 1..4_000_000_u32)
            .prop_map(|(median, sigma_ppm)| Law::LogNormal { median, sigma_ppm }),
        (any.clone(), 0..=1_000_000_u32, any).prop_map(|(small, small_ppm, large)| Law::Bimodal {
            small,
            small_ppm,
            large
        }),
    ]
}

proptest! {
    #[test]
    fn a_draw_is_the_same_for_everybody_and_within_its_range(law in laws(), seed: u64, index: u64) {
        let draw = Draw::new(law);
        let value = draw.sample(seed, index);
        prop_assert_eq!(draw.sample(seed, index), value);
        prop_assert!(draw.range().contains(&value), "{} of {:?}", value, draw.range());
        prop_assert_eq!(Draw::parse(&draw.to_string(), number), Ok(draw));
    }

    #[test]
    fn any_text_is_a_law_or_an_error(text in "(uniform:|exp:|lognormal:|bimodal:)?[0-9@%,.]{0,9}") {
        let _ = Draw::parse(&text, number);
    }
}
