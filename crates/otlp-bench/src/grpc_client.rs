//! The least a gRPC client can be: unary calls with ready-made bytes over hyper's HTTP/2.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Request, Uri,
    client::conn::http2::{Builder, SendRequest},
    header::{CONTENT_TYPE, HeaderValue, TE},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::{Failure, frame_body::FrameBody};

/// The method that takes spans.
pub(crate) const EXPORT_TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The method that takes log records.
pub(crate) const EXPORT_LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// The method that takes metrics.
pub(crate) const EXPORT_METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// One connection, for one method.
#[derive(Clone)]
pub(crate) struct GrpcClient {
    connection: SendRequest<FrameBody>,
    uri: Uri,
}

impl GrpcClient {
    /// Connects to `receiver` (host and port).
    pub(crate) async fn connect(receiver: &str, method: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(receiver).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await?;
        // Its errors come out at the requests as well.
        tokio::spawn(driver);
        Ok(GrpcClient { connection, uri: format!("http://{receiver}{method}").parse()? })
    }

    /// Calls the method with a message of these parts; anything but status 0 is an error.
    pub(crate) async fn call<const N: usize>(&mut self, message: [Bytes; N]) -> Result<(), Failure> {
        self.connection.ready().await?;
        let mut request = Request::post(self.uri.clone()).body(FrameBody::grpc(message))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        let response = self.connection.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        match status(&head.headers).or_else(|| body.trailers().and_then(status)) {
            Some("0") => Ok(()),
            other => Err(format!("gRPC status {other:?}").into()),
        }
    }
}

fn status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status")?.to_str().ok()
}
