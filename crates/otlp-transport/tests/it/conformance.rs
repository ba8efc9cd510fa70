//! What holds for every transport, run once for each.

use std::time::Duration;

use otlp_core::{ErrorKind, Outcome, Signal, wire::encode};
use otlp_transport::{AnyTransport, Compression, Endpoints, Protocol, Transport, TransportConfig};

use crate::{
    raw_server::{RawServer, http1_request_sent, http2_request_sent},
    requests::{config, delivered, large_request, request, retryable, transport},
    response::{accepted, grpc, respond},
    server::{Reply, Server},
};

/// A response that rejects `rejected` items of `signal` and says why.
fn partial(
    protocol: Protocol,
    signal: Signal,
    rejected: u64,
    message: &str,
) -> http::Response<crate::response::Script> {
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    encode::put_uint(&mut inner, 1, rejected);
    encode::put_string(&mut inner, 2, message);
    encode::put_bytes(&mut outer, 1, &inner);
    match protocol {
        Protocol::Grpc => grpc(&outer, &[("grpc-status", "0")]),
        Protocol::HttpProtobuf => respond(200, &[("content-type", "application/x-protobuf")], outer),
        Protocol::HttpJson => {
            let name = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Metrics => "rejectedDataPoints",
                Signal::Logs => "rejectedLogRecords",
            };
            let json = format!(r#"{{"partialSuccess":{{"{name}":"{rejected}","errorMessage":"{message}"}}}}"#);
            respond(200, &[("content-type", "application/json")], json)
        }
    }
}

/// What the transport should have put on the wire for `request`, after decompression.
fn payload(protocol: Protocol, request: &otlp_core::EncodedRequest, body: &[u8]) {
    match protocol {
        Protocol::Grpc => {
            assert_eq!(body[1..5], (body.len() as u32 - 5).to_be_bytes());
            assert_eq!(&body[5..], &request.to_contiguous()[..]);
        }
        Protocol::HttpProtobuf => assert_eq!(body, &request.to_contiguous()[..]),
        Protocol::HttpJson => {
            assert_eq!(body, otlp_core::json::encode_request(request).unwrap());
        }
    }
}

async fn every_signal_arrives_as_it_is(protocol: Protocol) {
    let server = Server::accepting(protocol).await;
    let mut config = config(&server.url());
    config.headers.append("authorization", "Bearer hunter2");
    let transport = AnyTransport::new(protocol, config).unwrap();
    for signal in Signal::ALL {
        assert_eq!(transport.send(&request(signal, 3)).await, Outcome::delivered());
    }
    let (paths, content_type) = match protocol {
        Protocol::Grpc => (
            [
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            ],
            "application/grpc",
        ),
        Protocol::HttpProtobuf => (["/v1/traces", "/v1/metrics", "/v1/logs"], "application/x-protobuf"),
        Protocol::HttpJson => (["/v1/traces", "/v1/metrics", "/v1/logs"], "application/json"),
    };
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for (signal, seen) in Signal::ALL.into_iter().zip(seen) {
        assert_eq!(seen.path, paths[signal.index()]);
        assert_eq!(seen.headers["content-type"], content_type);
        assert_eq!(seen.headers["authorization"], "Bearer hunter2");
        assert_eq!(seen.headers["user-agent"], concat!("OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION")));
        assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
        assert!(!seen.headers.contains_key("content-encoding") && !seen.headers.contains_key("grpc-encoding"));
        payload(protocol, &request(signal, 3), &seen.body);
    }
    assert_eq!(server.accepts(), 1);
}

async fn rejected_items_and_warnings_are_told(protocol: Protocol) {
    for signal in Signal::ALL {
        for (rejected, message) in [(2, "too old"), (0, "deprecated"), (2, "")] {
            let server =
                Server::start(protocol, move |_| Reply::Respond(partial(protocol, signal, rejected, message))).await;
            let answer = delivered(transport(protocol, &server.url()).send(&request(signal, 3)).await);
            assert_eq!((answer.rejected, answer.message.as_str()), (rejected, message));
        }
    }
}

async fn no_more_can_be_rejected_than_was_sent(protocol: Protocol) {
    let server =
        Server::start(protocol, move |_| Reply::Respond(partial(protocol, Signal::Logs, 1 << 40, "all"))).await;
    assert_eq!(delivered(transport(protocol, &server.url()).send(&request(Signal::Logs, 3)).await).rejected, 3);
}

async fn requests_are_compressed_as_configured(protocol: Protocol) {
    use std::io::Read;

    for (compression, name) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
        let server = Server::accepting(protocol).await;
        let mut config = config(&server.url());
        config.compression = compression;
        let request = request(Signal::Traces, 10_000);
        assert_eq!(AnyTransport::new(protocol, config).unwrap().send(&request).await, Outcome::delivered());
        let seen = &server.seen()[0];
        let (header, prefix) = if protocol == Protocol::Grpc { ("grpc-encoding", 5) } else { ("content-encoding", 0) };
        assert_eq!(seen.headers[header], name);
        assert!(seen.body.len() < request.len() / 4);
        let mut body = vec![0; prefix];
        match compression {
            Compression::Gzip => {
                flate2::read::GzDecoder::new(&seen.body[prefix..]).read_to_end(&mut body).unwrap();
            }
            _ => body.extend(zstd::decode_all(&seen.body[prefix..]).unwrap()),
        }
        if prefix > 0 {
            assert_eq!(seen.body[0], 1, "the message says that it is compressed");
            assert_eq!(seen.body[1..5], (seen.body.len() as u32 - 5).to_be_bytes());
            let len = body.len() as u32 - 5;
            body[1..5].copy_from_slice(&len.to_be_bytes());
        }
        payload(protocol, &request, &body);
    }
}

async fn compressed_responses_are_read_and_bombs_are_not(protocol: Protocol) {
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    for name in ["gzip", "zstd"] {
        for (bomb, expected) in [(false, "too old"), (true, "more than 1000 bytes")] {
            let server = Server::start(protocol, move |_| {
                let message = if bomb { "x".repeat(1 << 20) } else { "too old".to_owned() };
                let plain = partial(protocol, Signal::Traces, 1, &message);
                let (mut head, mut body) = plain.into_parts();
                let content = body.take_data();
                let prefix = if protocol == Protocol::Grpc { 5 } else { 0 };
                let compressed = match name {
                    "gzip" => gzip(&content[prefix..]),
                    _ => zstd::encode_all(&content[prefix..], 1).unwrap(),
                };
                let (header, mut data) =
                    if prefix > 0 { ("grpc-encoding", vec![1]) } else { ("content-encoding", vec![]) };
                if prefix > 0 {
                    data.extend((compressed.len() as u32).to_be_bytes());
                }
                data.extend(compressed);
                head.headers.insert(header, name.parse().unwrap());
                body.put_data(data);
                Reply::Respond(http::Response::from_parts(head, body))
            })
            .await;
            let mut config = config(&server.url());
            config.max_response_bytes = 1000;
            let transport = AnyTransport::new(protocol, config).unwrap();
            let answer = delivered(transport.send(&request(Signal::Traces, 3)).await);
            assert!(answer.message.contains(expected), "{name}: {answer:?}");
            assert_eq!(answer.rejected, u64::from(!bomb));
        }
    }
}

async fn an_overlong_response_is_no_reason_to_send_again(protocol: Protocol) {
    let server =
        Server::start(protocol, move |_| Reply::Respond(partial(protocol, Signal::Traces, 1, &"x".repeat(300_000))))
            .await;
    let mut config = config(&server.url());
    config.max_response_bytes = 1000;
    let transport = AnyTransport::new(protocol, config).unwrap();
    let answer = delivered(transport.send(&request(Signal::Traces, 3)).await);
    assert!(answer.message.contains("more than 1000 bytes"), "{answer:?}");
}

async fn an_unreadable_response_is_no_reason_to_send_again(protocol: Protocol) {
    let server = Server::start(protocol, move |_| {
        Reply::Respond(match protocol {
            Protocol::Grpc => grpc(b"\xff\xff", &[("grpc-status", "0")]),
            Protocol::HttpProtobuf => respond(200, &[("content-type", "application/x-protobuf")], &b"\xff\xff"[..]),
            Protocol::HttpJson => respond(200, &[("content-type", "application/json")], "{"),
        })
    })
    .await;
    let answer = delivered(transport(protocol, &server.url()).send(&request(Signal::Traces, 3)).await);
    assert_eq!(answer.rejected, 0);
    assert!(answer.message.contains("malformed"), "{answer:?}");
}

async fn what_is_over_the_limit_is_not_sent(protocol: Protocol) {
    let server = Server::accepting(protocol).await;
    for compression in [Compression::None, Compression::Gzip] {
        let mut config = config(&server.url());
        config.compression = compression;
        config.max_request_bytes = Some(100);
        let transport = AnyTransport::new(protocol, config).unwrap();
        let outcome = transport.send(&request(Signal::Traces, 10_000)).await;
        let Outcome::TooLarge(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.message().contains("100 bytes"), "{error}");
    }
    assert_eq!(server.accepts(), 0);
}

async fn the_limit_holds_after_compression(protocol: Protocol) {
    let server = Server::accepting(protocol).await;
    // Too short to shrink: gzip adds its header.
    let request = request(Signal::Traces, 2);
    let mut config = config(&server.url());
    config.compression = Compression::Gzip;
    config.max_request_bytes = Some(if protocol == Protocol::HttpJson { 30 } else { request.len() });
    let outcome = AnyTransport::new(protocol, config).unwrap().send(&request).await;
    assert!(matches!(outcome, Outcome::TooLarge(_)), "{outcome:?}");
    assert_eq!(server.accepts(), 0);
}

async fn a_refused_connection_says_what_to_check(protocol: Protocol) {
    let server = Server::accepting(protocol).await;
    let (url, port) = (server.url(), server.address.port());
    server.stop().await;
    let failure = retryable(transport(protocol, &url).send(&request(Signal::Traces, 3)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Network);
    assert!(!failure.acknowledgement_lost);
    let expected = format!("connection refused: is a receiver listening on 127.0.0.1 port {port}?");
    assert!(failure.error.message().contains(&expected), "{}", failure.error);
}

async fn a_name_that_does_not_resolve_is_told(protocol: Protocol) {
    let failure =
        retryable(transport(protocol, "http://does-not-exist.invalid:4317").send(&request(Signal::Logs, 1)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Network);
    assert!(!failure.acknowledgement_lost);
    assert!(failure.error.message().contains("\"does-not-exist.invalid\""), "{}", failure.error);
}

async fn silence_after_the_request_loses_the_acknowledgement(protocol: Protocol) {
    let server = Server::start(protocol, |_| Reply::Silence).await;
    let transport = transport(protocol, &server.url());
    let request = request(Signal::Traces, 3);
    for round in 1..=3 {
        let (outcome, ()) = tokio::join!(transport.send(&request), async {
            server.wait_for(round).await;
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(11)).await;
            tokio::time::resume();
        });
        let failure = retryable(outcome);
        assert_eq!(failure.error.kind(), ErrorKind::Timeout);
        assert!(failure.acknowledgement_lost);
    }
    // An HTTP/2 connection is given up once no byte came during a whole attempt: not in the first, in which SETTINGS came.
    assert_eq!(server.accepts(), if protocol == Protocol::Grpc { 2 } else { 3 });
}

async fn a_request_that_is_never_taken_in_full_is_not_processed(protocol: Protocol) {
    // Accepts, and then reads nothing.
    let server = RawServer::start(|_| true, "", false).await;
    let mut config = config(&server.url());
    config.max_request_bytes = Some(64 << 20);
    let transport = AnyTransport::new(protocol, config).unwrap();
    // More than the buffers of both sockets hold.
    let request = large_request(24 << 20);
    let (outcome, ()) = tokio::join!(transport.send(&request), async {
        server.wait_for_request().await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(11)).await;
    });
    let failure = retryable(outcome);
    assert_eq!(failure.error.kind(), ErrorKind::Timeout);
    assert!(!failure.acknowledgement_lost, "{}", failure.error);
}

async fn a_connection_that_breaks_instead_of_an_answer_loses_the_acknowledgement(protocol: Protocol) {
    let server = Server::start(protocol, |_| Reply::Break).await;
    let failure = retryable(transport(protocol, &server.url()).send(&request(Signal::Traces, 3)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Network);
    assert!(failure.acknowledgement_lost, "{}", failure.error);
    assert_eq!(server.seen().len(), 1, "what may have been processed is not sent again");
}

async fn an_answer_of_noise_is_a_protocol_error(protocol: Protocol) {
    let enough = if protocol == Protocol::Grpc { http2_request_sent } else { http1_request_sent };
    let server = RawServer::start(enough, &b"220 mail.example.com ESMTP ready, as always\r\n"[..], true).await;
    let failure = retryable(transport(protocol, &server.url()).send(&request(Signal::Traces, 3)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Protocol, "{}", failure.error);
    assert!(failure.error.message().contains("is this the port of an OTLP receiver?"), "{}", failure.error);
    // Before its SETTINGS an HTTP/2 server cannot have read a request; over HTTP/1.1 nothing proves that.
    assert_eq!(failure.acknowledgement_lost, protocol != Protocol::Grpc);
}

async fn a_signal_without_an_endpoint_is_refused(protocol: Protocol) {
    let config = TransportConfig::new(Endpoints::exact(Signal::Traces, "http://127.0.0.1:1"));
    let outcome = AnyTransport::new(protocol, config).unwrap().send(&request(Signal::Logs, 1)).await;
    let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.message().contains("no endpoint is configured for logs"), "{error}");
}

async fn no_secret_is_shown(protocol: Protocol) {
    let url = if protocol == Protocol::Grpc { "http://127.0.0.1:1" } else { "http://127.0.0.1:1/x?key=hunter2" };
    let mut config = config(url);
    config.headers.append("authorization", "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    let transport = AnyTransport::new(protocol, config).unwrap();
    let outcome = transport.send(&request(Signal::Logs, 1)).await;
    assert!(!format!("{transport:?} {outcome:?}").contains("hunter2"));
}

async fn concurrent_requests_are_all_answered(protocol: Protocol) {
    let server = Server::start(protocol, move |_| Reply::Respond(accepted(protocol))).await;
    let transport = std::sync::Arc::new(transport(protocol, &server.url()));
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let transport = transport.clone();
        sends.spawn(async move { transport.send(&request(Signal::Metrics, 3)).await });
    }
    assert!(sends.join_all().await.into_iter().all(|outcome| outcome == Outcome::delivered()));
    assert_eq!(server.seen().len(), 20);
    if protocol == Protocol::Grpc {
        assert_eq!(server.accepts(), 1, "one connection is opened, and shared");
    } else {
        assert!(server.accepts() <= 20);
    }
}

async fn the_transport_outlives_a_restart_of_the_receiver(protocol: Protocol) {
    let server = Server::accepting(protocol).await;
    let (address, url) = (server.address, server.url());
    let transport = transport(protocol, &url);
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
    server.stop().await;
    let server = Server::start_at(address, protocol, move |_| Reply::Respond(accepted(protocol))).await;
    // Waiting for the network lets the end of the old connection come in first.
    drop(tokio::net::TcpStream::connect(address).await.unwrap());
    server.wait_for_closed(1).await;
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
    assert_eq!(server.seen().len(), 1);
}

async fn dropping_the_transport_closes_its_connections(protocol: Protocol) {
    let server = Server::accepting(protocol).await;
    let transport = transport(protocol, &server.url());
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
    drop(transport);
    server.wait_for_closed(1).await;
}

/// Instantiates the suite for each protocol.
macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        suite!(@grpc Protocol::Grpc; $($case),*);
        suite!(@http_protobuf Protocol::HttpProtobuf; $($case),*);
        suite!(@http_json Protocol::HttpJson; $($case),*);
    };
    (@$name:ident $protocol:expr; $($case:ident),*) => {
        mod $name {
            use super::Protocol;

            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($protocol).await;
                }
            )*
        }
    };
}

suite! {
    every_signal_arrives_as_it_is,
    rejected_items_and_warnings_are_told,
    no_more_can_be_rejected_than_was_sent,
    requests_are_compressed_as_configured,
    compressed_responses_are_read_and_bombs_are_not,
    an_overlong_response_is_no_reason_to_send_again,
    an_unreadable_response_is_no_reason_to_send_again,
    what_is_over_the_limit_is_not_sent,
    the_limit_holds_after_compression,
    a_refused_connection_says_what_to_check,
    a_name_that_does_not_resolve_is_told,
    silence_after_the_request_loses_the_acknowledgement,
    a_request_that_is_never_taken_in_full_is_not_processed,
    a_connection_that_breaks_instead_of_an_answer_loses_the_acknowledgement,
    an_answer_of_noise_is_a_protocol_error,
    a_signal_without_an_endpoint_is_refused,
    no_secret_is_shown,
    concurrent_requests_are_all_answered,
    the_transport_outlives_a_restart_of_the_receiver,
    dropping_the_transport_closes_its_connections,
}
