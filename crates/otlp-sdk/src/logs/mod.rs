//! Logs: a [`LoggerProvider`] makes [`Logger`]s, a logger emits [`LogRecord`]s.

mod aggregation;
mod config;
mod encoding;
mod logger;
mod plain_text;
mod provider;
mod record;
mod shared;

pub(crate) use self::encoding::LogProgress;
pub use otlp_core::data::Severity;

pub use self::{
    aggregation::LogAggregation,
    config::{LogConfig, LogLimits},
    logger::Logger,
    provider::LoggerProvider,
    record::LogRecord,
};
