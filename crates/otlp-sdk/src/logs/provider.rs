//! Where loggers come from.

use std::sync::Arc;

use otlp_batch::Intake;
use otlp_core::data::Scope;

use super::{LogConfig, Logger};
use crate::{ScopeBuilder, clock::Clock};

/// Makes loggers that share a pipeline, a clock and a configuration. Clones are cheap and mean the same provider.
#[derive(Debug, Clone)]
pub struct LoggerProvider {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    intake: Intake,
    clock: Arc<Clock>,
    config: LogConfig,
}

impl LoggerProvider {
    /// A provider whose records go to `intake`.
    pub fn new(intake: Intake, clock: Arc<Clock>, config: LogConfig) -> Self {
        LoggerProvider { shared: Arc::new(Shared { intake, clock, config }) }
    }

    /// A logger for the library or component of this name.
    pub fn logger(&self, name: impl Into<String>) -> Logger {
        self.logger_builder(name).build()
    }

    /// A logger for a scope with more than a name: version, schema, attributes.
    pub fn logger_builder(&self, name: impl Into<String>) -> ScopeBuilder<impl FnOnce(Scope) -> Logger> {
        ScopeBuilder::new(name.into(), |scope: Scope| {
            let Shared { intake, clock, config } = &*self.shared;
            Logger::new(intake.clone(), intake.scope(&scope), Arc::clone(clock), *config)
        })
    }
}
