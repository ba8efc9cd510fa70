//! The null receiver: a process that answers OK to every OTLP request, over gRPC and HTTP, and counts what was in it.
//!
//! It is as cheap as a receiver can be, so that on a machine with few cores it takes little from the one under
//! measurement. `GET /counts` tells the counts, `POST /reset` sets them to zero. It ends when its standard input does,
//! so it never outlives the process that started it.

mod control;
mod count;

use std::{
    convert::Infallible,
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

pub(crate) use self::control::NullReceiver;
use crate::{Failure, frame_body::FrameBody};

/// What was received since the last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Spans.
    pub(crate) spans: u64,
    /// Log records.
    pub(crate) log_records: u64,
    /// Data points of metrics.
    pub(crate) data_points: u64,
    /// Requests of all signals.
    pub(crate) requests: u64,
    /// Bytes of protobuf in them.
    pub(crate) bytes: u64,
}

#[derive(Default)]
struct Counters {
    spans: AtomicU64,
    log_records: AtomicU64,
    data_points: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    fn counts(&self) -> Counts {
        Counts {
            spans: self.spans.load(Relaxed),
            log_records: self.log_records.load(Relaxed),
            data_points: self.data_points.load(Relaxed),
            requests: self.requests.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    fn reset(&self) {
        for counter in [&self.spans, &self.log_records, &self.data_points, &self.requests, &self.bytes] {
            counter.store(0, Relaxed);
        }
    }

    fn add(&self, signal: Signal, message: &[u8]) -> Result<(), Failure> {
        match signal {
            Signal::Spans => self.spans.fetch_add(count::items(message)?, Relaxed),
            Signal::LogRecords => self.log_records.fetch_add(count::items(message)?, Relaxed),
            Signal::Metrics => self.data_points.fetch_add(count::data_points(message)?, Relaxed),
        };
        self.requests.fetch_add(1, Relaxed);
        self.bytes.fetch_add(message.len() as u64, Relaxed);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Spans,
    LogRecords,
    Metrics,
}

impl Signal {
    fn of_path(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Signal::Spans,
            "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Signal::LogRecords,
            "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Signal::Metrics,
            _ => return None,
        })
    }
}

/// Serves on a port of the kernel's choice, which it prints first, until standard input ends.
pub(crate) fn run() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", listener.local_addr()?)?;
        stdout.flush()?;
        let (ended, parent_is_gone) = tokio::sync::oneshot::channel::<()>();
        thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = ended.send(());
        });
        tokio::select! {
            served = serve(listener) => served,
            _ = parent_is_gone => Ok(()),
        }
    })
}

async fn serve(listener: TcpListener) -> Result<(), Failure> {
    let counters = Arc::new(Counters::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let counters = Arc::clone(&counters);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&counters), request));
            // A connection that breaks shows as items not delivered; there is nothing else to do about it here.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(counters: Arc<Counters>, request: Request<Incoming>) -> Result<Response<FrameBody>, Infallible> {
    let is_grpc =
        request.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let signal = Signal::of_path(request.uri().path());
    Ok(match (request.method(), request.uri().path(), signal) {
        (&Method::GET, "/counts", _) => match serde_json::to_vec(&counters.counts()) {
            Ok(json) => plain(StatusCode::OK, json.into()),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
        },
        (&Method::POST, "/reset", _) => {
            counters.reset();
            plain(StatusCode::OK, Bytes::new())
        }
        (&Method::POST, _, Some(signal)) => match receive(&counters, signal, is_grpc, request).await {
            Ok(()) if is_grpc => grpc("0"),
            Ok(()) => plain(StatusCode::OK, Bytes::new()),
            Err(_) if is_grpc => grpc("3"),
            Err(_) => plain(StatusCode::BAD_REQUEST, Bytes::new()),
        },
        _ => plain(StatusCode::NOT_FOUND, Bytes::new()),
    })
}

async fn receive(
    counters: &Counters,
    signal: Signal,
    is_grpc: bool,
    request: Request<Incoming>,
) -> Result<(), Failure> {
    let body = request.into_body().collect().await?.to_bytes();
    if !is_grpc {
        return counters.add(signal, &body);
    }
    let (header, message) = body.split_first_chunk::<5>().ok_or("no gRPC message")?;
    let [compressed, length @ ..] = *header;
    if compressed != 0 || u32::from_be_bytes(length) as usize != message.len() {
        return Err("not one uncompressed gRPC message".into());
    }
    counters.add(signal, message)
}

fn plain(status: StatusCode, body: Bytes) -> Response<FrameBody> {
    let mut response = Response::new(FrameBody::new([Frame::data(body)]));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    response
}

/// An empty message, which is a successful export response, and the status in the trailers.
fn grpc(status: &'static str) -> Response<FrameBody> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let empty_message = Bytes::from_static(&[0; 5]);
    let mut response = Response::new(FrameBody::new([Frame::data(empty_message), Frame::trailers(trailers)]));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
