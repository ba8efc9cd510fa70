//! The settings of what the client says about itself, and of the form in which log records travel.

use std::sync::Arc;

use otlp_sdk::logs::LogAggregation;

use crate::{
    ClientBuilder, Diagnostic, LogFormat, LogLevel, LoggingConfig,
    environment::Environment,
    logging::{Output, Sink},
};

impl ClientBuilder {
    /// Sets which messages about itself the client prints on standard error and in which format, and in which form the log
    /// records of the program travel. Default: [`LoggingConfig::default`], with the level of `OTEL_LOG_LEVEL`.
    ///
    /// ```
    /// use otlp_client::{EnhancedOtlpClient, LogFormat, LogLevel, LoggingConfig};
    ///
    /// let builder = EnhancedOtlpClient::builder().with_logging(LoggingConfig {
    ///     log_level: LogLevel::Warn,
    ///     enable_structured_logging: true,
    ///     enable_log_aggregation: true,
    ///     log_format: LogFormat::Json,
    /// });
    /// # drop(builder);
    /// ```
    pub fn with_logging(mut self, config: LoggingConfig) -> Self {
        self.logging = Some(config);
        self
    }

    /// Folds identical log records into one as `aggregation` says, also if [`ClientBuilder::with_logging`] says nothing of
    /// it.
    pub fn with_log_aggregation(mut self, aggregation: LogAggregation) -> Self {
        self.log_aggregation = Some(aggregation);
        self
    }

    /// Sets what is done with messages of the client about itself, in place of printing them: how they get into the log of
    /// the program. It is called on whatever thread has something to say, at a limited rate, and for no message below the
    /// level. The sink chooses the format: a [`Diagnostic`] prints itself as text, and [`Diagnostic::to_json`] as JSON.
    pub fn with_diagnostics(mut self, sink: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        self.diagnostics = Some(Arc::new(sink));
        self
    }
}

/// Where messages go, and which.
pub(super) fn output(sink: Option<Sink>, config: Option<&LoggingConfig>, environment: &Environment) -> Output {
    let level = config.map(|config| config.log_level).or(environment.log_level).unwrap_or(LogLevel::Info);
    Output::new(sink, level, config.map_or(LogFormat::Text, |config| config.log_format))
}

/// How identical records are folded, if they are.
pub(super) fn aggregation(
    config: Option<&LoggingConfig>,
    aggregation: Option<LogAggregation>,
) -> Option<LogAggregation> {
    let is_enabled = config.is_some_and(|config| config.enable_log_aggregation);
    aggregation.or_else(|| is_enabled.then(LogAggregation::default))
}
