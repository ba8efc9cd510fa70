//! An exporter of your own beside the OTLP endpoint: it speaks JSON to an HTTP backend with its own format and its own
//! answers. A backend that asks for a pause is asked again, a backend that takes only some items is believed, and both
//! are in the ledger of the exporter, apart from that of OTLP.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use otlp::{
    core::{EnhancedOtlpClient, ExportResult, Exporter, async_trait},
    data::{LogData, MetricData, Severity, SpanData},
};
use otlp_receiver::Receiver;
use serde::{Deserialize, Serialize};

/// A span in the backend's own format.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct BackendSpan {
    trace_id: String,
    span_id: String,
    name: String,
    micros: u64,
    is_error: bool,
}

/// What the backend says of a request that it took.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    refused: u64,
    why: String,
}

/// Sends everything as JSON to `{endpoint}/spans`, `/metrics` and `/logs`.
struct JsonExporter {
    endpoint: String,
    token: String,
    http: reqwest::Client,
}

type Answer = Result<ExportResult, Box<dyn Error + Send + Sync>>;

impl JsonExporter {
    async fn send<T: Serialize + Sync>(&self, path: &str, items: &T) -> Answer {
        let request = self.http.post(format!("{}/{path}", self.endpoint)).bearer_auth(&self.token).json(items);
        // An error of the connection is one that may pass: the client tries again.
        let response = request.send().await?;
        match response.status() {
            status if status.is_success() => {
                let taken: Taken = response.json().await?;
                Ok(match taken.refused {
                    0 => ExportResult::Success,
                    rejected => ExportResult::PartialSuccess { rejected, message: taken.why },
                })
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                let seconds =
                    response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                Ok(ExportResult::Retry { after: seconds.map(Duration::from_secs) })
            }
            _ => Ok(ExportResult::Failure),
        }
    }
}

#[async_trait]
impl Exporter for JsonExporter {
    fn name(&self) -> String {
        "json backend".into()
    }

    async fn export_spans(&self, spans: Vec<SpanData>) -> Answer {
        let spans: Vec<BackendSpan> = spans
            .into_iter()
            .map(|span| BackendSpan {
                trace_id: span.trace_id.to_string(),
                span_id: span.span_id.to_string(),
                micros: (span.end_time - span.start_time) / 1_000,
                is_error: span.status.code == otlp::data::StatusCode::Error,
                name: span.name,
            })
            .collect();
        self.send("spans", &spans).await
    }

    async fn export_metrics(&self, metrics: Vec<MetricData>) -> Answer {
        let names: Vec<(String, String)> =
            metrics.iter().map(|metric| (metric.name.clone(), format!("{:?}", metric.metric_type()))).collect();
        self.send("metrics", &names).await
    }

    async fn export_logs(&self, logs: Vec<LogData>) -> Answer {
        let lines: Vec<String> = logs.iter().map(|log| format!("{} {:?}", log.severity, log.body)).collect();
        self.send("logs", &lines).await
    }
}

/// The backend: refuses whoever has no token, is not ready for its first spans, and takes no errors.
#[derive(Clone, Default)]
struct Backend(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    requests_for_spans: u32,
    spans: Vec<BackendSpan>,
    metrics: Vec<(String, String)>,
    logs: Vec<String>,
}

impl Backend {
    async fn serve(self) -> Result<SocketAddr, Box<dyn Error>> {
        let routes = Router::new()
            .route("/spans", post(Backend::spans))
            .route("/metrics", post(Backend::metrics))
            .route("/logs", post(Backend::logs))
            .with_state(self);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(address)
    }

    async fn spans(
        State(backend): State<Backend>,
        headers: HeaderMap,
        Json(spans): Json<Vec<BackendSpan>>,
    ) -> Response {
        if headers.get(header::AUTHORIZATION).is_none_or(|token| token != "Bearer a-token") {
            return StatusCode::FORBIDDEN.into_response();
        }
        let mut stored = backend.0.lock().expect("no handler panics");
        stored.requests_for_spans += 1;
        if stored.requests_for_spans == 1 {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response();
        }
        let (errors, good): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.is_error);
        stored.spans.extend(good);
        Json(Taken { refused: errors.len() as u64, why: "this backend takes no errors".into() }).into_response()
    }

    async fn metrics(State(backend): State<Backend>, Json(metrics): Json<Vec<(String, String)>>) -> Json<Taken> {
        backend.0.lock().expect("no handler panics").metrics.extend(metrics);
        Json(Taken { refused: 0, why: String::new() })
    }

    async fn logs(State(backend): State<Backend>, Json(logs): Json<Vec<String>>) -> Json<Taken> {
        backend.0.lock().expect("no handler panics").logs.extend(logs);
        Json(Taken { refused: 0, why: String::new() })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start().await?;
    let backend = Backend::default();
    let address = backend.clone().serve().await?;

    let exporter = JsonExporter {
        endpoint: format!("http://{address}"),
        token: "a-token".into(),
        http: reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?,
    };
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.grpc_endpoint())
        .with_grpc_transport()
        .with_service_name("custom-exporter-demo")
        .with_custom_exporter(Box::new(exporter))
        .build()
        .await?;

    let tracer = client.tracer("custom-exporter-test");
    for number in 0..10 {
        let mut span = tracer.start("custom-exporter-operation");
        span.set_attribute("exporter.type", "custom");
        if number % 5 == 0 {
            span.set_status(otlp::data::StatusCode::Error, "a multiple of five");
        }
        span.end();
    }
    client.meter("custom-exporter-test").u64_counter("operations").init().add(10, &());
    client.logger("custom-exporter-test").record(Severity::Info).body("all done").emit();

    let report = client.shutdown(Duration::from_secs(10)).await;
    print!("{report}");

    let stored = backend.0.lock().expect("no handler panics");
    println!("the backend was asked {} times for spans and holds {}", stored.requests_for_spans, stored.spans.len());
    assert!(stored.requests_for_spans >= 2, "it asked for a pause, and was asked again");
    assert_eq!(stored.spans.len(), 8);
    assert!(stored.spans.iter().all(|span| span.trace_id.len() == 32 && span.span_id.len() == 16));
    assert_eq!(stored.metrics.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["operations"]);
    assert_eq!(stored.logs.len(), 1);

    let ledger = |name: &str| report.ledgers.iter().find(|ledger| ledger.destination.contains(name));
    let own = ledger("json backend").ok_or("the exporter has a ledger of its own")?;
    assert_eq!((own.traces.delivered, own.traces.rejected), (8, 2));
    let otlp = ledger("otlp").ok_or("OTLP has a ledger")?;
    assert_eq!((otlp.traces.delivered, otlp.traces.rejected), (10, 0));
    assert_eq!(receiver.store().spans().len(), 10);
    Ok(())
}
