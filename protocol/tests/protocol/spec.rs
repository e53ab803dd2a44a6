//! The protocol said a second time, as plainly as possible and with no code shared, so that the
//! property tests compare with an answer and not only with another run of the same code.

use protocol::{App, FRAME_BYTES_MAX, Framing, Service, Work};
use std::time::Duration;

/// What a server owes for an input.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    /// Every reply, `ERR` texts left out.
    pub(crate) output: Vec<u8>,
    pub(crate) requests: u64,
    pub(crate) refused: u64,
    /// Whether the server closes after the last of these replies, whatever follows.
    pub(crate) closes: bool,
}

/// The most rounds that tests burn. The drivers and this file cut alike, since a request may ask
/// for a second of work.
pub(crate) const ROUNDS_MAX: u64 = 1000;

/// Everything a server answers to `input` over line framing, `ERR` texts left out.
pub(crate) fn line_replies(app: App, input: &[u8]) -> Vec<u8> {
    let service = Service { app, framing: Framing::Line, close_after: None };
    line_answers(service, input, usize::MAX).output
}

/// The same with all that is known about it, up to the reply that makes the output longer than
/// `output_max`.
pub(crate) fn line_answers(service: Service, input: &[u8], output_max: usize) -> Owed {
    let mut owed = Owed::default();
    let mut rest = input;
    while !rest.is_empty() && !owed.closes && owed.output.len() < output_max {
        let within = &rest[..rest.len().min(FRAME_BYTES_MAX)];
        let (message, frame) = match within.iter().position(|b| *b == b'\n') {
            Some(at) => (rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]), at + 1),
            None if within.len() == FRAME_BYTES_MAX => {
                owed.output.extend_from_slice(b"ERR too-long\n");
                (owed.requests, owed.refused) = (owed.requests + 1, owed.refused + 1);
                owed.closes = true;
                break;
            }
            None => (rest, rest.len()),
        };
        let (reply, last) = answer(service.app, Framing::Line, message);
        owed.output.extend_from_slice(&reply);
        owed.output.push(b'\n');
        owed.requests += 1;
        owed.refused += u64::from(is_refusal(service.app, &reply));
        owed.closes = last || service.close_after.is_some_and(|k| owed.requests == k.get().into());
        rest = &rest[frame..];
    }
    owed.output = without_err_texts(&owed.output);
    owed
}

/// Whether a reply of [`answer`] refuses the request; in `echo` nothing but its length can.
pub(crate) fn is_refusal(app: App, reply: &[u8]) -> bool {
    app != App::Echo && reply.starts_with(b"ERR ")
}

/// Cuts every line that begins with `ERR ` down to its code.
pub(crate) fn without_err_texts(output: &[u8]) -> Vec<u8> {
    let lines = output.split(|b| *b == b'\n').map(|line| {
        let Some(text) = line.strip_prefix(b"ERR ") else { return line };
        let code = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
        &line[..4 + code]
    });
    lines.collect::<Vec<_>>().join(&b'\n')
}

/// One reply without its terminator, and whether it is the last.
pub(crate) fn answer(app: App, framing: Framing, message: &[u8]) -> (Vec<u8>, bool) {
    let bad = || b"ERR bad-argument".to_vec();
    match app {
        App::Echo => (message.to_vec(), false),
        App::Multiply => (product(message).unwrap_or_else(bad), false),
        App::Bench => {
            let mut parts = message.splitn(2, |b| *b == b' ');
            let verb = parts.next().unwrap_or_default().to_ascii_uppercase();
            let rest = parts.next().unwrap_or_default();
            let ok = |bytes: Vec<u8>| [b"OK ".to_vec(), bytes].concat();
            match &verb[..] {
                b"ECHO" => (ok(rest.to_vec()), false),
                b"QUIT" => (ok(b"bye".to_vec()), true),
                b"MUL" => (product(rest).map_or_else(bad, ok), false),
                b"WORK" => (work(framing, rest).map_or_else(bad, ok), false),
                b"ADD" => (add(rest).unwrap_or_else(bad), false),
                _ => (b"ERR unknown-verb".to_vec(), false),
            }
        }
        _ => unreachable!("no reply follows from a request"),
    }
}

fn words(arguments: &[u8]) -> Vec<&[u8]> {
    arguments.split(|b| b" \t\n\r\x0c".contains(b)).filter(|word| !word.is_empty()).collect()
}

fn product(arguments: &[u8]) -> Option<Vec<u8>> {
    let [a, b] = words(arguments)[..] else { return None };
    let split = |word| {
        let digits = <[u8]>::strip_prefix(word, b"-").unwrap_or(word);
        let whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        whole.then_some((digits.len() < word.len(), digits))
    };
    let ((a_minus, a), (b_minus, b)) = (split(a)?, split(b)?);
    let digits = schoolbook(a, b);
    let minus = a_minus != b_minus && digits != b"0";
    Some([if minus { &b"-"[..] } else { b"" }, &digits].concat())
}

/// Multiplication digit by digit, as on paper.
pub(crate) fn schoolbook(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut columns = vec![0_u32; a.len() + b.len()];
    for (i, x) in a.iter().rev().enumerate() {
        for (j, y) in b.iter().rev().enumerate() {
            columns[i + j] += u32::from(x - b'0') * u32::from(y - b'0');
        }
    }
    let mut carry = 0;
    let mut digits: Vec<u8> = Vec::new();
    for column in columns {
        let value = column + carry;
        digits.push(b'0' + u8::try_from(value % 10).expect("a digit"));
        carry = value / 10;
    }
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    digits.reverse();
    digits
}

/// Where requests carry the state, and there is no history. `None` is a bad argument.
fn add(arguments: &[u8]) -> Option<Vec<u8>> {
    let words = words(arguments);
    let [step, steps, n, reference] = words[..] else { return None };
    let (step, steps) = (number(step, 1_000_000)?, number(steps, 1_000_000)?);
    let n = number(n, 1_000_000_000)?;
    if step == 0 || step > steps || (step == 1 && reference != b"-") {
        return None;
    }
    let mut state = [0_u8; 12];
    if step > 1 {
        let Some(sent) = twelve_bytes(reference) else { return Some(b"ERR bad-token".to_vec()) };
        state = sent;
    }
    let total: u64 = (0..8).map(|at| u64::from(state[at]) << (8 * at)).sum();
    let steps_before: usize = (0..4).map(|at| usize::from(state[8 + at]) << (8 * at)).sum();
    if steps_before + 1 != step {
        return Some(b"ERR bad-step".to_vec());
    }
    let total = total.wrapping_add(n as u64);
    let mut sent = [total.to_le_bytes().to_vec(), (step as u64).to_le_bytes()[..4].to_vec()];
    let text = if step == steps {
        "-".to_owned()
    } else {
        let bytes = std::mem::take(&mut sent).concat();
        let six = |at: usize| {
            (0..6).fold(0, |bits, i| {
                let bit = 6 * at + i;
                2 * bits + usize::from(bytes[bit / 8] >> (7 - bit % 8) & 1)
            })
        };
        (0..16).map(|at| char::from(DIGITS_64[six(at)])).collect()
    };
    Some(format!("OK {total} 0000000000000000 {text}").into_bytes())
}

const DIGITS_64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn twelve_bytes(text: &[u8]) -> Option<[u8; 12]> {
    let value = |byte: &u8| DIGITS_64.iter().position(|digit| digit == byte);
    let values: Vec<usize> = text.iter().map(value).collect::<Option<_>>()?;
    let bit = |at: usize| values[at / 6] >> (5 - at % 6) & 1;
    let byte = |at: usize| (0..8).fold(0, |bits, i| 2 * bits + bit(8 * at + i));
    let all = || std::array::from_fn(|at| u8::try_from(byte(at)).expect("eight bits"));
    (values.len() == 16).then(all)
}

fn number(word: &[u8], max: usize) -> Option<usize> {
    let text = std::str::from_utf8(word).ok()?;
    let digits = text.trim_start_matches('0');
    let fits = text.bytes().all(|b| b.is_ascii_digit()) && digits.len() <= 10;
    let value: usize = if digits.is_empty() { 0 } else { fits.then(|| digits.parse())?.ok()? };
    (fits && value <= max).then_some(value)
}

fn work(framing: Framing, arguments: &[u8]) -> Option<Vec<u8>> {
    let words = words(arguments);
    if !(3..=4).contains(&words.len()) {
        return None;
    }
    let rounds = number(words[0], 10_000_000)?;
    number(words[1], 60_000_000)?;
    let bytes = number(words[2], 1_048_576)?;
    let rounds = ROUNDS_MAX.min(rounds as u64);
    let work = Work { rounds, wait: Duration::ZERO, reply_bytes: bytes };
    let mut reply = format!("{:016x}", work.burn()).into_bytes();
    if let Some(tag) = words.get(3) {
        if tag.len() > 16 || !tag.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        reply.push(b' ');
        reply.extend_from_slice(tag);
    }
    // `OK ` before and the line feed after count too.
    let len = reply.len() + 3 + usize::from(framing == Framing::Line);
    if len < bytes {
        reply.push(b' ');
        reply.extend(std::iter::repeat_n(b'.', bytes - len - 1));
    }
    Some(reply)
}

/// What a client that expects a greeting owes to the first bytes that arrive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// This line, word by word after the first.
    Greeting([String; 4]),
    /// `ERR busy`.
    Busy,
    /// Neither.
    Wrong,
    /// It may be either when more has come.
    Unknown,
}

/// Said from `docs/protocol.md`, for less than a longest line.
pub(crate) fn first(bytes: &[u8]) -> First {
    let (line, whole) = match bytes.iter().position(|b| *b == b'\n') {
        Some(at) => (&bytes[..at], true),
        None => (bytes, false),
    };
    let begins = |with: &[u8]| line.iter().zip(with).all(|(a, b)| a == b);
    let words: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    match (words[0], whole) {
        (b"HELLO", _) => {
            let most = ["4294967295", "18446744073709551615"];
            let within = |at: usize| is_number(words[at], if at == 1 { most[0] } else { most[1] });
            let last = words.len() - 1;
            let unfinished = last == 0 || words[last].is_empty() || within(last);
            if whole && last == 4 && (1..=4).all(within) {
                let text = |at: usize| String::from_utf8(words[at].to_vec()).expect("digits");
                First::Greeting([1, 2, 3, 4].map(text))
            } else if !whole && last <= 4 && (1..last).all(within) && unfinished {
                First::Unknown
            } else {
                First::Wrong
            }
        }
        (b"ERR", true) if words.get(1) == Some(&&b"busy"[..]) => First::Busy,
        (_, false) if begins(b"ERR ") || begins(b"HELLO ") => First::Unknown,
        _ => First::Wrong,
    }
}

/// Digits, no zero before others, and no more than `most`.
fn is_number(word: &[u8], most: &str) -> bool {
    let digits = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    let shortest = word.len() == 1 || !word.starts_with(b"0");
    let most = most.as_bytes();
    digits && shortest && (word.len() < most.len() || (word.len() == most.len() && word <= most))
}
