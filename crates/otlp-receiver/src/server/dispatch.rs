//! Which protocol a request speaks, and its entry in the log of requests.

use http::{
    HeaderMap, Request, Response,
    header::{CONTENT_TYPE, HeaderName},
};
use hyper::body::Incoming;

use super::{
    answer::{AnswerBody, StreamReset},
    connection::Context,
    grpc, http as http_protocol,
};
use crate::Encoding;

/// Answers a request. An error makes the HTTP layer reset the stream, or the connection of HTTP/1.
pub(super) async fn answer(context: Context, request: Request<Incoming>) -> Result<Response<AnswerBody>, StreamReset> {
    let (mut parts, body) = request.into_parts();
    let headers = std::mem::take(&mut parts.headers);
    let is_grpc = content_type(&headers).is_some_and(|name| name.starts_with("application/grpc"));
    // On a port that speaks gRPC alone, everything is gRPC and told so.
    if (is_grpc && context.speaks.grpc()) || !context.speaks.http() {
        grpc::answer(context, parts, headers, body).await
    } else {
        http_protocol::answer(context, parts, headers, body).await
    }
}

/// The media type without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// The compression that a header names; `None` if it is not one that we know.
pub(super) fn encoding(headers: &HeaderMap, name: &HeaderName) -> Option<Encoding> {
    let name = headers.get(name).map_or(Some("identity"), |value| value.to_str().ok());
    name.and_then(Encoding::from_name)
}
