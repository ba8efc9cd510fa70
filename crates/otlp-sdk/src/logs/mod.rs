//! Logs: a [`LoggerProvider`] makes [`Logger`]s, a logger emits [`LogRecord`]s.

mod config;
mod logger;
mod provider;
mod record;

pub(crate) use self::record::LogProgress;
pub use self::{
    config::{LogConfig, LogLimits},
    logger::Logger,
    provider::LoggerProvider,
    record::LogRecord,
};
