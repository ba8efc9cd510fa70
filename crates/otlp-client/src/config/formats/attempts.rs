//! A number of attempts, or `unlimited`.

use std::fmt;

use serde::{
    Deserializer, Serializer,
    de::{Error, Unexpected, Visitor},
};

use crate::config::RetryConfig;

const UNLIMITED: &str = "unlimited";

pub(crate) fn serialize<S: Serializer>(attempts: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    match *attempts {
        RetryConfig::UNLIMITED => serializer.serialize_str(UNLIMITED),
        attempts => serializer.serialize_u32(attempts),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_any(AttemptsVisitor)
}

struct AttemptsVisitor;

impl Visitor<'_> for AttemptsVisitor {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of attempts from 1 to 4294967294, or unlimited")
    }

    fn visit_u64<E: Error>(self, given: u64) -> Result<u32, E> {
        let is_number = |attempts: &u32| *attempts != RetryConfig::UNLIMITED;
        let attempts = u32::try_from(given).ok().filter(is_number);
        attempts.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(given), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
        match text {
            UNLIMITED => Ok(RetryConfig::UNLIMITED),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}
