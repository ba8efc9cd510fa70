//! The bounds of the connection pool, as the receiver sees them: how many connections, how long, and what keeps them
//! alive.

use std::{pin::pin, sync::Arc, time::Duration};

use otlp_core::{ErrorKind, Outcome, Signal};
use otlp_transport::{AnyTransport, KeepAlive, Protocol, Transport, TransportConfig};
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    raw_server::{RawServer, http2_request_sent, settings},
    requests::{config, request, retryable},
    response::accepted,
    server::{Reply, Seen, Server},
};

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

fn transport(protocol: Protocol, server: &Server, change: impl FnOnce(&mut TransportConfig)) -> Arc<AnyTransport> {
    let mut config = config(&server.url());
    change(&mut config);
    Arc::new(AnyTransport::new(protocol, config).unwrap())
}

async fn delivers(transport: &AnyTransport) {
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
}

/// Sends `count` requests at once.
fn send(transport: &Arc<AnyTransport>, count: usize) -> JoinSet<Outcome> {
    let mut sends = JoinSet::new();
    for _ in 0..count {
        let transport = transport.clone();
        sends.spawn(async move { transport.send(&request(Signal::Traces, 1)).await });
    }
    sends
}

#[tokio::test]
async fn no_more_http1_connections_than_the_maximum_serve_all_requests() {
    let server = Server::accepting(Protocol::HttpProtobuf).await;
    let transport = transport(Protocol::HttpProtobuf, &server, |config| config.pool.max_connections = 3);
    for outcome in send(&transport, 50).join_all().await {
        assert_eq!(outcome, Outcome::delivered());
    }
    assert!(server.accepts() <= 3, "{} connections", server.accepts());
    assert_eq!(server.seen().len(), 50);
}

/// Answers traces, and never logs.
fn silent_to_logs(protocol: Protocol) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |seen| if seen.path.contains("logs") { Reply::Silence } else { Reply::Respond(accepted(protocol)) }
}

/// A request that is never answered.
fn stuck(transport: &Arc<AnyTransport>) -> JoinHandle<Outcome> {
    let transport = transport.clone();
    tokio::spawn(async move { transport.send(&request(Signal::Logs, 1)).await })
}

/// A request that waits for a connection or a stream gets it when `busy` ends.
async fn waits_for(transport: &AnyTransport, busy: JoinHandle<Outcome>) {
    let traces = request(Signal::Traces, 1);
    let mut waiting = pin!(transport.send(&traces));
    tokio::time::pause();
    assert!(tokio::time::timeout(Duration::from_secs(5), waiting.as_mut()).await.is_err(), "it does not wait");
    tokio::time::resume();
    busy.abort();
    assert_eq!(waiting.await, Outcome::delivered());
}

#[tokio::test]
async fn a_request_beyond_the_maximum_waits_for_a_connection() {
    let server = Server::start(Protocol::HttpProtobuf, silent_to_logs(Protocol::HttpProtobuf)).await;
    let transport = transport(Protocol::HttpProtobuf, &server, |config| {
        config.pool.max_connections = 1;
        config.request_timeout = None;
    });
    let busy = stuck(&transport);
    server.wait_for(1).await;
    waits_for(&transport, busy).await;
    assert_eq!((server.accepts(), server.closed()), (2, 1), "a request that ends early takes its connection along");
}

#[tokio::test]
async fn a_request_that_waits_for_a_connection_does_so_within_its_time() {
    let server = Server::start(Protocol::HttpProtobuf, |_| Reply::Silence).await;
    let transport = transport(Protocol::HttpProtobuf, &server, |config| {
        config.pool.max_connections = 1;
        config.request_timeout = Some(Duration::from_secs(7));
    });
    let busy = stuck(&transport);
    server.wait_for(1).await;
    tokio::time::pause();
    // The one before it ends first, and leaves it no time worth mentioning.
    let failure = retryable(transport.send(&request(Signal::Traces, 1)).await);
    assert_eq!(failure.error.kind(), ErrorKind::Timeout);
    assert_eq!(retryable(busy.await.unwrap()).error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn http2_opens_another_connection_when_streams_are_used_up_and_no_more_than_the_maximum() {
    let server = Server::start_with_streams(1, silent_to_logs(Protocol::Grpc)).await;
    let transport = transport(Protocol::Grpc, &server, |config| {
        config.pool.max_connections = 3;
        config.request_timeout = None;
    });
    // By its answer the receiver has said how many streams it allows.
    delivers(&transport).await;
    let mut busy = Vec::new();
    for count in 1..=3 {
        busy.push(stuck(&transport));
        server.wait_for(1 + count).await;
        assert_eq!(server.accepts(), count);
    }
    waits_for(&transport, busy.remove(0)).await;
    assert_eq!((server.accepts(), server.closed()), (3, 0));
    busy.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn one_http2_connection_is_enough_while_the_receiver_allows_the_streams() {
    let server = Server::accepting(Protocol::Grpc).await;
    let transport = transport(Protocol::Grpc, &server, |_| {});
    for outcome in send(&transport, 50).join_all().await {
        assert_eq!(outcome, Outcome::delivered());
    }
    assert_eq!(server.accepts(), 1);
}

#[tokio::test]
async fn the_minimum_is_opened_ahead_and_used() {
    for protocol in PROTOCOLS {
        let server = Server::accepting(protocol).await;
        let transport = transport(protocol, &server, |config| config.pool.min_connections = 4);
        transport.start();
        server.wait_for_accepts(4).await;
        for outcome in send(&transport, 4).join_all().await {
            assert_eq!(outcome, Outcome::delivered());
        }
        assert_eq!(server.accepts(), 4, "{protocol}");
    }
}

#[tokio::test]
async fn a_connection_of_the_minimum_that_dies_is_replaced() {
    for protocol in PROTOCOLS {
        let server = Server::accepting(protocol).await;
        let address = server.address;
        let transport = transport(protocol, &server, |config| config.pool.min_connections = 2);
        transport.start();
        server.wait_for_accepts(2).await;
        server.stop().await;
        let server = Server::start_at(address, protocol, move |_| Reply::Respond(accepted(protocol))).await;
        server.wait_for_accepts(2).await;
        delivers(&transport).await;
        assert_eq!(server.accepts(), 2, "{protocol}");
    }
}

#[tokio::test]
async fn idle_connections_beyond_the_minimum_are_closed_after_their_time() {
    for protocol in PROTOCOLS {
        let server = Server::start_with_streams_of(protocol, 1, move |_| Reply::Respond(accepted(protocol))).await;
        let transport = transport(protocol, &server, |config| {
            config.pool.min_connections = 1;
            config.pool.idle_timeout = Duration::from_millis(300);
        });
        // HTTP/1.1 needs a connection for each at once.
        let mut opened = 1;
        while opened < 3 {
            for outcome in send(&transport, 8).join_all().await {
                assert!(matches!(outcome, Outcome::Delivered(_) | Outcome::Retry(_)), "{outcome:?}");
            }
            opened = server.accepts();
        }
        server.wait_for_closed(opened - 1).await;
        assert_eq!(server.accepts() - server.closed(), 1, "{protocol}: the minimum stays");
        delivers(&transport).await;
        assert_eq!(server.accepts(), opened, "{protocol}: what stayed is used");
    }
}

#[tokio::test]
async fn a_used_connection_is_not_closed_before_its_time() {
    let server = Server::accepting(Protocol::Grpc).await;
    let transport = transport(Protocol::Grpc, &server, |config| config.pool.idle_timeout = Duration::from_secs(3600));
    delivers(&transport).await;
    delivers(&transport).await;
    assert_eq!((server.accepts(), server.closed()), (1, 0));
}

#[tokio::test]
async fn idle_connections_beyond_their_number_are_closed_at_once() {
    for protocol in PROTOCOLS {
        let server = Server::accepting(protocol).await;
        let transport = transport(protocol, &server, |config| config.max_idle_connections = Some(0));
        for round in 1..=3 {
            delivers(&transport).await;
            server.wait_for_closed(round).await;
            assert_eq!(server.accepts(), round, "{protocol}");
        }
    }
}

#[tokio::test]
async fn without_keep_alive_each_http1_request_has_a_connection_and_says_so() {
    let server = Server::accepting(Protocol::HttpProtobuf).await;
    let transport = transport(Protocol::HttpProtobuf, &server, |config| config.pool.keep_alive = false);
    for round in 1..=3 {
        delivers(&transport).await;
        server.wait_for_closed(round).await;
    }
    assert_eq!(server.accepts(), 3);
    assert!(server.seen().iter().all(|seen| seen.headers["connection"] == "close"));
}

#[tokio::test]
async fn with_keep_alive_http1_requests_share_a_connection() {
    let server = Server::accepting(Protocol::HttpProtobuf).await;
    let transport = transport(Protocol::HttpProtobuf, &server, |_| {});
    for _ in 0..3 {
        delivers(&transport).await;
    }
    assert_eq!(server.accepts(), 1);
    assert!(server.seen().iter().all(|seen| !seen.headers.contains_key("connection")));
}

/// Whether the receiver is pinged while it does not answer.
fn is_pinged(bytes: &[u8]) -> bool {
    http2_request_sent(bytes) && bytes.windows(5).any(|header| header == [0, 0, 8, 6, 0])
}

#[tokio::test]
async fn http2_pings_if_it_is_to_keep_connections_alive() {
    let pings = KeepAlive { interval: Duration::from_millis(20), timeout: Duration::from_secs(60), while_idle: false };
    let server = RawServer::start(is_pinged, settings(), false).await;
    let mut config = config(&server.url());
    config.http2_keep_alive = Some(pings);
    let transport = AnyTransport::new(Protocol::Grpc, config.clone()).unwrap();
    let sending = tokio::spawn(async move { transport.send(&request(Signal::Traces, 1)).await });
    server.wait_for_request().await;
    sending.abort();
    config.pool.keep_alive = false;
    let error = AnyTransport::new(Protocol::Grpc, config).unwrap_err().to_string();
    assert!(error.contains("keep_alive"), "{error}");
}
