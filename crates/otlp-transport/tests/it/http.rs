//! The answers of HTTP receivers.

use std::time::{Duration, SystemTime};

use otlp_core::{EncodedRequest, ErrorKind, Outcome, Signal, wire::encode};
use otlp_transport::{Endpoints, HttpEncoding, HttpTransport, Protocol, Transport, TransportConfig};

use crate::{
    raw_server::{RawServer, http1_request_sent},
    requests::{config, delivered, refused, request, retryable},
    response::{Script, respond},
    server::{Reply, Server},
};

async fn send_to(server: &Server) -> Outcome {
    let transport = HttpTransport::new(config(&server.url()), HttpEncoding::Protobuf).unwrap();
    transport.send(&request(Signal::Traces, 3)).await
}

/// The outcome of a response with these headers and this body.
async fn outcome(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static [u8]) -> Outcome {
    let server = Server::start(Protocol::HttpProtobuf, move |_| Reply::Respond(respond(status, headers, body))).await;
    send_to(&server).await
}

#[tokio::test]
async fn every_status_has_its_class() {
    for status in (200..600).filter(|status| *status != 204 && *status != 304) {
        let outcome = outcome(status, &[], b"").await;
        match (status, &outcome) {
            (200..=299, Outcome::Delivered(partial)) => assert_eq!(partial, &Default::default()),
            (429, Outcome::Retry(failure)) => assert_eq!(failure.error.kind(), ErrorKind::Throttled),
            (502..=504, Outcome::Retry(failure)) => {
                assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
                assert!(!failure.acknowledgement_lost, "an answer is an answer");
            }
            (413, Outcome::TooLarge(error)) => assert_eq!(error.kind(), ErrorKind::TooLarge),
            (401 | 403, Outcome::Refused(error)) => assert_eq!(error.kind(), ErrorKind::Unauthorized),
            (429 | 502..=504 | 413 | 401 | 403, _) => panic!("{status}: {outcome:?}"),
            (300..=599, Outcome::Refused(error)) => {
                assert_eq!(error.kind(), ErrorKind::Refused);
                assert!(error.message().contains(&format!("/v1/traces: the receiver answered {status}")), "{error}");
            }
            _ => panic!("{status}: {outcome:?}"),
        }
    }
    assert_eq!(outcome(204, &[], b"").await, Outcome::delivered());
    refused(outcome(304, &[], b"").await);
    assert_eq!(refused(outcome(700, &[], b"").await).0, ErrorKind::Protocol);
}

#[tokio::test]
async fn retry_after_is_obeyed_in_both_forms() {
    for status in [429, 502, 503, 504] {
        let failure = retryable(outcome(status, &[("retry-after", "7")], b"").await);
        assert_eq!(failure.after, Some(Duration::from_secs(7)), "{status}");
        assert_eq!(retryable(outcome(status, &[("retry-after", "soon")], b"").await).after, None);
        assert_eq!(retryable(outcome(status, &[], b"").await).after, None);
    }
    let server = Server::start(Protocol::HttpProtobuf, |_| {
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
        Reply::Respond(respond(503, &[("retry-after", &date)], ""))
    })
    .await;
    let after = retryable(send_to(&server).await).after.unwrap();
    assert!(after > Duration::from_secs(500) && after <= Duration::from_secs(600), "{after:?}");
}

#[tokio::test]
async fn the_receivers_own_words_are_told() {
    let mut status = Vec::new();
    encode::put_uint(&mut status, 1, 3);
    encode::put_bytes(&mut status, 2, b"span 7 is\nbroken");
    let status: &'static [u8] = status.leak();
    for (headers, body) in [
        (&[("content-type", "application/x-protobuf")][..], status),
        (&[("content-type", "application/json")], &br#"{"code":3,"message":"span 7 is\nbroken"}"#[..]),
        (&[("content-type", "text/plain; charset=utf-8")], b"span 7 is\nbroken"),
    ] {
        let (_, message) = refused(outcome(400, headers, body).await);
        assert!(message.ends_with("400 Bad Request: span 7 is broken"), "{message}");
    }
    let (_, message) = refused(outcome(400, &[("content-type", "text/html")], b"<html>\n").await);
    assert!(message.ends_with("400 Bad Request: a web page"), "{message}");
    let (_, message) = refused(outcome(400, &[], b"\xff\xff").await);
    assert!(message.ends_with("400 Bad Request"), "{message}");
}

#[tokio::test]
async fn redirects_are_not_followed_but_told() {
    let headers = &[("location", "https://other.example:4318/v1/traces?token=hunter2")];
    let (kind, message) = refused(outcome(308, headers, b"").await);
    assert_eq!(kind, ErrorKind::Refused);
    assert!(message.contains("https://other.example:4318") && !message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn a_web_page_is_no_acknowledgement() {
    for headers in [&[("content-type", "text/html; charset=utf-8")][..], &[]] {
        let (kind, message) = refused(outcome(200, headers, b"<!doctype html><html>Sign in</html>").await);
        assert_eq!(kind, ErrorKind::Protocol);
        assert!(message.contains("this is no OTLP receiver"), "{message}");
    }
}

#[tokio::test]
async fn a_body_of_an_unknown_type_is_an_acknowledgement_with_a_warning() {
    let answer = delivered(outcome(200, &[("content-type", "text/plain")], b"ok").await);
    assert!(answer.message.contains("its type is text/plain"), "{answer:?}");
    let answer = delivered(outcome(200, &[("content-encoding", "br")], b"ok").await);
    assert!(answer.message.contains("not offered"), "{answer:?}");
}

#[tokio::test]
async fn a_body_without_a_type_is_read_as_what_was_sent() {
    let answer = delivered(outcome(200, &[], b"\x0a\x02\x08\x01").await);
    assert_eq!(answer.rejected, 1);
}

#[tokio::test]
async fn an_acknowledgement_that_breaks_off_is_a_lost_one() {
    let answer = &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\x0a"[..];
    let server = RawServer::start(http1_request_sent, answer, true).await;
    let transport = HttpTransport::new(config(&server.url()), HttpEncoding::Protobuf).unwrap();
    let failure = retryable(transport.send(&request(Signal::Traces, 3)).await);
    assert!(failure.acknowledgement_lost && failure.error.kind() == ErrorKind::Network, "{failure:?}");
    assert!(failure.error.message().contains("its body broke off"), "{failure:?}");
}

#[tokio::test]
async fn an_acknowledgement_that_never_ends_is_a_lost_one() {
    let server = Server::start(Protocol::HttpProtobuf, |_| {
        Reply::Respond(respond(200, &[], "").map(|_| Script::of("\x0a").then_silence()))
    })
    .await;
    let mut config = config(&server.url());
    config.request_timeout = Some(Duration::from_secs(1));
    let transport = HttpTransport::new(config, HttpEncoding::Protobuf).unwrap();
    let failure = retryable(transport.send(&request(Signal::Traces, 3)).await);
    assert!(failure.acknowledgement_lost && failure.error.kind() == ErrorKind::Timeout, "{failure:?}");
    assert!(failure.error.message().contains("did not come in time"), "{failure:?}");
}

#[tokio::test]
async fn plaintext_to_a_tls_port_is_recognised_by_what_web_servers_say() {
    for (headers, body) in [
        (&[("content-type", "text/plain")], &b"Client sent an HTTP request to an HTTPS server.\n"[..]),
        (
            &[("content-type", "text/html")],
            b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
        ),
    ] {
        let (_, message) = refused(outcome(400, headers, body).await);
        assert!(message.ends_with("the port speaks TLS: use https://"), "{message}");
    }
}

#[tokio::test]
async fn each_signal_goes_to_its_own_url() {
    let server = Server::accepting(Protocol::HttpProtobuf).await;
    let endpoints = Endpoints::base(format!("{}/otlp/?key=1", server.url()))
        .with_exact(Signal::Traces, format!("{}/ingest/t?x=2", server.url()))
        .with_exact(Signal::Logs, server.url());
    let transport = HttpTransport::new(TransportConfig::new(endpoints), HttpEncoding::Protobuf).unwrap();
    for signal in Signal::ALL {
        assert_eq!(transport.send(&request(signal, 1)).await, Outcome::delivered());
    }
    let paths: Vec<_> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/ingest/t?x=2", "/otlp/v1/metrics?key=1", "/"]);
    assert_eq!(server.accepts(), 1, "signals of one origin share its connections");
}

#[tokio::test]
async fn what_is_no_protobuf_is_refused_before_it_is_sent_as_json() {
    let server = Server::accepting(Protocol::HttpJson).await;
    let transport = HttpTransport::new(config(&server.url()), HttpEncoding::Json).unwrap();
    let broken = EncodedRequest::new(Signal::Traces, 1, vec![b"\xff\xff\xff"[..].into()]);
    let (_, message) = refused(transport.send(&broken).await);
    assert!(message.contains("could not be written as JSON"), "{message}");
    assert_eq!(server.accepts(), 0);
}
