//! `multiply`: the product of two whole numbers, which `bench` has too.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use num_bigint::BigInt;

use super::{Answer, Pending, ReplyShape, end, words};
use crate::Framing;
use crate::job::Job;

pub(super) const USAGE: &str = "send two whole numbers in decimal, as in 22 9";

pub(super) fn multiply(
    framing: Framing,
    arguments: &[u8],
    ok: bool,
    out: &mut Vec<u8>,
) -> Option<Answer> {
    let mut words = words(arguments);
    let (a, b) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    match product(a, b, ok)? {
        Product::Known(digits) => {
            if ok {
                out.extend_from_slice(b"OK ");
            }
            out.extend_from_slice(digits.as_bytes());
            end(framing, out);
            Some(Answer::Replied)
        }
        Product::Later(pending) => Some(Answer::Later(pending)),
    }
}

/// A product, or how to come by it.
pub(crate) enum Product {
    /// Its digits.
    Known(String),
    /// They need work first.
    Later(Pending),
}

/// Multiplies now what one machine multiplication can do; longer numbers become a job, since
/// their cost grows with the square of their length and belongs where the model runs work.
pub(crate) fn product(a: &[u8], b: &[u8], ok: bool) -> Option<Product> {
    use alloc::string::ToString;
    if !is_whole_number(a) || !is_whole_number(b) {
        return None;
    }
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Some(Product::Known((i128::from(a) * i128::from(b)).to_string()));
    }
    let pair = Arc::new([BigInt::parse_bytes(a, 10)?, BigInt::parse_bytes(b, 10)?]);
    let reply = ReplyShape::Product { ok };
    Some(Product::Later(Pending { job: Job::Multiply(pair), reply }))
}

fn small(word: &[u8]) -> Option<i64> {
    core::str::from_utf8(word).ok()?.parse().ok()
}

/// An optional minus sign and digits; the big-number crate would also take underscores.
fn is_whole_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
