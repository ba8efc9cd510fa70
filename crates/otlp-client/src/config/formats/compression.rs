//! A compression by its name.

use otlp_transport::Compression;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

const NAMES: &[&str] = &["none", "gzip", "zstd"];

pub(crate) fn serialize<S: Serializer>(compression: &Compression, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(compression)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Compression, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map_err(|_| D::Error::unknown_variant(&name, NAMES))
}
