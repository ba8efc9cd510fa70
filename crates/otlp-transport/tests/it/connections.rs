//! How connections are opened, shared, kept and replaced.

use std::{sync::Arc, time::Duration};

use otlp_core::{ErrorKind, Outcome, Signal};
use otlp_transport::{AnyTransport, KeepAlive, Protocol, Transport};
use tokio::task::JoinSet;

use crate::{
    raw_server::{RawServer, frame, http2_request_sent, settings},
    requests::{config, request, retryable, transport},
    response::accepted,
    server::{Reply, Server},
};

#[tokio::test]
async fn http1_uses_one_connection_for_each_concurrent_request() {
    let server = Server::start(Protocol::HttpProtobuf, |_| Reply::Silence).await;
    let transport = Arc::new(transport(Protocol::HttpProtobuf, &server.url()));
    let mut sends = JoinSet::new();
    for _ in 0..5 {
        let transport = transport.clone();
        sends.spawn(async move { transport.send(&request(Signal::Traces, 1)).await });
    }
    server.wait_for(5).await;
    assert_eq!(server.accepts(), 5);
    // A cancelled request takes its connection with it.
    sends.shutdown().await;
    server.wait_for_closed(5).await;
}

#[tokio::test]
async fn a_cancelled_http2_request_leaves_the_connection_to_the_others() {
    let server = Server::start(Protocol::Grpc, |seen| {
        if seen.path.contains("logs") { Reply::Silence } else { Reply::Respond(accepted(Protocol::Grpc)) }
    })
    .await;
    let transport = Arc::new(transport(Protocol::Grpc, &server.url()));
    let stuck = tokio::spawn({
        let transport = transport.clone();
        async move { transport.send(&request(Signal::Logs, 1)).await }
    });
    server.wait_for(1).await;
    stuck.abort();
    assert!(stuck.await.is_err());
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
    assert_eq!(server.accepts(), 1);
}

#[tokio::test]
async fn who_waited_for_a_failed_dial_fails_with_it() {
    // Takes the connection, and never shakes hands.
    let server = RawServer::start(|bytes| !bytes.is_empty(), "", false).await;
    let mut config = config(&format!("https://{}", server.address));
    config.pool.connection_timeout = Duration::from_secs(3);
    config.request_timeout = None;
    let transport = Arc::new(AnyTransport::new(Protocol::Grpc, config).unwrap());
    let mut sends = JoinSet::new();
    for _ in 0..10 {
        let transport = transport.clone();
        sends.spawn(async move { transport.send(&request(Signal::Traces, 1)).await });
    }
    server.wait_for_request().await;
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    for outcome in sends.join_all().await {
        let failure = retryable(outcome);
        assert_eq!(failure.error.kind(), ErrorKind::Timeout);
        assert!(failure.error.message().contains("within 3s"), "{}", failure.error);
        assert!(!failure.acknowledgement_lost);
    }
    assert!(before.elapsed() <= Duration::from_secs(3));
    assert_eq!(server.accepts(), 1);
}

#[tokio::test]
async fn a_connection_that_goes_away_while_idle_is_replaced_within_the_attempt() {
    // Answers the first request, says GOAWAY and takes no other stream.
    let mut answer = settings();
    // HEADERS with END_STREAM and END_HEADERS: ":status: 200" is index 8; "grpc-status: 0" as a literal.
    let mut headers = vec![0x88, 0x00, 11];
    headers.extend(b"grpc-status");
    headers.extend([1, b'0']);
    answer.extend(frame(1, 5, 1, &headers));
    answer.extend(frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    let server = RawServer::start(http2_request_sent, answer, false).await;
    let transport = transport(Protocol::Grpc, &server.url());
    for round in 1..=3 {
        assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
        assert_eq!(server.accepts(), round);
    }
}

#[tokio::test]
async fn pings_find_a_dead_connection() {
    // Speaks no word after its SETTINGS, not even to acknowledge a ping.
    let server = RawServer::start(http2_request_sent, settings(), false).await;
    let mut config = config(&server.url());
    config.request_timeout = None;
    config.http2_keep_alive =
        Some(KeepAlive { interval: Duration::from_millis(20), timeout: Duration::from_millis(20), while_idle: false });
    let transport = AnyTransport::new(Protocol::Grpc, config).unwrap();
    let failure = retryable(transport.send(&request(Signal::Traces, 1)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Network);
    assert!(failure.acknowledgement_lost);
    assert!(failure.error.message().contains("timed out"), "{}", failure.error);
}

#[test]
fn transports_are_built_without_a_runtime_and_survive_one() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = servers.block_on(Server::accepting(protocol));
        let transport = transport(protocol, &server.url());
        for _ in 0..2 {
            let outcome = runtime().block_on(transport.send(&request(Signal::Traces, 1)));
            assert_eq!(outcome, Outcome::delivered());
        }
        assert_eq!(server.accepts(), 2, "the connection ended with its runtime");
    }
}
