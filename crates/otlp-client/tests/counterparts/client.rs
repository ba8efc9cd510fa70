//! A client under test, and what it was given to send.

use std::{sync::Arc, time::Duration};

use otlp_client::{ClientBuilder, EnhancedOtlpClient};
use otlp_core::data::{LogData, MetricData, SpanData};
use otlp_exporters::{ExportResult, Exporter, async_trait};
use otlp_reliability::RetryPolicy;
use parking_lot::Mutex;

use crate::telemetry::Telemetry;

/// Long enough for anything that works.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

type Said = Arc<Mutex<Vec<String>>>;

/// A client that tries again without a limit; what it says about itself is kept.
pub(crate) fn builder(endpoint: impl Into<String>) -> (ClientBuilder, Said) {
    let said = Said::default();
    let sink = Arc::clone(&said);
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(100));
    let builder = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(endpoint)
        .with_service_name("shop")
        .with_retry_policy(retry)
        .with_diagnostics(move |diagnostic| sink.lock().push(diagnostic.to_string()));
    (builder, said)
}

/// A second destination that keeps what it is given: what a server must have as well.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Telemetry>>);

type Answer = Result<ExportResult, Box<dyn std::error::Error + Send + Sync>>;

impl Kept {
    pub(crate) fn take(&self) -> Telemetry {
        std::mem::take(&mut *self.0.lock()).sorted()
    }
}

#[async_trait]
impl Exporter for Kept {
    async fn export_spans(&self, spans: Vec<SpanData>) -> Answer {
        self.0.lock().spans.extend(spans);
        Ok(ExportResult::Success)
    }

    async fn export_metrics(&self, metrics: Vec<MetricData>) -> Answer {
        self.0.lock().metrics.extend(metrics);
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, logs: Vec<LogData>) -> Answer {
        self.0.lock().logs.extend(logs);
        Ok(ExportResult::Success)
    }
}
