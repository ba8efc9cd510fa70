//! Requests to send, transports to send them with, and short ways to look at an outcome.

use bytes::Bytes;
use otlp_core::{
    EncodedRequest, ErrorKind, Outcome, PartialSuccess, RetryableFailure, Signal, data::SpanData, wire::encode,
};
use otlp_transport::{AnyTransport, Endpoints, Protocol, TransportConfig};

/// A valid request of `signal` with `items` empty resource entries in two segments: small, and the same in JSON.
pub(crate) fn request(signal: Signal, items: u64) -> EncodedRequest {
    let mut entry = Vec::new();
    encode::put_bytes(&mut entry, 1, b"");
    let half = items / 2;
    let segments = vec![entry.repeat(half as usize).into(), entry.repeat((items - half) as usize).into()];
    EncodedRequest::new(signal, items, segments)
}

/// A request of a little more than `len` bytes in segments of 64 KiB: one span with a long name.
pub(crate) fn large_request(len: usize) -> EncodedRequest {
    let span = SpanData { name: "x".repeat(len), ..SpanData::default() };
    let mut bytes = Vec::new();
    encode::spans(&[span], &mut bytes);
    let bytes = Bytes::from(bytes);
    let starts = (0..bytes.len()).step_by(65_536);
    let segments = starts.map(|start| bytes.slice(start..bytes.len().min(start + 65_536))).collect();
    EncodedRequest::new(Signal::Traces, 1, segments)
}

pub(crate) fn config(url: &str) -> TransportConfig {
    TransportConfig::new(Endpoints::base(url))
}

pub(crate) fn transport(protocol: Protocol, url: &str) -> AnyTransport {
    AnyTransport::new(protocol, config(url)).unwrap()
}

#[track_caller]
pub(crate) fn delivered(outcome: Outcome) -> PartialSuccess {
    match outcome {
        Outcome::Delivered(partial) => partial,
        other => panic!("not delivered: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn retryable(outcome: Outcome) -> RetryableFailure {
    match outcome {
        Outcome::Retry(failure) => failure,
        other => panic!("not retryable: {other:?}"),
    }
}

/// The kind and the message of a refusal.
#[track_caller]
pub(crate) fn refused(outcome: Outcome) -> (ErrorKind, String) {
    match outcome {
        Outcome::Refused(error) => (error.kind(), error.message().to_owned()),
        other => panic!("not refused: {other:?}"),
    }
}
