//! Clients from the text of a file, as an operator writes it.

use otlp_client::{ClientBuilder, EnhancedOtlpClient, config::ClientConfig};
use otlp_receiver::Receiver;

use crate::setup::{DEADLINE, spans};

/// What all of them have, so that a test sees its own requests alone.
const QUIET: &str = "
service_name: shop
retry: {initial_interval: 1ms, max_interval: 10ms}
logging: {log_level: off}
";
/// Where a test says nothing of the part itself.
const GRPC: &str = "transport: {protocol: grpc}\n";
const NO_METRICS: &str = "monitoring: {enable_performance_metrics: false, enable_resource_metrics: false}\n";

pub(super) fn read(text: &str) -> ClientConfig {
    let unless_said = |part: &str, said| if text.contains(part) { "" } else { said };
    let (grpc, metrics) = (unless_said("transport:", GRPC), unless_said("monitoring:", NO_METRICS));
    let text = format!("{QUIET}{grpc}{metrics}{text}");
    ClientConfig::from_yaml_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(super) fn builder(text: &str) -> ClientBuilder {
    EnhancedOtlpClient::builder().without_environment().with_client_config(read(text))
}

pub(super) fn client(text: &str) -> EnhancedOtlpClient {
    builder(text).build_blocking().unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A gRPC client of one receiver, with more that is said.
pub(super) fn client_of(receiver: &Receiver, text: &str) -> EnhancedOtlpClient {
    client(&format!("endpoint: {}\n{text}", receiver.grpc_endpoint()))
}

/// So many batches of one span.
pub(super) fn batches(client: &EnhancedOtlpClient, count: usize) {
    for _ in 0..count {
        spans(client, 1);
        assert!(client.flush_blocking(DEADLINE).complete);
    }
}
