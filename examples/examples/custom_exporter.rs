//! An exporter of your own beside the OTLP endpoint: it gets owned data, may ask for a retry, and has its own ledger.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use otlp::{
    core::{EnhancedOtlpClient, ExportResult, Exporter, async_trait},
    data::{LogData, MetricData, SpanData},
};
use otlp_receiver::Receiver;

/// Counts error spans, and is not ready at first.
struct ErrorCounter {
    calls: AtomicU64,
    errors: Arc<AtomicU64>,
}

type Answer = Result<ExportResult, Box<dyn Error + Send + Sync>>;

#[async_trait]
impl Exporter for ErrorCounter {
    fn name(&self) -> String {
        "error counter".into()
    }

    async fn export_spans(&self, spans: Vec<SpanData>) -> Answer {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            return Ok(ExportResult::Retry { after: Some(Duration::from_millis(10)) });
        }
        let errors = spans.iter().filter(|span| span.status.code == otlp::data::StatusCode::Error).count();
        self.errors.fetch_add(errors as u64, Ordering::Relaxed);
        Ok(ExportResult::Success)
    }

    async fn export_metrics(&self, _: Vec<MetricData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<LogData>) -> Answer {
        Ok(ExportResult::Success)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start().await?;
    let errors = Arc::new(AtomicU64::new(0));
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.http_endpoint())
        .with_http_json_transport()
        .with_service_name("custom")
        .with_custom_exporter(Box::new(ErrorCounter { calls: AtomicU64::new(0), errors: Arc::clone(&errors) }))
        .build()
        .await?;

    let tracer = client.tracer("custom");
    for number in 0..10 {
        let mut span = tracer.start("work");
        if number % 2 == 0 {
            span.set_status(otlp::data::StatusCode::Error, "an even number");
        }
        span.end();
    }
    let report = client.shutdown(Duration::from_secs(5)).await;
    print!("{report}");

    assert_eq!(receiver.store().spans().len(), 10);
    assert_eq!(errors.load(Ordering::Relaxed), 5);
    assert!(report.ledgers.iter().all(|ledger| ledger.traces.delivered == 10));
    Ok(())
}
