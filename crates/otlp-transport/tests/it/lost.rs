//! When an acknowledgement counts as lost, frame by frame, and what a peer betrays that speaks something else.

use otlp_core::{ErrorKind, RetryableFailure, Signal};
use otlp_transport::{Protocol, Transport};

use crate::{
    raw_server::{RawServer, frame, http1_request_sent, http2_request_sent, settings},
    requests::{request, retryable, transport},
};

const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

/// What comes of a gRPC call that is answered with these bytes after a server's SETTINGS.
async fn answered(frames: Vec<u8>) -> (RetryableFailure, usize) {
    let mut answer = settings();
    answer.extend(frames);
    let server = RawServer::start(http2_request_sent, answer, true).await;
    let outcome = transport(Protocol::Grpc, &server.url()).send(&request(Signal::Traces, 3)).await;
    (retryable(outcome), server.accepts())
}

fn go_away(last_stream: u32, reason: u32) -> Vec<u8> {
    let mut payload = last_stream.to_be_bytes().to_vec();
    payload.extend(reason.to_be_bytes());
    payload.extend(b"debug data");
    frame(GOAWAY, 0, 0, &payload)
}

fn reset(reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, 1, &reason.to_be_bytes())
}

#[tokio::test]
async fn what_http2_proves_unprocessed_is_not_lost() {
    for (frames, expected) in [
        (go_away(0, 0), "is closing the connection"),
        (go_away(0, 11), "is closing the connection"),
        (reset(7), "refused the stream"),
    ] {
        let (failure, accepts) = answered(frames).await;
        assert_eq!(failure.error.kind(), ErrorKind::Network);
        assert!(!failure.acknowledgement_lost, "{}", failure.error);
        assert!(failure.error.message().contains(expected), "{}", failure.error);
        assert_eq!(accepts, 1, "a new connection that fails is not tried again at once");
    }
}

#[tokio::test]
async fn what_http2_leaves_open_is_lost() {
    for frames in [reset(0), reset(2), reset(8), reset(11), go_away(1, 0), go_away(1, 2), vec![]] {
        let (failure, _) = answered(frames).await;
        assert_eq!(failure.error.kind(), ErrorKind::Network);
        assert!(failure.acknowledgement_lost, "{}", failure.error);
    }
}

#[tokio::test]
async fn http1_on_an_http2_connection_is_recognised() {
    let answer = &b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"[..];
    let server = RawServer::start(|bytes| bytes.len() > 24, answer, true).await;
    let outcome = transport(Protocol::Grpc, &server.url()).send(&request(Signal::Traces, 3)).await;
    let failure = retryable(outcome);
    assert_eq!(failure.error.kind(), ErrorKind::Protocol, "{}", failure.error);
    assert!(!failure.acknowledgement_lost);
    let message = failure.error.message();
    assert!(message.contains("got HTTP/1.1 400 Bad Request on an HTTP/2 connection"), "{message}");
    assert!(message.contains("http/protobuf"), "{message}");
}

#[tokio::test]
async fn http2_on_an_http1_connection_is_recognised() {
    let mut answer = settings();
    answer.extend(go_away(0, 1));
    let server = RawServer::start(http1_request_sent, answer, true).await;
    let outcome = transport(Protocol::HttpProtobuf, &server.url()).send(&request(Signal::Traces, 3)).await;
    let failure = retryable(outcome);
    assert_eq!(failure.error.kind(), ErrorKind::Protocol, "{}", failure.error);
    assert!(!failure.acknowledgement_lost);
    assert!(failure.error.message().contains("use the protocol grpc"), "{}", failure.error);
}

#[tokio::test]
async fn a_tls_alert_to_plaintext_is_recognised() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let answer = [0x15, 0x03, 0x01, 0, 2, 2, 70];
        let server = RawServer::start(|bytes| bytes.len() > 24, answer, true).await;
        let failure = retryable(transport(protocol, &server.url()).send(&request(Signal::Traces, 3)).await);
        assert_eq!(failure.error.kind(), ErrorKind::Protocol, "{}", failure.error);
        assert!(!failure.acknowledgement_lost);
        assert!(failure.error.message().contains("speaks TLS: use https://"), "{}", failure.error);
    }
}

#[tokio::test]
async fn a_port_that_hangs_up_without_a_word_is_told() {
    let server = RawServer::start(http1_request_sent, "", true).await;
    let failure = retryable(transport(Protocol::HttpProtobuf, &server.url()).send(&request(Signal::Traces, 3)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Network);
    assert!(failure.acknowledgement_lost);
    assert!(failure.error.message().contains("if the port speaks TLS, use https://"), "{}", failure.error);
}
