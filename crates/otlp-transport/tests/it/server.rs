//! A scripted server to send to, over HTTP/1.1, HTTP/2 and TLS.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use otlp_transport::Protocol;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

use crate::response::{Script, accepted};

/// A request as the server got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) version: http::Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What the server does about a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Respond(Response<Script>),
    /// No response: an HTTP/1.1 connection is closed, an HTTP/2 stream is reset.
    Break,
    /// Nothing at all, ever.
    Silence,
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

/// A scripted server on a port that the kernel chose. Ends, connections included, when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    handler: Box<Handler>,
    seen: Mutex<Vec<Seen>>,
    news: Notify,
    accepts: AtomicUsize,
    closed: AtomicUsize,
}

impl Server {
    /// Speaks what `protocol` speaks without TLS.
    pub(crate) async fn start(protocol: Protocol, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Server::start_at("127.0.0.1:0".parse().unwrap(), protocol, handler).await
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        protocol: Protocol,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let http2 = protocol == Protocol::Grpc;
        Server::listen(address, handler, move |stream, shared| serve(stream, http2, None, shared)).await
    }

    /// Speaks HTTP/2, and allows so many concurrent streams on a connection.
    pub(crate) async fn start_with_streams(
        streams: u32,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Server::start_with_streams_of(Protocol::Grpc, streams, handler).await
    }

    /// Speaks what `protocol` speaks without TLS, and if that has streams, allows so many on a connection.
    pub(crate) async fn start_with_streams_of(
        protocol: Protocol,
        streams: u32,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let http2 = protocol == Protocol::Grpc;
        let address = "127.0.0.1:0".parse().unwrap();
        Server::listen(address, handler, move |stream, shared| serve(stream, http2, Some(streams), shared)).await
    }

    /// Speaks TLS, and what was negotiated.
    pub(crate) async fn start_tls(
        tls: Arc<rustls::ServerConfig>,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let acceptor = tokio_rustls::TlsAcceptor::from(tls);
        Server::listen("127.0.0.1:0".parse().unwrap(), handler, move |stream, shared| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    serve(stream, http2, None, shared).await;
                }
            }
        })
        .await
    }

    /// A server that accepts everything.
    pub(crate) async fn accepting(protocol: Protocol) -> Self {
        Server::start(protocol, move |_| Reply::Respond(accepted(protocol))).await
    }

    async fn listen<F>(
        address: SocketAddr,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
        serve: impl Fn(TcpStream, Arc<Shared>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            seen: Mutex::default(),
            news: Notify::new(),
            accepts: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        let accepting = shared.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepting.accepts.fetch_add(1, Ordering::SeqCst);
                accepting.news.notify_waiters();
                let connection = serve(stream, accepting.clone());
                let shared = accepting.clone();
                connections.spawn(async move {
                    connection.await;
                    shared.closed.fetch_add(1, Ordering::SeqCst);
                    shared.news.notify_waiters();
                });
            }
        });
        Server { address, shared, tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were accepted.
    pub(crate) fn accepts(&self) -> usize {
        self.shared.accepts.load(Ordering::SeqCst)
    }

    /// How many connections have been closed.
    pub(crate) fn closed(&self) -> usize {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Waits until `count` connections have been accepted.
    pub(crate) async fn wait_for_accepts(&self, count: usize) {
        self.wait_until(|shared| shared.accepts.load(Ordering::SeqCst) >= count).await;
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits until `count` requests have come in full.
    pub(crate) async fn wait_for(&self, count: usize) {
        self.wait_until(|shared| shared.seen.lock().unwrap().len() >= count).await;
    }

    /// Waits until `count` connections have been closed.
    pub(crate) async fn wait_for_closed(&self, count: usize) {
        self.wait_until(|shared| shared.closed.load(Ordering::SeqCst) >= count).await;
    }

    async fn wait_until(&self, condition: impl Fn(&Shared) -> bool) {
        loop {
            let news = self.shared.news.notified();
            if condition(&self.shared) {
                return;
            }
            news.await;
        }
    }

    /// Closes the port and all connections.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn serve<S>(stream: S, http2: bool, streams: Option<u32>, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, shared.clone()));
    let io = TokioIo::new(stream);
    // How a connection ends is the business of the client under test.
    let _ = if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        if let Some(streams) = streams {
            builder.max_concurrent_streams(streams);
        }
        builder.serve_connection(io, service).await
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
    };
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Script>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path_and_query().unwrap().to_string();
    let seen = Seen { path, version: head.version, headers: head.headers, body };
    let reply = (shared.handler)(&seen);
    shared.seen.lock().unwrap().push(seen);
    shared.news.notify_waiters();
    match reply {
        Reply::Respond(response) => Ok(response),
        Reply::Break => Err(io::ErrorKind::ConnectionReset.into()),
        Reply::Silence => match std::future::pending::<Infallible>().await {},
    }
}
