//! The meaning of a request: the verbs of the other framings as paths.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::Framing;
use crate::app::{self, App, Pending, Product};
use crate::http::request::{Head, Refusal, Verb};
use crate::state::taken::{self, Taken};
use crate::state::{Add, Held, Store};

/// What a request comes to.
pub(crate) enum Asked<'a> {
    /// This text returned.
    Text(&'a [u8]),
    /// A text that was made for it: that of a path with its escapes undone, or what a step of a
    /// session came to.
    Made(Vec<u8>),
    /// A product that is known already.
    Product(alloc::string::String),
    /// Work first.
    Later(Pending),
}

const GET: &str = "GET, HEAD";
const POST: &str = "POST";

const METHOD: Refusal = Refusal::mild(501, "unknown-verb", "the methods are GET, HEAD and POST");
const NOT_HERE: Refusal =
    Refusal::mild(405, "unknown-verb", "this path does not allow this method");
const MUL: Refusal =
    Refusal::mild(400, "bad-argument", "/mul/ takes two whole numbers in decimal, as in /mul/22/9");
const WORK: Refusal = Refusal::mild(
    400,
    "bad-argument",
    "/work takes rounds (to 10000000), wait_us (to 60000000), bytes (to 1048576) and a tag of 1 to 16 \
     letters or digits, each once at most, as in /work?rounds=1000&wait_us=500&bytes=64&tag=x",
);
const ADD: Refusal = Refusal::mild(
    400,
    "bad-argument",
    "/add/ takes a step, the number of steps (to 1000000) and a number (to 1000000000), and as its body \
     the reference of the last reply, or - in the first step, as in /add/1/3/5",
);
const ESCAPE: Refusal =
    Refusal::mild(400, "bad-argument", "a % is followed by two hexadecimal digits");

/// The page at `/`, which is also what an unknown path is told.
fn paths(app: App) -> &'static str {
    match app {
        App::Bench => {
            "the paths are /echo/TEXT, /echo (POST), /mul/A/B, /add/STEP/STEPS/N (POST) and \
             /work?rounds=&wait_us=&bytes=&tag="
        }
        App::Echo => "the paths are /echo/TEXT and /echo (POST)",
        App::Multiply => "the path is /mul/A/B",
        _ => unreachable!("this application has no HTTP framing"),
    }
}

/// Finds out what a request wants.
pub(crate) fn route<'a>(
    app: App,
    head: &Head<'a>,
    body: &'a [u8],
    (store, held): (&'static dyn Store, &mut Option<Box<Held>>),
) -> Result<Asked<'a>, Refusal> {
    let (echoes, multiplies, works) = (app != App::Multiply, app != App::Echo, app == App::Bench);
    let (path, query) = path_and_query(head.target);
    if head.verb == Verb::Unknown {
        return Err(METHOD);
    }
    let allow = |allowed: &'static str| {
        let fits =
            matches!((head.verb, allowed), (Verb::Get | Verb::Head, GET) | (Verb::Post, POST));
        if fits { Ok(()) } else { Err(Refusal { allow: Some(allowed), ..NOT_HERE }) }
    };
    if path == "/" {
        return allow(GET).map(|()| Asked::Text(paths(app).as_bytes()));
    }
    if path == "/echo" && echoes {
        return allow(POST).map(|()| Asked::Text(body));
    }
    if let Some(text) = path.strip_prefix("/echo/").filter(|_| echoes) {
        return allow(GET).and_then(|()| unescape(text).ok_or(ESCAPE));
    }
    if let Some(numbers) = path.strip_prefix("/mul/").filter(|_| multiplies) {
        return allow(GET).and_then(|()| multiply(numbers).ok_or(MUL));
    }
    if let Some(numbers) = path.strip_prefix("/add/").filter(|_| works) {
        allow(POST)?;
        let add = step(numbers, body).ok_or(ADD)?;
        return match taken::add(&add, store, held)? {
            Taken::Now(added) => {
                let mut text = Vec::new();
                added.write(Framing::Http, &mut text);
                Ok(Asked::Made(text))
            }
            Taken::Later(pending) => Ok(Asked::Later(pending)),
        };
    }
    if path == "/work" && works {
        return allow(GET).and_then(|()| work(query).ok_or(WORK));
    }
    Err(Refusal::mild(404, "unknown-verb", paths(app)))
}

/// A target's path and query; one that names the server too, as to a proxy, means the same.
fn path_and_query(target: &str) -> (&str, &str) {
    const SCHEME: &str = "http://";
    let names_server = target.get(..SCHEME.len()).is_some_and(|s| s.eq_ignore_ascii_case(SCHEME));
    let target = if names_server {
        let rest = &target[SCHEME.len()..];
        rest.find(['/', '?']).map_or("/", |at| &rest[at..])
    } else {
        target
    };
    target.split_once('?').unwrap_or((target, ""))
}

fn unescape(text: &str) -> Option<Asked<'_>> {
    if !text.contains('%') {
        return Some(Asked::Text(text.as_bytes()));
    }
    let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let (mut bytes, mut plain) = (text.bytes(), Vec::with_capacity(text.len()));
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'%' {
            let (high, low) = (hex(bytes.next())?, hex(bytes.next())?);
            u8::try_from(16 * high + low).ok()?
        } else {
            byte
        });
    }
    Some(Asked::Made(plain))
}

fn multiply(numbers: &str) -> Option<Asked<'_>> {
    let (a, b) = numbers.split_once('/')?;
    Some(match app::product(a.as_bytes(), b.as_bytes(), false)? {
        Product::Known(digits) => Asked::Product(digits),
        Product::Later(pending) => Asked::Later(pending),
    })
}

fn step<'a>(numbers: &str, body: &'a [u8]) -> Option<Add<'a>> {
    let mut numbers = numbers.split('/').map(str::as_bytes);
    let (step, steps, n) = (numbers.next()?, numbers.next()?, numbers.next()?);
    numbers.next().is_none().then(|| Add::from_words(step, steps, n, body))?
}

fn work(query: &str) -> Option<Asked<'_>> {
    let [mut rounds, mut wait_us, mut bytes] = [None; 3];
    let mut tag = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let place = match name {
            "rounds" => &mut rounds,
            "wait_us" => &mut wait_us,
            "bytes" => &mut bytes,
            "tag" if tag.is_none() && !value.is_empty() => {
                tag = Some(value);
                continue;
            }
            _ => return None,
        };
        if place.replace(app::number(value.as_bytes())?).is_some() {
            return None;
        }
    }
    let zero = |number: Option<u64>| number.unwrap_or(0);
    let tag = tag.unwrap_or_default().as_bytes();
    match app::work_of(zero(rounds), zero(wait_us), zero(bytes), tag)? {
        app::Answer::Later(pending) => Some(Asked::Later(pending)),
        _ => None,
    }
}
