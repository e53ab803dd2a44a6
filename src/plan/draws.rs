//! Numbers of a plan that may be drawn: a number, or the text of a distribution.

use std::fmt;

use protocol::Draw;
use serde::{Deserializer, Serializer, de};

use crate::workload::requests::{parse_bytes_draw, parse_duration_draw};

/// Sizes and rounds: `64`, or `"uniform:16..4096"`.
pub(super) mod number {
    use super::{Draw, Number, Serializer, de};

    pub(in crate::plan) fn serialize<S: Serializer>(draw: &Draw, to: S) -> Result<S::Ok, S::Error> {
        match draw.as_fixed() {
            Some(value) => to.serialize_u64(value),
            None => to.collect_str(draw),
        }
    }

    pub(in crate::plan) fn deserialize<'de, D: de::Deserializer<'de>>(
        from: D,
    ) -> Result<Draw, D::Error> {
        from.deserialize_any(Number)
    }
}

struct Number;

impl de::Visitor<'_> for Number {
    type Value = Draw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a distribution such as \"uniform:16..4096\"")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Draw, E> {
        Ok(Draw::fixed(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Draw, E> {
        u64::try_from(value).map(Draw::fixed).map_err(|_| E::custom("at least 0"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Draw, E> {
        parse_bytes_draw(text).map_err(E::custom)
    }
}

/// Waits: `"5ms"`, or `"exp:5ms"`.
pub(super) mod wait {
    use super::{Deserializer, Draw, Serializer, de, parse_duration_draw};
    use serde::Deserialize;
    use std::time::Duration;

    pub(in crate::plan) fn serialize<S: Serializer>(draw: &Draw, to: S) -> Result<S::Ok, S::Error> {
        let time = |ns| humantime::format_duration(Duration::from_nanos(ns)).to_string();
        // One unit after another is read only where no law is around them.
        to.collect_str(&draw.describe(|ns| match draw.as_fixed() {
            Some(_) => time(ns),
            None => format!("{ns}ns"),
        }))
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Draw, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration_draw(&text).map_err(<D::Error as de::Error>::custom)
    }
}
