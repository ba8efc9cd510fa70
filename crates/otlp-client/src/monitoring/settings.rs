//! What was chosen of the monitoring, checked when the client is built.

use std::time::Duration;

use super::{
    MonitoringError,
    alerts::{AlertRule, AlertSettings},
    endpoint::EndpointAddress,
    error::refused,
};
use crate::MonitoringConfig;

/// The longest interval between two exports of metrics.
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// What of the client's own figures is exported and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Exports {
    /// `otel.sdk.*`.
    pub(crate) performance: bool,
    /// `process.*`.
    pub(crate) resource: bool,
}

/// The settings of the monitoring, from all setters of the builder.
#[derive(Default)]
pub(crate) struct MonitoringSettings {
    pub(crate) exports: Exports,
    /// Where to listen, as the configuration has it.
    pub(crate) endpoint: Option<String>,
    /// Whether others than this machine may ask.
    pub(crate) is_public: bool,
    /// Whether an endpoint that is down makes the client unready.
    pub(crate) endpoints_required: bool,
    pub(crate) interval: Option<Duration>,
    pub(crate) alerts: AlertSettings,
}

impl MonitoringSettings {
    pub(crate) fn configure(&mut self, config: &MonitoringConfig) {
        self.exports =
            Exports { performance: config.enable_performance_metrics, resource: config.enable_resource_metrics };
        self.endpoint.clone_from(&config.health_check_endpoint);
        self.interval = Some(config.metrics_export_interval);
    }

    /// Where to listen, if anywhere; names the first setting that cannot work.
    pub(crate) fn validate(&self) -> Result<Option<EndpointAddress>, MonitoringError> {
        if let Some(interval) = self.interval
            && !(Duration::from_millis(1)..=LONGEST_INTERVAL).contains(&interval)
        {
            return Err(refused("metrics_export_interval", format_args!("{interval:?}"), "1 ms to 1 day").into());
        }
        if let Some(rules) = &self.alerts.rules {
            AlertRule::validate_all(rules)?;
        }
        Ok(self.endpoint.as_deref().map(|url| EndpointAddress::parse(url, self.is_public)).transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_cannot_work_is_named() {
        for interval in [Duration::ZERO, Duration::from_secs(25 * 3600)] {
            let mut settings = MonitoringSettings::default();
            settings.configure(&MonitoringConfig { metrics_export_interval: interval, ..MonitoringConfig::default() });
            let error = settings.validate().unwrap_err().to_string();
            assert!(error.starts_with("monitoring: metrics_export_interval is "), "{error}");
            assert!(error.ends_with("but takes 1 ms to 1 day"), "{error}");
        }
    }
}
