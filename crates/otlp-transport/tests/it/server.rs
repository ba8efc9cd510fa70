//! Servers to send to: a scripted hyper server, and a raw one that speaks bytes.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use otlp_transport::Protocol;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

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

/// A response body, frame by frame.
#[derive(Debug, Default)]
pub(crate) struct Script {
    frames: VecDeque<Frame<Bytes>>,
    endless: bool,
}

impl Script {
    pub(crate) fn of(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let frames = if data.is_empty() { VecDeque::new() } else { [Frame::data(data)].into() };
        Script { frames, endless: false }
    }

    pub(crate) fn trailers(mut self, trailers: HeaderMap) -> Self {
        self.frames.push_back(Frame::trailers(trailers));
        self
    }

    /// Takes the first frame out, to be changed and put back.
    pub(crate) fn take_data(&mut self) -> Bytes {
        self.frames.pop_front().and_then(|frame| frame.into_data().ok()).unwrap_or_default()
    }

    pub(crate) fn put_data(&mut self, data: Vec<u8>) {
        self.frames.push_front(Frame::data(data.into()));
    }

    /// Never ends.
    pub(crate) fn then_silence(mut self) -> Self {
        self.endless = true;
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.frames.pop_front() {
            None if self.endless => Poll::Pending,
            frame => Poll::Ready(frame.map(Ok)),
        }
    }
}

/// A response with these headers and this body.
pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Script> {
    let mut response = Response::new(Script::of(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = fields(headers);
    response
}

pub(crate) fn fields(fields: &[(&str, &str)]) -> HeaderMap {
    let pairs = fields
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap()));
    pairs.collect()
}

/// A gRPC response with a message and its status in the trailers.
pub(crate) fn grpc(message: &[u8], trailers: &[(&str, &str)]) -> Response<Script> {
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    let mut response = respond(200, &[("content-type", "application/grpc")], body);
    let script = std::mem::take(response.body_mut());
    *response.body_mut() = script.trailers(fields(trailers));
    response
}

/// The response with which a receiver of `protocol` accepts everything.
pub(crate) fn accepted(protocol: Protocol) -> Response<Script> {
    match protocol {
        Protocol::Grpc => grpc(b"", &[("grpc-status", "0")]),
        Protocol::HttpProtobuf => respond(200, &[("content-type", "application/x-protobuf")], ""),
        Protocol::HttpJson => respond(200, &[("content-type", "application/json")], "{}"),
    }
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

/// A server that reads until `enough` says so and then writes `answer`; ends the connection or leaves it open.
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    accepts: Arc<AtomicUsize>,
    read: Arc<Notify>,
    _task: JoinSet<()>,
}

impl RawServer {
    pub(crate) async fn start(
        enough: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
        answer: impl Into<Vec<u8>>,
        close: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer.into());
        let enough = Arc::new(enough);
        let accepts = Arc::new(AtomicUsize::new(0));
        let read = Arc::new(Notify::new());
        let mut task = JoinSet::new();
        let (count, signal) = (accepts.clone(), read.clone());
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (enough, answer, signal) = (enough.clone(), answer.clone(), signal.clone());
                connections.spawn(async move {
                    let mut got = Vec::new();
                    while !enough(&got) {
                        if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    signal.notify_one();
                    let _ = stream.write_all(&answer).await;
                    if close {
                        let _ = stream.shutdown().await;
                        // Reads to the end, since closing with unread bytes would reset the connection and destroy
                        // the answer on its way.
                        while stream.read_buf(&mut got).await.unwrap_or(0) > 0 {}
                    } else {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        RawServer { address, accepts, read, _task: task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn accepts(&self) -> usize {
        self.accepts.load(Ordering::SeqCst)
    }

    /// Waits until a connection has been read from far enough.
    pub(crate) async fn wait_for_request(&self) {
        self.read.notified().await;
    }
}

/// An HTTP/2 frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The SETTINGS frame with which a server begins.
pub(crate) fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

/// Whether an HTTP/2 client has sent the end of its first stream.
pub(crate) fn http2_request_sent(bytes: &[u8]) -> bool {
    const PREFACE: usize = 24;
    let mut rest = bytes.get(PREFACE..).unwrap_or_default();
    while let [a, b, c, kind, flags, _, _, _, _, payload @ ..] = rest {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(next) = payload.get(len..) else { return false };
        if *kind == 0 && flags & 1 == 1 {
            return true;
        }
        rest = next;
    }
    false
}

/// Whether an HTTP/1.1 client has sent a request with a `content-length` in full.
pub(crate) fn http1_request_sent(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let len: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    bytes.len() >= head.len() + 4 + len
}
