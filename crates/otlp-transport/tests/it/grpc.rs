//! The answers of gRPC receivers.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use otlp_core::{ErrorKind, Outcome, Signal, wire::encode};
use otlp_transport::{GrpcTransport, Protocol, Transport};

use crate::{
    raw_server::{RawServer, frame, http2_request_sent, settings},
    requests::{config, delivered, refused, request, retryable},
    response::{Script, fields, grpc, respond},
    server::{Reply, Server},
};

async fn send_to(server: &Server) -> Outcome {
    GrpcTransport::new(config(&server.url())).unwrap().send(&request(Signal::Traces, 3)).await
}

async fn outcome(reply: impl Fn() -> http::Response<Script> + Send + Sync + 'static) -> Outcome {
    let server = Server::start(Protocol::Grpc, move |_| Reply::Respond(reply())).await;
    send_to(&server).await
}

/// The status once in the trailers and once in the headers of a response without a body.
async fn both_ways(trailers: Vec<(&'static str, String)>) -> Outcome {
    let pairs = |trailers: &[(&'static str, String)]| {
        trailers.iter().map(|(name, value)| (*name, value.clone())).collect::<Vec<_>>()
    };
    let (first, second) = (pairs(&trailers), pairs(&trailers));
    let in_trailers = outcome(move || {
        let pairs: Vec<_> = first.iter().map(|(name, value)| (*name, value.as_str())).collect();
        grpc(b"", &pairs)
    })
    .await;
    let in_headers = outcome(move || {
        let mut pairs: Vec<_> = second.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pairs.push(("content-type", "application/grpc"));
        respond(200, &pairs, "")
    })
    .await;
    assert_eq!(
        format!("{in_trailers:?}").split("127.0.0.1:").next(),
        format!("{in_headers:?}").split("127.0.0.1:").next()
    );
    in_trailers
}

async fn code(code: u32, message: &str) -> Outcome {
    both_ways(vec![("grpc-status", code.to_string()), ("grpc-message", message.to_owned())]).await
}

/// A `google.rpc.Status` with a `RetryInfo`, as the header carries it.
fn retry_info(seconds: u64) -> String {
    let (mut delay, mut info, mut any, mut status) = (vec![], vec![], vec![], vec![]);
    encode::put_uint(&mut delay, 1, seconds);
    encode::put_bytes(&mut info, 1, &delay);
    encode::put_bytes(&mut any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
    encode::put_bytes(&mut any, 2, &info);
    encode::put_bytes(&mut status, 3, &any);
    STANDARD_NO_PAD.encode(status)
}

#[tokio::test]
async fn every_code_has_its_class() {
    assert_eq!(code(0, "").await, Outcome::delivered());
    for number in 1..=17 {
        let outcome = code(number, "said so").await;
        match (number, &outcome) {
            (1 | 10 | 11 | 14 | 15, Outcome::Retry(failure)) => {
                assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
                assert!(!failure.acknowledgement_lost, "an answer is an answer");
            }
            (4, Outcome::Retry(failure)) => assert_eq!(failure.error.kind(), ErrorKind::Timeout),
            (1 | 4 | 10 | 11 | 14 | 15, _) => panic!("{number}: {outcome:?}"),
            (7 | 16, Outcome::Refused(error)) => assert_eq!(error.kind(), ErrorKind::Unauthorized),
            (_, Outcome::Refused(error)) => {
                assert_eq!(error.kind(), ErrorKind::Refused);
                assert!(error.message().contains(": said so"), "{error}");
            }
            _ => panic!("{number}: {outcome:?}"),
        }
    }
    let (_, message) = refused(code(3, "span%207%20is%0Abroken%zz").await);
    assert!(message.ends_with("the receiver answered INVALID_ARGUMENT: span 7 is broken%zz"), "{message}");
}

#[tokio::test]
async fn retry_info_gives_the_delay_and_makes_exhaustion_retryable() {
    let details = ("grpc-status-details-bin", retry_info(7));
    let exhausted = both_ways(vec![("grpc-status", "8".to_owned()), details.clone()]).await;
    let failure = retryable(exhausted);
    assert_eq!((failure.error.kind(), failure.after), (ErrorKind::Throttled, Some(Duration::from_secs(7))));
    let unavailable = both_ways(vec![("grpc-status", "14".to_owned()), details.clone()]).await;
    assert_eq!(retryable(unavailable).after, Some(Duration::from_secs(7)));
    refused(both_ways(vec![("grpc-status", "3".to_owned()), details]).await);
    let broken = both_ways(vec![("grpc-status", "14".to_owned()), ("grpc-status-details-bin", "!!".to_owned())]).await;
    assert_eq!(retryable(broken).after, None);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_split_and_not_retried() {
    for (number, message) in [
        (8, "grpc: received message larger than max (5000000 vs. 4194304)"),
        (11, "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
    ] {
        let outcome = both_ways(vec![
            ("grpc-status", number.to_string()),
            ("grpc-message", message.to_owned()),
            ("grpc-status-details-bin", retry_info(1)),
        ])
        .await;
        let Outcome::TooLarge(error) = outcome else { panic!("{outcome:?}") };
        assert!(error.message().contains("4194304"), "{error}");
    }
    let Outcome::TooLarge(_) = outcome(|| respond(413, &[], "")).await else { panic!() };
}

#[tokio::test]
async fn answers_without_a_status_are_mapped_from_http() {
    for (status, expected) in [
        (400, Err(ErrorKind::Refused)),
        (401, Err(ErrorKind::Unauthorized)),
        (403, Err(ErrorKind::Unauthorized)),
        (404, Err(ErrorKind::Refused)),
        (429, Ok(ErrorKind::Throttled)),
        (500, Err(ErrorKind::Protocol)),
        (502, Ok(ErrorKind::Unavailable)),
        (503, Ok(ErrorKind::Unavailable)),
        (504, Ok(ErrorKind::Unavailable)),
        (200, Err(ErrorKind::Protocol)),
    ] {
        let outcome =
            outcome(move || respond(status, &[("content-type", "text/html"), ("retry-after", "3")], "<html>")).await;
        match expected {
            Ok(kind) => {
                let failure = retryable(outcome);
                assert_eq!((failure.error.kind(), failure.after), (kind, Some(Duration::from_secs(3))), "{status}");
            }
            Err(kind) => assert_eq!(refused(outcome).0, kind, "{status}"),
        }
    }
}

#[tokio::test]
async fn a_status_beats_the_http_status() {
    let outcome = outcome(|| respond(503, &[("content-type", "application/grpc"), ("grpc-status", "3")], "")).await;
    refused(outcome);
}

#[tokio::test]
async fn an_answer_that_ends_without_a_status_is_refused() {
    for body in [&b""[..], b"\0\0\0\0\0"] {
        let outcome = outcome(move || respond(200, &[("content-type", "application/grpc+proto")], body)).await;
        let (kind, message) = refused(outcome);
        assert_eq!(kind, ErrorKind::Protocol);
        assert!(message.contains("no grpc-status"), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_before_its_status_loses_the_acknowledgement() {
    // HEADERS with ":status: 200" (index 8) and a literal value for content-type (index 31), then a message.
    let mut headers = vec![0x88, 0x0f, 0x10, 16];
    headers.extend(b"application/grpc");
    let mut begun = settings();
    begun.extend(frame(1, 4, 1, &headers));
    begun.extend(frame(0, 0, 1, &[0; 5]));
    let mut reset = begun.clone();
    reset.extend(frame(3, 0, 1, &[0, 0, 0, 7]));
    for answer in [begun, reset] {
        let server = RawServer::start(http2_request_sent, answer, true).await;
        let transport = GrpcTransport::new(config(&server.url())).unwrap();
        let failure = retryable(transport.send(&request(Signal::Traces, 3)).await);
        assert!(failure.acknowledgement_lost);
        assert!(failure.error.message().contains("broke off before its status"), "{}", failure.error);
    }
}

#[tokio::test]
async fn a_framing_that_is_wrong_is_told_but_acknowledged() {
    for (body, expected) in
        [(&b"\0\0"[..], "it is cut"), (b"\0\0\0\0\x09ab", "its length is wrong"), (b"\x01\0\0\0\0", "does not say how")]
    {
        let outcome = outcome(move || {
            let response = respond(200, &[("content-type", "application/grpc")], "");
            response.map(|_| Script::of(body).trailers(fields(&[("grpc-status", "0")])))
        })
        .await;
        let answer = delivered(outcome);
        assert!(answer.message.contains(expected), "{answer:?}");
    }
}

#[tokio::test]
async fn the_call_is_what_grpc_asks_for() {
    let server = Server::accepting(Protocol::Grpc).await;
    assert_eq!(send_to(&server).await, Outcome::delivered());
    let mut unlimited = config(&server.url());
    unlimited.request_timeout = None;
    assert_eq!(GrpcTransport::new(unlimited).unwrap().send(&request(Signal::Logs, 1)).await, Outcome::delivered());
    let seen = server.seen();
    assert_eq!(seen[0].version, http::Version::HTTP_2);
    assert_eq!(seen[0].headers["te"], "trailers");
    assert!(seen[0].headers.contains_key("grpc-accept-encoding"));
    let timeout = seen[0].headers["grpc-timeout"].to_str().unwrap();
    let micros: u64 = timeout.strip_suffix('u').unwrap().parse().unwrap();
    assert!(micros > 5_000_000 && micros <= 10_000_000, "{timeout}");
    assert!(!seen[1].headers.contains_key("grpc-timeout"));
}

#[tokio::test]
async fn an_endpoint_without_a_scheme_is_plaintext_if_insecure() {
    let server = Server::accepting(Protocol::Grpc).await;
    let mut config = config(&server.address.to_string());
    config.insecure = true;
    let transport = GrpcTransport::new(config).unwrap();
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
}
