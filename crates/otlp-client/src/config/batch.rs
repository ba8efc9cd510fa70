//! The parts of the configuration that otlp-batch defines, as a file says them. Their structures are named there field
//! by field, so a field that one of them gains does not compile here until a file can say it.

use std::time::Duration;

use otlp_batch::{BatchConfig, BatchLimits, BatchStrategy, ConfigError, MemoryPoolConfig, OnFull};
use serde::{Deserialize, Serialize};

use super::{Check, FieldError, formats};

#[derive(Serialize, Deserialize)]
#[serde(remote = "BatchConfig", default = "BatchConfig::default", deny_unknown_fields)]
pub(super) struct Batch {
    max_batch_size: usize,
    #[serde(with = "formats::duration")]
    batch_timeout: Duration,
    max_queue_size: usize,
    #[serde(with = "Strategy")]
    strategy: BatchStrategy,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BatchStrategy", rename_all = "snake_case")]
enum Strategy {
    SizeBased,
    TimeBased,
    Hybrid,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BatchLimits", default = "BatchLimits::default", deny_unknown_fields)]
pub(super) struct Limits {
    #[serde(with = "formats::bytes")]
    max_batch_bytes: usize,
    max_in_flight: usize,
    #[serde(with = "formats::bytes")]
    max_record_bytes: usize,
    catch_up_percent: Option<u32>,
    #[serde(with = "WhenFull")]
    on_full: OnFull,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnFull", rename_all = "snake_case")]
enum WhenFull {
    DropNewest,
    DropOldest,
    Block,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "MemoryPoolConfig", default = "MemoryPoolConfig::default", deny_unknown_fields)]
pub(super) struct MemoryPool {
    #[serde(with = "formats::bytes")]
    initial_size: usize,
    #[serde(with = "formats::bytes")]
    max_size: usize,
    #[serde(with = "formats::bytes")]
    chunk_size: usize,
    growth_factor: f64,
    gc_threshold: f64,
}

impl Check for BatchConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        self.validate().map_err(|error| from_batch(path, error))
    }
}

impl Check for BatchLimits {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        self.validate().map_err(|error| from_batch(path, error))
    }
}

impl Check for MemoryPoolConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        self.validate().map_err(|error| from_batch(path, error))
    }
}

/// The refusal of a field by otlp-batch, which may name the part itself.
pub(crate) fn from_batch(path: &str, error: ConfigError) -> FieldError {
    let field = error.field.strip_prefix(path).and_then(|field| field.strip_prefix('.')).unwrap_or(error.field);
    FieldError::value(format!("{path}.{field}"), error.value, error.accepted)
}
