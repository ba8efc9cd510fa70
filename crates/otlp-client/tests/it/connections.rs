//! What a client is told of its connections and of who it is, as the receiver sees it.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use otlp_client::{BuildError, ClientBuilder};
use otlp_core::Signal;
use otlp_receiver::{Fault, GrpcCode, Receiver, Requests};
use otlp_transport::{
    AuthError, Authenticate, ConfigError, ConnectionPoolConfig, Credentials, KeepAlive, TlsOptions, async_trait,
};

use crate::setup::{DEADLINE, builder, receiver, spans};

fn pool() -> ConnectionPoolConfig {
    ConnectionPoolConfig {
        max_connections: 200,
        min_connections: 20,
        connection_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(300),
        keep_alive: true,
    }
}

fn grpc(receiver: &Receiver) -> ClientBuilder {
    builder(receiver.grpc_endpoint()).0.with_grpc_transport()
}

/// Delivers a span by a client with these settings, and gives the client back.
fn deliver(builder: ClientBuilder) -> otlp_client::EnhancedOtlpClient {
    let client = builder.build_blocking().expect("the client builds");
    spans(&client, 1);
    let report = client.flush_blocking(DEADLINE);
    assert!(report.complete, "{report}");
    client
}

fn wait_for(receiver: &Receiver, holds: impl FnMut(&Requests) -> bool) {
    receiver.requests().wait_for_blocking(holds, DEADLINE).expect("it happens");
}

/// The tokens of the requests, in order.
fn tokens(receiver: &Receiver) -> Vec<String> {
    let token = |record: &otlp_receiver::RequestRecord| record.header("authorization").unwrap_or("none").to_owned();
    receiver.requests().recent().iter().map(token).collect()
}

#[test]
fn the_minimum_is_open_before_anything_is_recorded_and_serves_what_is() {
    let receiver = receiver();
    let client = grpc(&receiver).with_connection_pool_config(pool()).build_blocking().expect("the client builds");
    wait_for(&receiver, |requests| requests.totals().open_connections() == 20);
    assert_eq!(receiver.requests().totals().requests, 0);
    spans(&client, 100);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(receiver.store().count(Signal::Traces), 100);
    assert_eq!(receiver.requests().totals().connections, 20);
    wait_for(&receiver, |requests| requests.totals().open_connections() == 0);
}

#[test]
fn without_a_minimum_a_connection_is_opened_for_the_first_request_and_closed_when_it_is_idle() {
    let receiver = receiver();
    let config = ConnectionPoolConfig { min_connections: 0, idle_timeout: Duration::from_millis(50), ..pool() };
    let client = grpc(&receiver).with_connection_pool_config(config).build_blocking().expect("the client builds");
    assert_eq!(receiver.requests().totals().connections, 0);
    spans(&client, 1);
    assert!(client.flush_blocking(DEADLINE).complete);
    wait_for(&receiver, |requests| requests.totals().closed_connections == 1);
    assert_eq!(receiver.requests().totals().connections, 1);
}

#[test]
fn idle_connections_are_pinged_if_that_is_asked_for() {
    let receiver = receiver();
    let often = Duration::from_millis(20);
    let pings = KeepAlive { interval: often, timeout: DEADLINE, while_idle: true };
    let _client = deliver(grpc(&receiver).with_keep_alive_pings(pings));
    wait_for(&receiver, |requests| requests.totals().pings >= 3);
}

#[test]
fn idle_connections_beyond_their_number_are_closed() {
    let receiver = receiver();
    let client = deliver(grpc(&receiver).with_max_idle_connections(0));
    wait_for(&receiver, |requests| requests.totals().closed_connections == 1);
    drop(client);
}

#[test]
fn contradictions_and_plaintext_are_refused_by_name() {
    let receiver = receiver();
    let error = |builder: ClientBuilder| builder.build_blocking().map(drop).expect_err("refused");
    let config = ConnectionPoolConfig { max_connections: 10, ..pool() };
    let message = error(grpc(&receiver).with_connection_pool_config(config)).to_string();
    assert!(message.contains(r#"min_connections is "20 with max_connections 10""#), "{message}");
    let config = ConnectionPoolConfig { min_connections: 0, keep_alive: false, ..pool() };
    let both = grpc(&receiver).with_connection_pool_config(config).with_keep_alive_pings(KeepAlive::default());
    assert!(error(both).to_string().contains("keep_alive"));
    let required = error(grpc(&receiver).with_encryption_required(true));
    assert!(matches!(required, BuildError::Transport(ConfigError::PlaintextRefused { .. })), "{required}");
    let tls = TlsOptions::new().with_ca_file("/no/such/ca.pem");
    let message = error(builder("https://localhost:4317").0.with_tls(tls)).to_string();
    assert!(message.contains("/no/such/ca.pem"), "{message}");
    let message = error(grpc(&receiver).with_bearer_token_file("/no/such/token")).to_string();
    assert!(message.contains("/no/such/token"), "{message}");
}

#[test]
fn a_bearer_token_goes_with_each_request_and_is_warned_of_in_plaintext() {
    let receiver = receiver();
    let client = deliver(grpc(&receiver).with_bearer_token("hunter2"));
    assert_eq!(tokens(&receiver), ["Bearer hunter2"]);
    drop(client);
    let (builder, said) = builder("http://collector.invalid:4317");
    drop(builder.with_bearer_token("hunter2").build_blocking().expect("the client builds"));
    let said = said.lock().join("\n");
    assert!(said.contains("warning: credentials are sent to http://collector.invalid:4317 in plaintext"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_token_that_is_replaced_in_its_file_delivers_what_the_old_one_did_not() {
    let receiver = receiver();
    let file = std::env::temp_dir().join(format!("otlp-client-token-{}", std::process::id()));
    fs::write(&file, "old").expect("the file is written");
    let client = deliver(grpc(&receiver).with_bearer_token_file(&file));
    fs::write(&file, "new").expect("the file is written");
    receiver.faults().inject(Fault::grpc(GrpcCode::Unauthenticated).times(1));
    spans(&client, 1);
    let report = client.shutdown_blocking(DEADLINE);
    fs::remove_file(&file).expect("the file is removed");
    assert!(report.complete, "{report}");
    assert_eq!(receiver.store().count(Signal::Traces), 2);
    assert_eq!(tokens(&receiver).last().map(String::as_str), Some("Bearer new"));
}

/// Fails once, then gives a number.
#[derive(Default)]
struct Service(AtomicUsize);

#[async_trait]
impl Authenticate for Service {
    async fn authenticate(&self) -> Result<Credentials, AuthError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err("the service is starting".into()),
            call => Ok(Credentials::bearer(call.to_string())),
        }
    }
}

#[test]
fn a_hook_that_fails_at_first_loses_nothing_and_is_asked_again_after_a_refusal() {
    let receiver = receiver();
    let service = Arc::new(Service::default());
    let client = deliver(grpc(&receiver).with_auth(service.clone()));
    assert_eq!(tokens(&receiver), ["Bearer 1"]);
    receiver.faults().inject(Fault::grpc(GrpcCode::Unauthenticated).times(1));
    spans(&client, 1);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(tokens(&receiver), ["Bearer 1", "Bearer 1", "Bearer 2"]);
    assert_eq!(receiver.store().count(Signal::Traces), 2);
}
