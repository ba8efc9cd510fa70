//! The environment as a source of settings: what it says of those that code left open.

use otlp_core::Signal;

use super::{
    policies::{RetryChoice, default_retry},
    production::Said,
};
use crate::{ClientBuilder, Environment, monitoring::MonitoringSettings};

/// Which signals go where, by [`Signal::index`].
pub(super) struct Targets {
    pub(super) otlp: [bool; 3],
    pub(super) console: [bool; 3],
    /// Whether there is an exporter that gets them all.
    has_custom: bool,
}

impl Targets {
    /// Whether anybody gets this signal: if not, it is not recorded.
    pub(super) fn any(&self, signal: Signal) -> bool {
        self.has_custom || self.otlp[signal.index()] || self.console[signal.index()]
    }

    /// The signals of a list.
    pub(super) fn signals(of: [bool; 3]) -> impl Iterator<Item = Signal> {
        Signal::ALL.into_iter().filter(move |signal| of[signal.index()])
    }
}

impl ClientBuilder {
    /// Ignores the `OTEL_*` environment variables.
    pub fn without_environment(self) -> Self {
        self.with_environment(Environment::default())
    }

    /// Takes `environment` instead of the variables of this process.
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Sets which signals go to the OTLP endpoint. Default: all, or as `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` and
    /// `OTEL_LOGS_EXPORTER` say. What goes neither there nor elsewhere is not recorded.
    pub fn with_otlp_signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        let mut chosen = [false; 3];
        signals.into_iter().for_each(|signal| chosen[signal.index()] = true);
        self.otlp_signals = Some(chosen);
        self
    }

    /// Sets what code left open as the variables say. Of `environment`, nothing is left that a disabled client must not do.
    pub(super) fn completed_by(mut self, environment: &mut Environment) -> Self {
        if environment.is_disabled {
            self = self.disabled();
            environment.export = Default::default();
            environment.selection = Default::default();
        }
        self.batch = self.batch.or_else(|| Some(environment.batch.config()));
        if let (RetryChoice::Default, Some(timeout)) = (&self.retry, environment.batch.export_timeout) {
            let policy = default_retry(self.disk_queue.is_some()).with_max_elapsed(timeout);
            self.retry = RetryChoice::Policy(policy);
        }
        self.metric_interval = self.metric_interval.or(environment.metric_interval);
        self.temporality = self.temporality.or(environment.temporality);
        if let Some(sampler) = self.sampler.take().or_else(|| environment.sampler.clone()) {
            self.trace = self.trace.with_sampler(sampler);
        }
        if let Some(limits) = self.span_limits.or(environment.span_limits) {
            self.trace = self.trace.with_limits(limits);
        }
        if let Some(limits) = self.log_limits.or(environment.log_limits) {
            self.log.limits = limits;
        }
        self
    }

    /// Which signals go where.
    pub(super) fn targets(&self, environment: &Environment) -> Targets {
        let selected = environment.selection;
        Targets {
            otlp: self.otlp_signals.unwrap_or_else(|| selected.map(|one| one.is_none_or(|one| one.otlp))),
            console: selected.map(|one| self.console || one.is_some_and(|one| one.console)),
            has_custom: !self.custom_exporters.is_empty() || self.has_kafka(),
        }
    }

    /// A builder of which nothing is left but what a client without destinations has: who it is, what it says of itself,
    /// where its health is asked for, and how contexts travel.
    fn disabled(self) -> Self {
        ClientBuilder {
            service_name: self.service_name,
            resource_attributes: self.resource_attributes,
            diagnostics: self.diagnostics,
            logging: self.logging,
            propagator: self.propagator,
            is_propagating: self.is_propagating,
            otlp_signals: Some([false; 3]),
            // Whoever asks whether the program lives must not take it for dead.
            monitoring: MonitoringSettings {
                endpoint: self.monitoring.endpoint,
                is_public: self.monitoring.is_public,
                endpoints_required: self.monitoring.endpoints_required,
                ..MonitoringSettings::default()
            },
            said: Said::disabled(),
            ..ClientBuilder::new()
        }
    }
}
