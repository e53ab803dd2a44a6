//! Durations as `500us` or `10s`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// One that has to be there.
pub(super) mod human {
    use super::{Deserialize, Deserializer, Duration, Error, Serializer};

    pub(in crate::plan) fn serialize<S: Serializer>(
        value: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*value))
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        crate::base::units::parse_duration(&text).map_err(D::Error::custom)
    }
}

/// One that may be left out.
pub(super) mod some {
    use super::{Deserializer, Duration, Serializer, human};

    pub(in crate::plan) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => human::serialize(value, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        human::deserialize(from).map(Some)
    }
}
