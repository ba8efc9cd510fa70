//! The HTTP server of the health endpoint, on the client's background thread.
//!
//! It shares that thread with the delivery, so everything that a stranger can make it do is bounded: connections, header
//! bytes, time. A connection serves one request and is closed; bodies are never read.
//!
//! While all places are taken, whoever comes gets the place of the one that has been silent for the longest: those who say
//! nothing do not keep away those who ask. Connections are taken at a pace that leaves each of them its turn, and the thread
//! to the delivery; what comes faster waits with the kernel.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use otlp_reliability::{HealthChecker, Probe};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::AbortHandle,
    time::Instant,
};

use super::{MonitoringError, Source, exposition, page::Page, prometheus, settings::Exports};

/// How many connections are served at a time.
const MOST_CONNECTIONS: usize = 32;

/// How long a client may take to say what it wants.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may last, the answer included.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes the head of a request may have.
const MOST_HEADER_BYTES: usize = 16 << 10;

const MOST_HEADERS: usize = 64;

/// How far connections are apart that are taken, but for a burst of as many as there are places.
const PACE: Duration = Duration::from_millis(2);

/// After an accept that failed, as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served.
pub(super) struct Site {
    pub(super) health: HealthChecker,
    pub(super) source: Arc<Source>,
    pub(super) exports: Exports,
    /// The page of the metrics.
    pub(super) metrics: Page,
    /// The path of the health.
    pub(super) path: String,
}

/// Serves `site` until the runtime ends; the address, with the port that the kernel chose.
pub(super) fn start(
    listener: std::net::TcpListener,
    site: Site,
    runtime: &Handle,
) -> Result<SocketAddr, MonitoringError> {
    let address = listener.local_addr();
    let within = runtime.enter();
    let bound = address.and_then(|address| Ok((address, TcpListener::from_std(listener)?)));
    drop(within);
    let (address, listener) = bound.map_err(|error| {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        MonitoringError::Bind { address: nowhere, error }
    })?;
    runtime.spawn(accept(listener, Arc::new(site)));
    Ok(address)
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let mut places = Places::default();
    // Until when what was taken so far lasts, at that pace.
    let mut taken_until = Instant::now();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let has_asked = Arc::new(AtomicBool::new(false));
                let task = tokio::spawn(serve(stream, Arc::clone(&site), Arc::clone(&has_asked))).abort_handle();
                places.take(Served { task, has_asked });
                let (now, burst) = (Instant::now(), PACE * MOST_CONNECTIONS as u32);
                taken_until = taken_until.max(now) + PACE;
                tokio::time::sleep(taken_until.duration_since(now).saturating_sub(burst)).await;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// A connection that is served.
struct Served {
    task: AbortHandle,
    /// Whether its request is there.
    has_asked: Arc<AtomicBool>,
}

/// The connections that are served, the oldest first.
#[derive(Default)]
struct Places(VecDeque<Served>);

impl Places {
    /// Gives a place to one more; if there is none, that of another.
    fn take(&mut self, new: Served) {
        self.0.retain(|served| !served.task.is_finished());
        if self.0.len() >= MOST_CONNECTIONS {
            // If all have asked, the oldest has been reading its answer for the longest.
            let silent = self.0.iter().position(|served| !served.has_asked.load(Relaxed));
            if let Some(left) = self.0.remove(silent.unwrap_or_default()) {
                left.task.abort();
            }
        }
        self.0.push_back(new);
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

async fn serve(stream: TcpStream, site: Arc<Site>, has_asked: Arc<AtomicBool>) {
    let service = service_fn(move |request: Request<Incoming>| {
        has_asked.store(true, Relaxed);
        let answer = answer(&site, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MOST_HEADER_BYTES)
        .max_headers(MOST_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever went wrong, the other side knows; there is nobody else to tell.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}

fn answer(site: &Site, method: &Method, path: &str) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (status, content_type, body) = match path {
        _ if !matches!(*method, Method::GET | Method::HEAD) => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, Bytes::from_static(b"GET and HEAD\n"))
        }
        path if path == site.path => health(site, Probe::Liveness),
        "/ready" => health(site, Probe::Readiness),
        "/metrics" => {
            let page = site.metrics.get(|| prometheus::page(&site.source, site.exports));
            (StatusCode::OK, exposition::CONTENT_TYPE, page)
        }
        _ => (StatusCode::NOT_FOUND, TEXT, format!("there are {}, /ready and /metrics\n", site.path).into()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn health(site: &Site, probe: Probe) -> (StatusCode, &'static str, Bytes) {
    let rendered = site.health.status().render(probe);
    let status = StatusCode::from_u16(rendered.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, rendered.content_type, rendered.body.into())
}
