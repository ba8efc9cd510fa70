//! Traces, metrics and logs of one piece of work, related to each other, over HTTP with gzip.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use otlp::{
    Signal,
    config::Compression,
    core::EnhancedOtlpClient,
    data::{Severity, SpanKind, StatusCode},
};
use otlp_receiver::Receiver;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start().await?;
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.http_endpoint())
        .with_http_transport()
        .with_compression(Compression::Gzip)
        .with_service_name("shop")
        .with_resource_attribute("deployment.environment.name", "example")
        .build()
        .await?;

    let tracer = client.tracer("shop");
    let logger = client.logger("shop");
    let meter = client.meter("shop");
    let orders = meter.u64_counter("shop.orders").with_unit("{order}").init();
    let duration = meter.f64_histogram("shop.order.duration").with_unit("s").init();

    for number in 0..10 {
        let started = Instant::now();
        let mut span = tracer.start_with_kind("place order", SpanKind::Server);
        span.set_attribute("order.number", number);
        let declined = number % 5 == 4;
        {
            // What is recorded while the span is active belongs to it.
            let _active = span.enter();
            let mut charge = tracer.start_with_kind("charge card", SpanKind::Client);
            if declined {
                charge.set_status(StatusCode::Error, "card declined");
                logger.record(Severity::Warn).body("card declined").attribute("order.number", number).emit();
            }
        }
        span.end();
        let outcome = [("declined", declined)];
        orders.add(1, &outcome);
        duration.record(started.elapsed().as_secs_f64(), &outcome);
    }

    let report = client.shutdown(Duration::from_secs(5)).await;
    print!("{report}");

    let store = receiver.store();
    assert_eq!(store.count(Signal::Traces), 20);
    assert_eq!(store.count(Signal::Logs), 2);
    assert_eq!(store.count(Signal::Metrics), 4, "two series of each of the two instruments");
    let log = &store.logs()[0];
    let order = &store.spans_where(|span| Some(span.span_id) == log.span_id)[0];
    assert_eq!(order.name, "place order");
    Ok(())
}
