//! The content of requests: its options, and its record in documents.

use std::time::Duration;

use clap::Args;
use protocol::{App, Draw, Drawn, Framing, Recipe, RecipeError, Request, Sessions, Work};

use crate::base::units::{as_f64, ns, parse_bytes, parse_count, parse_duration, show_ns};
use crate::base::values::positive;
use crate::document::{DrawRecord, RequestRecord};
use crate::statistics::{mean, variance};
use crate::workload::state::SessionArgs;

/// Options for the content of requests. Numbers may be drawn for each request.
#[derive(Clone, Debug, Args)]
#[group(required = false, multiple = true)]
pub struct RequestArgs {
    /// Send echo requests with this many bytes of text [default: 64]. This number, and those of the
    /// next options, may be distributions: uniform:16..4096, exp:500, lognormal:500,1.5 or
    /// bimodal:64@90%,4096
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes_draw, conflicts_with_all = ["mul", "work"])]
    pub echo: Option<Draw>,
    /// Send two whole numbers of this many digits to multiply
    #[arg(long, value_parser = positive, conflicts_with = "work")]
    pub mul: Option<usize>,
    /// Send requests for this many rounds of CPU work, each about a tenth of a microsecond
    #[arg(long, value_name = "ROUNDS", value_parser = parse_count_draw)]
    pub work: Option<Draw>,
    /// With --work: time that the server waits
    #[arg(long, default_value = "0s", value_parser = parse_duration_draw, requires = "work")]
    pub wait: Draw,
    /// With --work: length of the reply
    #[arg(long, default_value = "64", value_name = "BYTES", value_parser = parse_bytes_draw, requires = "work")]
    pub reply: Draw,
    /// Sessions of several requests
    #[command(flatten)]
    pub session: SessionArgs,
}

/// A size in bytes, or its distribution: `64`, `16KiB`, `uniform:16..4KiB`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_bytes_draw(text: &str) -> Result<Draw, String> {
    Draw::parse(text, |text| parse_bytes(text).map(|bytes| bytes as u64))
}

/// A count, or its distribution: `50k`, `exp:500`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
fn parse_count_draw(text: &str) -> Result<Draw, String> {
    Draw::parse(text, |text| parse_count(text).map(|count| count as u64))
}

/// A duration in nanoseconds, or its distribution: `5ms`, `bimodal:1ms@99%,100ms`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_duration_draw(text: &str) -> Result<Draw, String> {
    Draw::parse(text, |text| parse_duration(text).map(ns))
}

/// What every request of a load asks for.
#[must_use]
pub fn build_request(args: &RequestArgs, seed: u64) -> Request {
    if let Some(sessions) = args.session.sessions() {
        return Request::Session(sessions);
    }
    match (args.work, args.mul) {
        (Some(rounds), _) => Request::work(rounds, args.wait, args.reply, seed),
        (None, Some(digits)) => Request::Multiply { digits },
        (None, None) => Request::echo(args.echo.unwrap_or(Draw::fixed(64)), seed),
    }
}

/// The recipe of a request, and how it is written down.
///
/// # Errors
/// When such a request cannot be made.
pub fn recipe(
    app: App,
    framing: Framing,
    request: Request,
) -> Result<(Recipe, RequestRecord), RecipeError> {
    let recipe = Recipe::new(app, framing, request)?;
    let record = written(&recipe, request);
    Ok((recipe, record))
}

/// How the request of a recipe is written down: as it has become, since what is drawn may have
/// been cut.
#[must_use]
pub fn written(recipe: &Recipe, request: Request) -> RequestRecord {
    record(recipe.request().unwrap_or(request))
}

/// As it is written down.
#[must_use]
pub fn record(request: Request) -> RequestRecord {
    match request {
        Request::Echo { bytes } => RequestRecord::Echo { bytes },
        Request::Multiply { digits } => RequestRecord::Multiply { digits },
        Request::Work(Work { rounds, wait, reply_bytes }) => {
            RequestRecord::Work { rounds, wait_ns: ns(wait), reply_bytes }
        }
        Request::Session(Sessions { steps, history, home }) => RequestRecord::Session {
            steps,
            history_bytes: history,
            home: home.map(|home| home.name().into()),
        },
        Request::Drawn(Drawn::Echo { bytes, seed }) => {
            RequestRecord::EchoDrawn { bytes: draw(&bytes), seed }
        }
        Request::Drawn(Drawn::Work { rounds, wait_ns, reply_bytes, seed }) => {
            RequestRecord::WorkDrawn {
                rounds: draw(&rounds),
                wait_ns: draw(&wait_ns),
                reply_bytes: draw(&reply_bytes),
                seed,
            }
        }
    }
}

fn draw(draw: &Draw) -> DrawRecord {
    let range = draw.range();
    let (least, most) = (*range.start(), *range.end());
    DrawRecord { law: draw.to_string(), least, most, cut: draw.is_cut() }
}

/// What was drawn, for people; nothing where requests are all alike.
#[must_use]
pub fn describe(request: &RequestRecord) -> Option<String> {
    let count = |n: u64| n.to_string();
    let time = |ns: u64| {
        // In the units that it is typed in.
        humantime::format_duration(Duration::from_nanos(ns)).to_string()
    };
    match request {
        RequestRecord::EchoDrawn { bytes, .. } => {
            Some(format!("drawn for each request: {} bytes", law(bytes, count, count)))
        }
        RequestRecord::WorkDrawn { rounds, wait_ns, reply_bytes, .. } => Some(format!(
            "drawn for each request: {} rounds, a wait of {}, a reply of {} bytes",
            law(rounds, count, count),
            law(wait_ns, time, show_ns),
            law(reply_bytes, count, count)
        )),
        _ => None,
    }
}

/// The law, and how far it is cut.
fn law(record: &DrawRecord, number: fn(u64) -> String, limit: fn(u64) -> String) -> String {
    let DrawRecord { law, least, most, cut } = record;
    let parsed = Draw::parse(law, |text| text.parse().map_err(|_| String::new()));
    let mut text = parsed.map_or_else(|_| law.clone(), |draw| draw.describe(number));
    if *cut {
        text.push_str(&format!(" (kept to {}..{})", limit(*least), limit(*most)));
    }
    text
}

/// How much what requests ask for varies: the variance over the square of the mean of their rounds of work, or
/// else of their bytes; 0 where all ask for the same.
#[must_use]
pub fn variation(request: &RequestRecord) -> f64 {
    match request {
        RequestRecord::EchoDrawn { bytes, seed } => of_draws(bytes, *seed),
        RequestRecord::WorkDrawn { rounds, seed, .. } => of_draws(rounds, *seed),
        _ => 0.0,
    }
}

/// Of so many draws, which are those of the load.
fn of_draws(record: &DrawRecord, seed: u64) -> f64 {
    const DRAWS: u64 = 20_000;
    let draw = Draw::parse(&record.law, |text| text.parse().map_err(|_| String::new()));
    let Some(draw) = draw.ok().and_then(|draw| draw.within(record.least..=record.most)) else {
        return 0.0;
    };
    let drawn: Vec<f64> = (0..DRAWS).map(|index| as_f64(draw.sample(seed, index))).collect();
    let mean = mean(&drawn);
    if mean > 0.0 { variance(&drawn) / mean.powi(2) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_varies_as_its_law_does() {
        let drawn = |text: &str| {
            let rounds =
                Draw::parse(text, |n| n.parse().map_err(|_| String::new())).expect("a law");
            let fixed = || draw(&Draw::fixed(64));
            variation(&RequestRecord::WorkDrawn {
                rounds: draw(&rounds),
                wait_ns: fixed(),
                reply_bytes: fixed(),
                seed: 1,
            })
        };
        // Uniform from 0: 1/12 over 1/4. Of two values: 0.9 * 0.1 * 90^2 over 10^2.
        for (law, expected) in [
            ("exp:1000", 1.0),
            ("uniform:0..3000", 1.0 / 3.0),
            ("bimodal:1@90%,91", 7.29),
            ("7", 0.0),
        ] {
            let found = drawn(law);
            assert!((found - expected).abs() <= 0.04 * expected, "{law}: {found}");
        }
        assert!(variation(&RequestRecord::Echo { bytes: 64 }).abs() < 1e-12);
    }

    #[test]
    fn laws_have_the_units_of_what_they_are_about() {
        let sizes = parse_bytes_draw("uniform:16..4KiB").expect("sizes");
        assert_eq!(sizes.range(), 16..=4096);
        let waits = parse_duration_draw("bimodal:1ms@99%,100ms").expect("waits");
        assert_eq!(waits.range(), 1_000_000..=100_000_000);
        assert!(parse_duration_draw("exp:5").expect_err("no unit").contains("10s"));
        assert!(parse_count_draw("exp:many").expect_err("no number").contains("50k"));
    }

    #[test]
    fn a_cut_is_said() {
        let bytes = parse_bytes_draw("exp:30k").expect("a law").within(1..=65_530).expect("fits");
        let request = Request::Drawn(Drawn::Echo { bytes, seed: 1 });
        let text = describe(&record(request)).expect("it is drawn");
        assert_eq!(text, "drawn for each request: exp:30000 (kept to 1..65530) bytes");
        let work = Request::work(
            parse_count_draw("5").expect("a count"),
            parse_duration_draw("bimodal:1ms@99%,100ms").expect("waits"),
            Draw::fixed(64),
            1,
        );
        let text = describe(&record(work)).expect("it is drawn");
        assert!(
            text.contains("5 rounds, a wait of bimodal:1ms@99%,100ms, a reply of 64"),
            "{text}"
        );
    }
}
