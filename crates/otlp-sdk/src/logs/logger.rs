//! A logger: emits the log records of one scope.

use std::{fmt, sync::Arc};

use otlp_batch::{Intake, ScopeHandle};
use otlp_core::{AttributeValue, data::Severity};

use super::{LogConfig, LogRecord, aggregation::Aggregator, shared::Shared};
use crate::clock::Clock;

/// Emits log records (OpenTelemetry specification, Logs API, "Logger"). Clones are cheap and mean the same logger.
///
/// ```
/// use otlp_core::data::Severity;
///
/// fn charge(logger: &otlp_sdk::logs::Logger) {
///     logger.info("card charged");
///     logger.record(Severity::Warn).body("card declined").attribute("attempt", 2).emit();
/// }
/// ```
#[derive(Clone)]
pub struct Logger {
    shared: Arc<Shared>,
}

impl Logger {
    pub(super) fn new(
        intake: Intake,
        scope: ScopeHandle,
        clock: Arc<Clock>,
        config: LogConfig,
        aggregator: Option<Arc<Aggregator>>,
    ) -> Self {
        let max_record_bytes = intake.max_record_bytes();
        Logger { shared: Arc::new(Shared { intake, scope, max_record_bytes, clock, config, aggregator }) }
    }

    /// Whether records of this severity are made: not those below the configured minimum, and none if logs are off.
    #[inline]
    pub fn is_enabled(&self, severity: Severity) -> bool {
        let LogConfig { is_enabled, minimum_severity, .. } = self.shared.config;
        is_enabled && (severity == Severity::Unspecified || severity >= minimum_severity)
    }

    /// Begins a record; [`LogRecord::emit`] sends it.
    #[inline]
    pub fn record(&self, severity: Severity) -> LogRecord<'_> {
        LogRecord::new(&self.shared, severity, self.is_enabled(severity))
    }

    /// Emits a record of this severity and body.
    #[inline]
    pub fn log(&self, severity: Severity, body: impl AttributeValue) {
        self.record(severity).body(body).emit();
    }

    /// Emits a record of severity `TRACE`.
    pub fn trace(&self, body: impl AttributeValue) {
        self.log(Severity::Trace, body);
    }

    /// Emits a record of severity `DEBUG`.
    pub fn debug(&self, body: impl AttributeValue) {
        self.log(Severity::Debug, body);
    }

    /// Emits a record of severity `INFO`.
    pub fn info(&self, body: impl AttributeValue) {
        self.log(Severity::Info, body);
    }

    /// Emits a record of severity `WARN`.
    pub fn warn(&self, body: impl AttributeValue) {
        self.log(Severity::Warn, body);
    }

    /// Emits a record of severity `ERROR`.
    pub fn error(&self, body: impl AttributeValue) {
        self.log(Severity::Error, body);
    }

    /// Emits a record of severity `FATAL`.
    pub fn fatal(&self, body: impl AttributeValue) {
        self.log(Severity::Fatal, body);
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger")
            .field("scope", &self.shared.scope)
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
