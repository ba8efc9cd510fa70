//! A Collector that ends in the middle of sending, and is started again.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use otlp_batch::BatchConfig;
use otlp_client::EnhancedOtlpClient;
use otlp_core::{Signal, SpanId};
use otlp_transport::Protocol;

use super::Collector;
use crate::{
    client::{DEADLINE, Kept, builder},
    server::until,
    telemetry::record,
};

fn delivered(client: &EnhancedOtlpClient) -> u64 {
    client.ledger().signal(Signal::Traces).delivered
}

/// Every item that the ledger calls delivered is in the files, and every one that was sent is called so. What is there
/// twice lost its acknowledgement, and the ledger says that it did.
fn is_restarted(protocol: Protocol) {
    let Some(mut collector) = Collector::start("") else { return };
    let kept = Kept::default();
    let (builder, said) = builder(format!("http://{}", collector.address(protocol)));
    let batches = BatchConfig { max_batch_size: 64, ..BatchConfig::default() };
    let client = builder
        .with_protocol(protocol)
        .with_batch_config(batches)
        .with_custom_exporter(Box::new(kept.clone()))
        .build_blocking()
        .unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                record(&client, 10);
                // As fast as the memory of the client has room: it is an outage that is tried, and not an overload.
                until("the client has room", || (client.ledger().pending() < 5_000).then_some(()));
            }
        });
        for _ in 0..3 {
            let before = delivered(&client);
            until("it is being sent to", || (delivered(&client) > before + 500).then_some(()));
            collector.server.stop();
            until("it is missed", || (client.ledger().traces.pending > 1_000).then_some(()));
            collector.server.start_again();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let report = client.shutdown_blocking(DEADLINE);
    let ledger = &report.ledgers[0];
    assert!(report.complete && ledger.balances() && ledger.lost() == 0, "{report}{:?}", said.lock());
    let (sent, received) = (kept.take(), collector.received());
    assert_eq!(
        [&ledger.traces, &ledger.logs].map(|one| one.delivered),
        [sent.counts()[0], sent.counts()[2]],
        "{report}"
    );
    let mut times: HashMap<SpanId, u64> = sent.spans.iter().map(|span| (span.span_id, 0)).collect();
    for span in &received.spans {
        *times.get_mut(&span.span_id).expect("a span that was sent") += 1;
    }
    let missing = times.values().filter(|times| **times == 0).count();
    let doubled: u64 = times.values().map(|times| times.saturating_sub(1)).sum();
    assert_eq!(missing, 0, "{} are called delivered:\n{report}", ledger.traces.delivered);
    assert!(doubled <= ledger.traces.acknowledgements_lost, "{doubled} are there twice:\n{report}");
    assert!(received.logs.len() as u64 >= ledger.logs.delivered, "{report}");
}

#[test]
fn over_grpc() {
    is_restarted(Protocol::Grpc);
}

#[test]
fn over_http_with_protobuf() {
    is_restarted(Protocol::HttpProtobuf);
}
