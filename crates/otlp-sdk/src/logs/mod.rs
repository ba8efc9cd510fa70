//! Logs: a [`LoggerProvider`] makes [`Logger`]s, a logger emits [`LogRecord`]s.

mod aggregation;
mod config;
mod logger;
mod plain_text;
mod provider;
mod record;

pub(crate) use self::record::LogProgress;
pub use otlp_core::data::Severity;

pub use self::{
    aggregation::LogAggregation,
    config::{LogConfig, LogLimits},
    logger::Logger,
    provider::LoggerProvider,
    record::LogRecord,
};
