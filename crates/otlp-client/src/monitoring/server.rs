//! The HTTP server of the health endpoint, on the client's background thread.
//!
//! It shares that thread with the delivery, so everything that a stranger can make it do is bounded: connections, header
//! bytes, time. A connection serves one request and is closed; bodies are never read. The port is the kernel's to queue
//! for: what comes while all places are taken waits there.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

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
    sync::Semaphore,
};

use super::{MonitoringError, Source, exposition, prometheus, settings::Exports};

/// How many connections are served at a time.
const MOST_CONNECTIONS: usize = 32;

/// How long a client may take to say what it wants.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may last, the answer included.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes the head of a request may have.
const MOST_HEADER_BYTES: usize = 16 << 10;

const MOST_HEADERS: usize = 64;

/// After an accept that failed, as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served.
pub(super) struct Site {
    pub(super) health: HealthChecker,
    pub(super) source: Arc<Source>,
    pub(super) exports: Exports,
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
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // Never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    serve(stream, site).await;
                    drop(place);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

async fn serve(stream: TcpStream, site: Arc<Site>) {
    let service = service_fn(move |request: Request<Incoming>| {
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
    let page = if path == site.path {
        health(site, Probe::Liveness)
    } else {
        match path {
            "/ready" => health(site, Probe::Readiness),
            "/metrics" => (StatusCode::OK, exposition::CONTENT_TYPE, prometheus::page(&site.source, site.exports)),
            _ => {
                let pages = format!("there are {}, /ready and /metrics\n", site.path);
                (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", pages)
            }
        }
    };
    let (status, content_type, body) = match *method {
        Method::GET | Method::HEAD => page,
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "GET and HEAD\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn health(site: &Site, probe: Probe) -> (StatusCode, &'static str, String) {
    let rendered = site.health.status().render(probe);
    let status = StatusCode::from_u16(rendered.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, rendered.content_type, rendered.body)
}
