//! The disk queue, as a file says it. Its key is not among what is written: it belongs to `security`.

use std::time::Duration;

use otlp_batch::{DiskQueueConfig, Durability};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected},
    ser,
};

use super::{FieldError, formats, reference};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskQueue {
    directory: String,
    #[serde(default = "durability", with = "durability_by_name")]
    durability: Durability,
    #[serde(default = "max_bytes", with = "formats::bytes")]
    max_bytes: u64,
    #[serde(default = "segment_bytes", with = "formats::bytes")]
    segment_bytes: u64,
    #[serde(default, with = "max_age", skip_serializing_if = "Option::is_none")]
    max_age: Option<Duration>,
    #[serde(default = "dead_letter_bytes", with = "formats::bytes")]
    dead_letter_bytes: u64,
}

pub(super) fn serialize<S: Serializer>(config: &Option<DiskQueueConfig>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(config) = config else { return serializer.serialize_none() };
    if config.is_encrypted() {
        let reason = "disk_queue has a key, which is not written: give it as security.encryption_key";
        return Err(ser::Error::custom(reason));
    }
    let directory = config.directory().to_str();
    let directory = directory.ok_or_else(|| ser::Error::custom("disk_queue.directory is no Unicode text"))?;
    let queue = DiskQueue {
        directory: directory.to_owned(),
        durability: config.durability(),
        max_bytes: config.max_bytes(),
        segment_bytes: config.segment_bytes(),
        max_age: config.max_age(),
        dead_letter_bytes: config.dead_letter_bytes(),
    };
    queue.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DiskQueueConfig>, D::Error> {
    Ok(Option::<DiskQueue>::deserialize(deserializer)?.map(DiskQueue::into_config))
}

/// The same with the references in its path followed.
pub(super) fn resolved(
    config: DiskQueueConfig,
    sources: &dyn reference::Sources,
) -> Result<DiskQueueConfig, FieldError> {
    let Some(directory) = config.directory().to_str() else { return Ok(config) };
    let directory = reference::resolve("disk_queue.directory", directory, sources)?;
    Ok(config.with_directory(directory))
}

impl DiskQueue {
    fn into_config(self) -> DiskQueueConfig {
        let config = DiskQueueConfig::new(self.directory)
            .with_durability(self.durability)
            .with_max_bytes(self.max_bytes)
            .with_segment_bytes(self.segment_bytes)
            .with_dead_letter_bytes(self.dead_letter_bytes);
        match self.max_age {
            Some(max_age) => config.with_max_age(max_age),
            None => config,
        }
    }
}

fn defaults() -> DiskQueueConfig {
    DiskQueueConfig::new("")
}

fn durability() -> Durability {
    defaults().durability()
}

fn max_bytes() -> u64 {
    defaults().max_bytes()
}

fn segment_bytes() -> u64 {
    defaults().segment_bytes()
}

fn dead_letter_bytes() -> u64 {
    defaults().dead_letter_bytes()
}

/// `always`, `none`, or the interval.
mod durability_by_name {
    use super::*;

    pub(super) fn serialize<S: Serializer>(durability: &Durability, serializer: S) -> Result<S::Ok, S::Error> {
        match durability {
            Durability::Always => serializer.serialize_str("always"),
            Durability::None => serializer.serialize_str("none"),
            Durability::Interval(interval) => formats::duration::serialize(interval, serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Durability, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "always" => Ok(Durability::Always),
            "none" => Ok(Durability::None),
            interval => humantime::parse_duration(interval).map(Durability::Interval).map_err(|_| {
                D::Error::invalid_value(Unexpected::Str(interval), &"always, none, or an interval like 500ms")
            }),
        }
    }
}

mod max_age {
    use super::*;

    pub(super) fn serialize<S: Serializer>(max_age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match max_age {
            Some(max_age) => formats::duration::serialize(max_age, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        struct Written(#[serde(with = "formats::duration")] Duration);
        Ok(Option::<Written>::deserialize(deserializer)?.map(|Written(max_age)| max_age))
    }
}
