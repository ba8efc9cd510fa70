//! Which protocol a request speaks, and so who answers it.

use http::{Request, Response};
use hyper::body::Incoming;

use super::{
    answer::{AnswerBody, StreamReset},
    context::Context,
    grpc,
    headers::content_type,
    http as http_protocol,
};

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
