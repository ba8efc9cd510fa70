//! What the client tells of itself: metrics of its own, and the endpoint that says whether it is well.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Check, FieldError, formats, in_range, reference::has_reference};
use crate::monitoring::EndpointAddress;

/// What the client measures of itself, and where it can be asked how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitoringConfig {
    /// Whether the pipeline's own metrics (`otel.sdk.*`) are exported. Default true.
    pub enable_performance_metrics: bool,
    /// Whether the metrics of the process (`process.*`) are exported. Default true.
    pub enable_resource_metrics: bool,
    /// Whether the meters that the program asks for record. Default true.
    pub enable_custom_metrics: bool,
    /// How often metrics are collected and sent. 1 ms to 1 day; default 60 s.
    #[serde(with = "formats::duration")]
    pub metrics_export_interval: Duration,
    /// Where the health of the client is served, for instance `http://localhost:8080/health`; the same port serves
    /// `/ready` and `/metrics`. Default: nowhere.
    pub health_check_endpoint: Option<String>,
}

impl Default for MonitoringConfig {
    fn default() -> Self {
        MonitoringConfig {
            enable_performance_metrics: true,
            enable_resource_metrics: true,
            enable_custom_metrics: true,
            metrics_export_interval: Duration::from_secs(60),
            health_check_endpoint: None,
        }
    }
}

impl Check for MonitoringConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(86_400));
        in_range(path, "metrics_export_interval", self.metrics_export_interval, least..=most, "1 ms to 1 day")?;
        // Whether others than this machine may ask is said elsewhere, and judged when the client is built.
        let endpoint = self.health_check_endpoint.as_ref().filter(|url| !has_reference(url));
        let read = endpoint.map_or(Ok(()), |url| EndpointAddress::parse(url, true).map(drop));
        read.map_err(|error| FieldError::value(format!("{path}.{}", error.field), error.value, error.accepted))
    }
}
