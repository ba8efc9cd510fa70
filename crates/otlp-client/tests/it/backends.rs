//! Backends that are dead, hostile or not what the endpoint says: never the application's problem.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use otlp_batch::DropReason;
use otlp_client::EnhancedOtlpClient;
use otlp_core::Signal;
use otlp_receiver::Fault;

use crate::setup::{DEADLINE, builder, client, duration_of, receiver, spans};

/// A port on which nobody listens.
fn dead_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A listener that does `act` with each connection.
fn listener(act: impl Fn(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(act));
    address
}

/// Every span gets a fate, and the client says why.
fn all_are_accounted_for(endpoint: String) -> (otlp_batch::SignalLedger, String) {
    all_are_accounted_for_within(Duration::from_secs(10), endpoint)
}

/// The same, with this time for each attempt.
fn all_are_accounted_for_within(timeout: Duration, endpoint: String) -> (otlp_batch::SignalLedger, String) {
    let (builder, said) = builder(endpoint);
    let client = builder.with_grpc_transport().with_timeout(timeout).build_blocking().unwrap();
    spans(&client, 50);
    let ledger = client.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.accepted, ledger.pending, ledger.balances()), (50, 0, true), "{ledger}");
    (ledger, said.lock().join("\n"))
}

#[test]
fn a_dead_backend() {
    let (ledger, said) = all_are_accounted_for(format!("http://{}", dead_port()));
    assert_eq!(ledger.dropped[DropReason::RetriesExhausted], 50, "{ledger}");
    assert_eq!(ledger.acknowledgements_lost, 0, "nothing can have arrived");
    assert!(said.contains("refused") && said.contains("127.0.0.1"), "{said}");
}

#[test]
fn a_backend_that_accepts_and_says_nothing() {
    let address = listener(std::mem::forget);
    let (ledger, said) = all_are_accounted_for_within(Duration::from_millis(200), format!("http://{address}"));
    assert_eq!(ledger.dropped.total(), 50, "{ledger}\n{said}");
}

#[test]
fn a_backend_that_resets() {
    let address = listener(drop);
    let (ledger, said) = all_are_accounted_for(format!("http://{address}"));
    assert_eq!(ledger.dropped.total(), 50, "{ledger}\n{said}");
}

#[test]
fn a_backend_that_speaks_garbage() {
    let address = listener(|mut stream| {
        let _ = stream.write_all(&[0xff; 4096]);
        let _ = stream.read(&mut [0; 4096]);
    });
    let (ledger, said) = all_are_accounted_for(format!("http://{address}"));
    assert_eq!(ledger.dropped.total() + ledger.rejected, 50, "{ledger}\n{said}");
}

#[test]
fn https_to_a_plaintext_port_says_so() {
    let receiver = receiver();
    let (ledger, said) = all_are_accounted_for(receiver.grpc_endpoint().replace("http://", "https://"));
    assert_eq!(ledger.delivered, 0);
    assert!(said.to_lowercase().contains("tls") || said.contains("plaintext"), "{said}");
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_when_the_client_is_built() {
    for endpoint in ["", "localhost:4318", "http://", "ftp://host", "http://host:99999", "::::"] {
        let built = EnhancedOtlpClient::builder().without_environment().with_endpoint(endpoint).build_blocking();
        let error = built.expect_err(endpoint).to_string();
        assert!(error.contains("endpoint"), "{error}");
    }
}

#[test]
fn a_backend_that_dies_and_comes_back_gets_everything() {
    let receiver = receiver();
    let (builder, said) = builder(receiver.grpc_endpoint());
    let client = builder
        .with_grpc_transport()
        .with_retry_policy(
            otlp_reliability::RetryPolicy::new()
                .with_max_attempts(None)
                .with_initial_delay(Duration::from_millis(5))
                .with_max_delay(Duration::from_millis(50)),
        )
        .build_blocking()
        .unwrap();
    spans(&client, 10);
    assert!(client.flush_blocking(DEADLINE).complete);
    receiver.kill_blocking();
    spans(&client, 10);
    assert!(!client.flush_blocking(Duration::from_millis(50)).complete);
    receiver.restart_blocking().unwrap();
    assert!(client.flush_blocking(DEADLINE).complete, "{said:?}");
    assert_eq!(receiver.store().arrivals(Signal::Traces).len(), 20);
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 20);
}

#[test]
fn a_flush_wakes_a_retry_that_waits() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(otlp_receiver::GrpcCode::Unavailable).times(1));
    let (builder, _) = builder(receiver.grpc_endpoint());
    let hour = Duration::from_secs(3600);
    let client = builder
        .with_grpc_transport()
        .with_retry_policy(
            otlp_reliability::RetryPolicy::new()
                .with_initial_delay(hour)
                .with_max_delay(hour)
                .with_jitter(otlp_reliability::Jitter::None),
        )
        .build_blocking()
        .unwrap();
    spans(&client, 1);
    assert!(!client.flush_blocking(Duration::from_millis(200)).complete, "the first attempt fails");
    assert!(client.flush_blocking(DEADLINE).complete, "the second flush wakes it");
    assert_eq!(receiver.store().count(Signal::Traces), 1);
}

#[test]
fn recording_does_not_wait_for_a_dead_backend() {
    let (builder, _) = builder(format!("http://{}", dead_port()));
    let client = builder.with_grpc_transport().build_blocking().unwrap();
    let took = duration_of(|| spans(&client, 100_000));
    // Not a benchmark: a single wait for a connection or a retry would be far above.
    assert!(took < Duration::from_secs(20), "{took:?}");
    let ledger = client.shutdown_blocking(Duration::from_secs(1)).ledgers[0].traces;
    assert_eq!((ledger.accepted, ledger.pending), (100_000, 0));
}

#[test]
fn a_receiver_that_rejects_some_is_believed() {
    let receiver = receiver();
    receiver.faults().inject(Fault::reject(3));
    let (builder, said) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().build_blocking().unwrap();
    spans(&client, 10);
    let ledger = client.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.rejected), (7, 3));
    assert!(said.lock().join("\n").contains("rejected 3 of 10 spans"), "{said:?}");
}

#[test]
fn the_same_client_serves_after_every_fault_in_turn() {
    let receiver = receiver();
    let client = client(&receiver);
    let faults = [Fault::reset(), Fault::lost_acknowledgement(), Fault::grpc(otlp_receiver::GrpcCode::Aborted)];
    for (round, fault) in faults.into_iter().enumerate() {
        receiver.faults().inject(fault.times(1));
        spans(&client, 10);
        assert!(client.flush_blocking(DEADLINE).complete);
        assert_eq!(receiver.store().arrivals(Signal::Traces).len(), (round + 1) * 10);
    }
    let ledger = client.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.acknowledgements_lost), (30, 20), "{ledger}");
}
