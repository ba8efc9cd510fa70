//! The smallest useful program: one span, delivered before the program ends, without any async.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{error::Error, time::Duration};

use otlp::core::EnhancedOtlpClient;
use otlp_receiver::Receiver;

fn main() -> Result<(), Box<dyn Error>> {
    // Stands for your backend. Without it, leave `with_endpoint` out and set OTEL_EXPORTER_OTLP_ENDPOINT.
    let receiver = Receiver::builder().start_blocking()?;

    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.grpc_endpoint())
        .with_grpc_transport()
        .with_service_name("hello")
        .build_blocking()?;

    let mut span = client.tracer("hello").start("say hello");
    span.set_attribute("greeting", "hello, world");
    span.end();

    let report = client.shutdown_blocking(Duration::from_secs(5));
    print!("{report}");

    assert_eq!(receiver.store().spans_named("say hello").len(), 1);
    Ok(())
}
