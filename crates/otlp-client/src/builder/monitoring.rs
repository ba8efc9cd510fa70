//! The settings of what the client tells of itself: metrics of its own, the health endpoint, alerts.

use crate::{
    ClientBuilder, MonitoringConfig,
    monitoring::{AlertRule, AlertSink},
};

impl ClientBuilder {
    /// Sets which metrics there are, how often they are sent, and where the health of the client is served. Without it,
    /// the client has no metrics of its own and serves nothing.
    ///
    /// The interval is that of [`ClientBuilder::with_metric_interval`], and the switch for the program's own metrics that of
    /// [`ClientBuilder::with_custom_metrics_enabled`]; whichever is called last counts.
    ///
    /// The health endpoint answers `GET` requests for its path (whether the client lives, `/health` if the URL names no
    /// path), for `/ready` (whether it works) and for `/metrics` (its figures, for a Prometheus to scrape). A port of 0
    /// takes one that is free; [`EnhancedOtlpClient::monitoring_address`](crate::EnhancedOtlpClient::monitoring_address)
    /// tells which.
    pub fn with_monitoring(mut self, config: MonitoringConfig) -> Self {
        self.configure_monitoring(&config);
        self
    }

    pub(super) fn configure_monitoring(&mut self, config: &MonitoringConfig) {
        self.monitoring.configure(config);
        self.metric_interval = Some(config.metrics_export_interval);
        self.metrics.enabled = config.enable_custom_metrics;
    }

    /// Sets whether the meters that the program asks for record; default true. If not, their instruments take measurements
    /// for nothing.
    pub fn with_custom_metrics_enabled(mut self, is_enabled: bool) -> Self {
        self.metrics.enabled = is_enabled;
        self
    }

    /// Sets whether the health endpoint may listen on an address that other machines can reach; default false. It speaks
    /// plaintext and asks nobody for a password, and what it shows are figures, names of destinations and endpoints.
    pub fn with_monitoring_public(mut self, is_public: bool) -> Self {
        self.monitoring.is_public = is_public;
        self
    }

    /// Sets whether an endpoint that is down makes the client unready, so that `/ready` answers 503; default false: it is
    /// degraded then, and answers 200. A service that shows the client's readiness as its own would otherwise be taken
    /// out of service whenever its telemetry has nowhere to go.
    pub fn with_endpoints_required_for_readiness(mut self, is_required: bool) -> Self {
        self.monitoring.endpoints_required = is_required;
        self
    }

    /// Sets the rules of the alerts, in place of the default ones. They are watched once
    /// [`get_alert_manager`](crate::EnhancedOtlpClient::get_alert_manager) was started.
    pub fn with_alert_rules(mut self, rules: impl IntoIterator<Item = AlertRule>) -> Self {
        self.monitoring.alerts.rules = Some(rules.into_iter().collect());
        self
    }

    /// Sets whether the alerts are watched from the build of the client on; default false: from the
    /// [`start`](crate::monitoring::AlertManager::start) of the alert manager on.
    pub fn with_alerts_watched(mut self, are_watched: bool) -> Self {
        self.monitoring.alerts.are_watched = are_watched;
        self
    }

    /// Adds a sink that hears of alerts. Without any, they are among the messages of the client about itself.
    pub fn with_alert_sink(mut self, sink: AlertSink) -> Self {
        self.monitoring.alerts.sinks.push(sink);
        self
    }
}
