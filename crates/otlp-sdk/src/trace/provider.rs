//! Where tracers come from.

use std::sync::Arc;

use otlp_batch::Intake;
use otlp_core::data::Scope;

use super::{TraceConfig, Tracer};
use crate::{ScopeBuilder, clock::Clock};

/// Makes tracers that share a pipeline, a clock and a configuration. Clones are cheap and mean the same provider.
#[derive(Debug, Clone)]
pub struct TracerProvider {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    intake: Intake,
    clock: Arc<Clock>,
    config: TraceConfig,
}

impl TracerProvider {
    /// A provider whose spans go to `intake`.
    pub fn new(intake: Intake, clock: Arc<Clock>, config: TraceConfig) -> Self {
        TracerProvider { shared: Arc::new(Shared { intake, clock, config }) }
    }

    /// A tracer for the library or component of this name.
    pub fn tracer(&self, name: impl Into<String>) -> Tracer {
        self.tracer_builder(name).build()
    }

    /// A tracer for a scope with more than a name: version, schema, attributes.
    pub fn tracer_builder(&self, name: impl Into<String>) -> ScopeBuilder<impl FnOnce(Scope) -> Tracer> {
        ScopeBuilder::new(name.into(), |scope: Scope| {
            let Shared { intake, clock, config } = &*self.shared;
            Tracer::new(intake.clone(), intake.scope(&scope), Arc::clone(clock), config.clone())
        })
    }
}
