//! gRPC over HTTP/2: the three collector services, one unary method each, framed by hand.
//!
//! Every answer is HTTP 200 with a `grpc-status`, but for what is no gRPC at all.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header::CONTENT_TYPE, request::Parts,
};
use hyper::body::Incoming;
use otlp_core::Signal;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost::Message;

use super::{
    answer::{AnswerBody, StreamReset},
    context::Context,
    export::{self, Export, Verdict},
    headers::{content_type, encoding},
};
use crate::{
    Answer, Encoding, Protocol,
    compression::ACCEPTED,
    failure::{Failure, GrpcCode},
    limits::Reservation,
    message::collector::ExportServiceResponse,
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// A flag and four bytes of length before each message.
const FRAME_HEADER: usize = 5;

/// What `grpc-message` percent-encodes: all but printable ASCII, and the percent sign.
const MESSAGE_ESCAPES: &AsciiSet = &CONTROLS.add(b'%');
/// `grpc-message` is cut here: HTTP/2 peers bound their headers.
const MAX_MESSAGE: usize = 1024;

/// The signal of a method's path, if it is one of ours.
fn signal(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

/// Answers a request.
pub(super) async fn answer(
    context: Context,
    parts: Parts,
    headers: HeaderMap,
    request: Incoming,
) -> Result<Response<AnswerBody>, StreamReset> {
    let requests = context.shared.requests.clone();
    let encoding = encoding(&headers, &GRPC_ENCODING);
    let is_grpc = matches!(content_type(&headers), Some("application/grpc" | "application/grpc+proto"));
    let id = requests.begin(context.control.id(), context.tls, parts.uri.path(), headers);
    requests.update(id, |record| {
        (record.protocol, record.signal) = (Some(Protocol::Grpc), signal(parts.uri.path()));
        record.encoding = encoding;
    });
    // What is no gRPC would not understand a gRPC status.
    let not_grpc = match (parts.version, is_grpc, &parts.method) {
        (Version::HTTP_2, true, &Method::POST) => None,
        (Version::HTTP_2, true, _) => Some(StatusCode::METHOD_NOT_ALLOWED),
        _ => Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    };
    if let Some(status) = not_grpc {
        requests.update(id, |record| record.answer = Some(Answer::Http(status.as_u16())));
        let mut response = Response::new(AnswerBody::whole("this port speaks gRPC alone\n").noted_in(requests, id));
        *response.status_mut() = status;
        return Ok(response);
    }
    let verdict = match receive(&context, id, parts.uri.path(), encoding, request).await {
        Ok((export, reservation)) => export::export(&context, export, reservation).await?,
        Err(failure) => Verdict::Failed(failure),
    };
    let status = if let Verdict::Failed(failure) = &verdict { failure.code.number() } else { 0 };
    requests.update(id, |record| record.answer = Some(Answer::Grpc(status)));
    Ok(response(&context, verdict, |body| body.noted_in(requests, id)))
}

async fn receive(
    context: &Context,
    id: u64,
    path: &str,
    encoding: Option<Encoding>,
    request: Incoming,
) -> Result<(Export, Reservation), Failure> {
    context.admit()?;
    let unimplemented = |message: String| Failure::grpc(GrpcCode::Unimplemented).with_message(message);
    let signal = signal(path).ok_or_else(|| unimplemented(format!("there is no method {path}")))?;
    let encoding = encoding.ok_or_else(|| unimplemented(format!("grpc-encoding: accepted are {ACCEPTED}")))?;
    let (body, reservation) = context.body(request).await?;
    let (is_compressed, content) = unframe(body)?;
    let encoding = if is_compressed { encoding } else { Encoding::Identity };
    let export = Export { id, signal, protocol: Protocol::Grpc, encoding, content, framing_bytes: FRAME_HEADER };
    Ok((export, reservation))
}

/// The one message of a unary request, and whether it is compressed.
fn unframe(body: Bytes) -> Result<(bool, Bytes), Failure> {
    let malformed = |message: &str| Failure::grpc(GrpcCode::InvalidArgument).with_message(message);
    let header: [u8; FRAME_HEADER] =
        body.get(..FRAME_HEADER).and_then(|header| header.try_into().ok()).ok_or_else(|| malformed("no message"))?;
    let [flag, length @ ..] = header;
    let content = body.slice(FRAME_HEADER..);
    if content.len() as u64 != u64::from(u32::from_be_bytes(length)) {
        return Err(malformed("the message's length is not that of the body"));
    }
    match flag {
        0 => Ok((false, content)),
        1 => Ok((true, content)),
        _ => Err(malformed("the message's flag is neither 0 nor 1")),
    }
}

fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(FRAME_HEADER + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

fn response(context: &Context, verdict: Verdict, noted: impl FnOnce(AnswerBody) -> AnswerBody) -> Response<AnswerBody> {
    let success = || {
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        trailers
    };
    let mut headers = HeaderMap::new();
    let body = match verdict {
        Verdict::Accepted(partial_success) => {
            let message = ExportServiceResponse { partial_success }.encode_to_vec();
            AnswerBody::with_trailers(frame(&message), success())
        }
        Verdict::Failed(failure) => {
            // "Trailers-only": the status stands in the headers, and there is no body.
            put_failure(&mut headers, &failure);
            AnswerBody::whole(Bytes::new())
        }
        Verdict::Garbage => AnswerBody::with_trailers(frame(&[0xff; 16]), success()),
        Verdict::Oversized(bytes) => {
            let mut header = BytesMut::with_capacity(FRAME_HEADER);
            header.put_u8(0);
            header.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
            AnswerBody::flood(header, bytes, Some(success()))
        }
        Verdict::Reset(scope) => AnswerBody::broken(&[0][..], export::breaks(context, scope, true)),
    };
    let mut response = Response::new(noted(body));
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
    response
}

fn put_failure(headers: &mut HeaderMap, failure: &Failure) {
    headers.insert(GRPC_STATUS, HeaderValue::from(failure.code.number()));
    let mut end = failure.message.len().min(MAX_MESSAGE);
    while !failure.message.is_char_boundary(end) {
        end -= 1;
    }
    let message = utf8_percent_encode(&failure.message[..end], MESSAGE_ESCAPES).to_string();
    let status = failure.to_status();
    let details = (!status.details.is_empty()).then(|| STANDARD_NO_PAD.encode(status.encode_to_vec()));
    for (name, value) in [(GRPC_MESSAGE, Some(message)), (GRPC_DETAILS, details)] {
        // Both are printable ASCII by now.
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_is_written_and_nothing_else_is() {
        assert_eq!(unframe(frame(b"abc")).unwrap(), (false, Bytes::from_static(b"abc")));
        for wrong in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x04abc", b"\0\0\0\0\x02abc", b"\x02\0\0\0\x03abc"] {
            let failure = unframe(Bytes::from_static(wrong)).unwrap_err();
            assert_eq!(failure.code(), GrpcCode::InvalidArgument);
        }
    }

    #[test]
    fn a_message_of_any_text_becomes_a_header() {
        let mut headers = HeaderMap::new();
        let text = format!("50 % \n ä{}", "ö".repeat(2000));
        put_failure(&mut headers, &Failure::grpc(GrpcCode::Internal).with_message(text));
        let value = headers.get("grpc-message").unwrap().to_str().unwrap();
        assert!(value.starts_with("50 %25 %0A %C3%A4%C3%B6"), "{value}");
    }
}
