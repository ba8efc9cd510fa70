//! Where loggers come from.

use std::sync::Arc;

use otlp_batch::{Intake, Producer};
use otlp_core::data::Scope;

use super::{LogConfig, Logger, aggregation::Aggregator};
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
    aggregator: Option<Arc<Aggregator>>,
}

impl LoggerProvider {
    /// A provider whose records go to `intake`. One that folds identical records must be registered there as a
    /// [`Producer`], or nobody asks it for them.
    pub fn new(intake: Intake, clock: Arc<Clock>, config: LogConfig) -> Self {
        let aggregator = config.aggregation.map(|aggregation| Arc::new(Aggregator::new(aggregation)));
        LoggerProvider { shared: Arc::new(Shared { intake, clock, config, aggregator }) }
    }

    /// A logger for the library or component of this name.
    pub fn logger(&self, name: impl Into<String>) -> Logger {
        self.logger_builder(name).build()
    }

    /// A logger for a scope with more than a name: version, schema, attributes.
    pub fn logger_builder(&self, name: impl Into<String>) -> ScopeBuilder<impl FnOnce(Scope) -> Logger> {
        ScopeBuilder::new(name.into(), |scope: Scope| {
            let Shared { intake, clock, config, aggregator } = &*self.shared;
            Logger::new(intake.clone(), intake.scope(&scope), Arc::clone(clock), *config, aggregator.clone())
        })
    }
    /// How many records were folded into identical ones, which is to say emitted and neither sent nor lost. See
    /// [`LogAggregation`](super::LogAggregation).
    pub fn folded_records(&self) -> u64 {
        self.shared.aggregator.as_ref().map_or(0, |aggregator| aggregator.folded())
    }
}

/// Hands on the records that are held back to be folded.
impl Producer for LoggerProvider {
    fn produce(&self, _: &Intake) {}

    fn tick(&self, intake: &Intake) {
        if let Some(aggregator) = &self.shared.aggregator {
            aggregator.release_due(intake, self.shared.clock.now());
        }
    }

    fn release(&self, intake: &Intake) {
        if let Some(aggregator) = &self.shared.aggregator {
            aggregator.release_all(intake);
        }
    }

    fn close(&self, intake: &Intake) {
        if let Some(aggregator) = &self.shared.aggregator {
            aggregator.close(intake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use otlp_batch::Pipeline;
    use otlp_core::data::Resource;

    use super::*;
    use crate::{clock::Moment, logs::LogAggregation};

    #[test]
    fn a_record_is_held_back_for_the_interval_and_no_longer() {
        const INTERVAL: Duration = Duration::from_secs(10);
        let pipeline = Pipeline::builder(Resource::default()).start().unwrap();
        let clock = Arc::new(Clock::system());
        let aggregation = Some(LogAggregation { interval: INTERVAL, ..LogAggregation::default() });
        let config = LogConfig { aggregation, ..LogConfig::default() };
        // Not registered: the background thread, whose clock is the system's, has no part in this.
        let provider = LoggerProvider::new(pipeline.intake().clone(), Arc::clone(&clock), config);
        let aggregator = provider.shared.aggregator.clone().unwrap();
        let before = clock.now();
        let logger = provider.logger("test");
        logger.info("again");
        logger.info("again");
        let after = clock.now();
        let at = |moment: Moment, nanos: u64| Moment { monotonic: moment.monotonic + nanos, ..moment };
        let interval = INTERVAL.as_nanos() as u64;
        let count = |size: usize| assert_eq!(aggregator.held(), size);
        aggregator.release_due(pipeline.intake(), at(before, interval - 1));
        count(1);
        aggregator.release_due(pipeline.intake(), at(after, interval));
        count(0);
        assert_eq!(provider.folded_records(), 1);
    }
}
