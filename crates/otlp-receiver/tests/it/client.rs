//! A client that hides nothing: one connection, requests as they are, answers with headers, body and trailers.

use std::{io::Write, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use otlp_core::Signal;
use otlp_receiver::Encoding;
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// Long enough for any machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// There was no whole answer.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Whether its headers were there.
    pub(crate) after_headers: bool,
}

impl Client {
    pub(crate) async fn http1(address: SocketAddr) -> Self {
        Client::http1_on(TcpStream::connect(address).await.unwrap()).await
    }

    pub(crate) async fn http2(address: SocketAddr) -> Self {
        Client::http2_on(TcpStream::connect(address).await.unwrap()).await
    }

    pub(crate) async fn http1_on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Client::Http1(sender)
    }

    pub(crate) async fn http2_on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Client::Http2(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, Broken> {
        let answer = async {
            let response = match self {
                Client::Http1(sender) => sender.send_request(request).await,
                Client::Http2(sender) => sender.send_request(request).await,
            };
            let (parts, body) = response.map_err(|_| Broken { after_headers: false })?.into_parts();
            let body = body.collect().await.map_err(|_| Broken { after_headers: true })?;
            let trailers = body.trailers().cloned().unwrap_or_default();
            Ok(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes(), trailers })
        };
        tokio::time::timeout(PATIENCE, answer).await.expect("an answer, or none, in time")
    }

    /// An export over gRPC, uncompressed.
    pub(crate) async fn grpc(&mut self, signal: Signal, message: Vec<u8>) -> Result<Reply, Broken> {
        self.send(grpc_request(signal, Encoding::Identity, message)).await
    }

    /// An export over HTTP/protobuf, uncompressed.
    pub(crate) async fn http(&mut self, signal: Signal, message: Vec<u8>) -> Result<Reply, Broken> {
        self.send(http_request(signal, "application/x-protobuf", Encoding::Identity, message)).await
    }
}

impl Reply {
    /// The value of `grpc-status`, in the trailers or, without a body, in the headers.
    pub(crate) fn grpc_status(&self) -> i32 {
        assert_eq!(self.status, StatusCode::OK);
        assert_eq!(self.headers["content-type"], "application/grpc");
        let status = self.trailers.get("grpc-status").or(self.headers.get("grpc-status"));
        status.expect("a grpc-status").to_str().unwrap().parse().unwrap()
    }

    /// Rejected items and message of a partial success over gRPC. (The three responses are the same on the wire.)
    pub(crate) fn grpc_partial_success(&self) -> Option<(i64, String)> {
        assert_eq!(self.body[0], 0);
        partial_success(&self.body[5..])
    }

    /// As [`Reply::grpc_partial_success`], over HTTP/protobuf.
    pub(crate) fn http_partial_success(&self) -> Option<(i64, String)> {
        partial_success(&self.body)
    }
}

fn partial_success(message: &[u8]) -> Option<(i64, String)> {
    let partial = ExportTraceServiceResponse::decode(message).unwrap().partial_success?;
    Some((partial.rejected_spans, partial.error_message))
}

pub(crate) fn grpc_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

pub(crate) fn grpc_frame(encoding: Encoding, message: &[u8]) -> Vec<u8> {
    let content = compress(encoding, message);
    let mut framed = vec![u8::from(encoding != Encoding::Identity)];
    framed.extend((content.len() as u32).to_be_bytes());
    framed.extend(content);
    framed
}

pub(crate) fn grpc_request(signal: Signal, encoding: Encoding, message: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("http://localhost{}", grpc_path(signal)))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if encoding != Encoding::Identity {
        request = request.header("grpc-encoding", name(encoding));
    }
    request.body(grpc_frame(encoding, &message).into()).unwrap()
}

pub(crate) fn http_request(
    signal: Signal,
    content_type: &str,
    encoding: Encoding,
    body: Vec<u8>,
) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("/v1/{signal}")).header("host", "localhost");
    request = request.header("content-type", content_type);
    if encoding != Encoding::Identity {
        request = request.header("content-encoding", name(encoding));
    }
    request.body(compress(encoding, &body).into()).unwrap()
}

fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Identity => "identity",
        Encoding::Gzip => "gzip",
        Encoding::Zstd => "zstd",
    }
}

fn compress(encoding: Encoding, content: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => content.to_vec(),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Zstd => zstd::encode_all(content, 1).unwrap(),
    }
}
