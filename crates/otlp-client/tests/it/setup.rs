//! A receiver and a client that sends to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use otlp_client::{ClientBuilder, EnhancedOtlpClient};
use otlp_receiver::Receiver;
use otlp_reliability::RetryPolicy;
use parking_lot::Mutex;

/// Long enough for anything that works.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn receiver() -> Receiver {
    Receiver::builder().start_blocking().expect("the receiver starts")
}

/// A client whose messages about itself are kept.
pub(crate) fn builder(endpoint: impl Into<String>) -> (ClientBuilder, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let builder = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(endpoint)
        .with_service_name("test")
        .with_retry_policy(RetryPolicy::new().with_max_attempts(2).with_initial_delay(Duration::from_millis(1)))
        .with_diagnostics(move |diagnostic| sink.lock().push(diagnostic.to_string()));
    (builder, said)
}

/// A gRPC client of `receiver`.
pub(crate) fn client(receiver: &Receiver) -> EnhancedOtlpClient {
    builder(receiver.grpc_endpoint()).0.with_grpc_transport().build_blocking().expect("the client builds")
}

/// Ends `count` spans.
pub(crate) fn spans(client: &EnhancedOtlpClient, count: usize) {
    let tracer = client.tracer("test");
    for number in 0..count {
        tracer.start("work").set_attribute("number", number).end();
    }
}

/// How long `act` takes.
pub(crate) fn duration_of(act: impl FnOnce()) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}
