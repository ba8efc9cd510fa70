//! OTLP over HTTP: three paths, two content types, `google.rpc.Status` as the body of errors.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
    header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
    request::Parts,
};
use hyper::body::Incoming;
use otlp_core::Signal;
use prost::Message;
use serde_json::json;

use super::{
    answer::{AnswerBody, StreamReset},
    context::Context,
    export::{self, Export, Verdict},
    headers::{content_type, encoding},
};
use crate::{
    Answer, Encoding, Protocol,
    compression::ACCEPTED,
    failure::Failure,
    limits::Reservation,
    message::{
        collector::{ExportPartialSuccess, ExportServiceResponse},
        rpc,
    },
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/v1/traces" => Some(Signal::Traces),
        "/v1/metrics" => Some(Signal::Metrics),
        "/v1/logs" => Some(Signal::Logs),
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
    let signal = signal(parts.uri.path());
    let protocol = match content_type(&headers) {
        Some(name) if name.eq_ignore_ascii_case(PROTOBUF) => Some(Protocol::HttpProtobuf),
        Some(name) if name.eq_ignore_ascii_case(JSON) => Some(Protocol::HttpJson),
        _ => None,
    };
    let encoding = encoding(&headers, &CONTENT_ENCODING);
    let id = requests.begin(context.control.id(), context.tls, parts.uri.path(), headers);
    requests.update(id, |record| {
        (record.protocol, record.signal, record.encoding) = (protocol, signal, encoding);
    });
    let asked = Asked { id, signal, protocol, encoding };
    let verdict = match receive(&context, &asked, &parts, request).await {
        Ok((export, reservation)) => export::export(&context, export, reservation).await?,
        Err(failure) => Verdict::Failed(failure),
    };
    // Who sent something else is told in protobuf: what most senders of OTLP read.
    let words = Words { signal, is_json: protocol == Some(Protocol::HttpJson) };
    let is_http2 = parts.version == Version::HTTP_2;
    let mut response = words.response(&context, verdict, is_http2);
    if context.too_many && !is_http2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status().as_u16();
    requests.update(id, |record| record.answer = Some(Answer::Http(status)));
    Ok(response.map(|body| body.noted_in(requests, id)))
}

/// What the path and the headers ask for, as far as it is known here.
struct Asked {
    id: u64,
    signal: Option<Signal>,
    protocol: Option<Protocol>,
    encoding: Option<Encoding>,
}

async fn receive(
    context: &Context,
    asked: &Asked,
    parts: &Parts,
    request: Incoming,
) -> Result<(Export, Reservation), Failure> {
    context.admit()?;
    let failed = |status, message: &str| Failure::http(status).with_message(message);
    let signal = asked
        .signal
        .ok_or_else(|| failed(StatusCode::NOT_FOUND, "the paths are /v1/traces, /v1/metrics and /v1/logs"))?;
    if parts.method != Method::POST {
        return Err(failed(StatusCode::METHOD_NOT_ALLOWED, "the method is POST"));
    }
    let unsupported = |message: String| failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message);
    let protocol = asked.protocol.ok_or_else(|| unsupported(format!("the content types are {PROTOBUF} and {JSON}")))?;
    let encoding = asked.encoding.ok_or_else(|| unsupported(format!("the content encodings are {ACCEPTED}")))?;
    let (content, reservation) = context.body(request).await?;
    Ok((Export { id: asked.id, signal, protocol, encoding, content, framing_bytes: 0 }, reservation))
}

/// How answers are worded: in the encoding of the request.
struct Words {
    signal: Option<Signal>,
    is_json: bool,
}

impl Words {
    fn response(&self, context: &Context, verdict: Verdict, is_http2: bool) -> Response<AnswerBody> {
        let mut response = match verdict {
            Verdict::Accepted(partial_success) => Response::new(AnswerBody::whole(self.accepted(partial_success))),
            Verdict::Failed(failure) => self.failed(&failure),
            Verdict::Garbage => Response::new(AnswerBody::whole(&[0xff; 16][..])),
            Verdict::Oversized(bytes) => Response::new(AnswerBody::flood(Bytes::new(), bytes, None)),
            Verdict::Reset(scope) => {
                Response::new(AnswerBody::broken(&[0][..], export::breaks(context, scope, is_http2)))
            }
        };
        let content_type = HeaderValue::from_static(if self.is_json { JSON } else { PROTOBUF });
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }

    fn accepted(&self, partial_success: Option<ExportPartialSuccess>) -> Vec<u8> {
        if !self.is_json {
            return ExportServiceResponse { partial_success }.encode_to_vec();
        }
        let Some(partial) = partial_success else { return b"{}".to_vec() };
        let rejected = match self.signal {
            Some(Signal::Metrics) => "rejectedDataPoints",
            Some(Signal::Logs) => "rejectedLogRecords",
            Some(Signal::Traces) | None => "rejectedSpans",
        };
        // 64-bit integers are strings in protobuf's JSON.
        let partial = json!({ rejected: partial.rejected.to_string(), "errorMessage": partial.error_message });
        json!({ "partialSuccess": partial }).to_string().into_bytes()
    }

    fn failed(&self, failure: &Failure) -> Response<AnswerBody> {
        let status = failure.to_status();
        let body = if self.is_json { status_json(&status) } else { status.encode_to_vec() };
        let mut response = Response::new(AnswerBody::whole(body));
        *response.status_mut() = failure.status;
        let headers = response.headers_mut();
        match failure.status {
            StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
            }
            _ => {}
        }
        // Digits or an HTTP date: always a valid value.
        if let Some(value) = failure.retry_after().and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(RETRY_AFTER, value);
        }
        response
    }
}

/// Without the details, whose JSON form needs their types: `Retry-After` says the same.
fn status_json(status: &rpc::Status) -> Vec<u8> {
    json!({ "code": status.code, "message": status.message }).to_string().into_bytes()
}
