//! What a producing thread records, and the identities of it.

use std::{thread, time::Duration};

use otlp_client::EnhancedOtlpClient;
use otlp_core::Signal;
use otlp_core::data::Severity;
use otlp_receiver::Identity;

/// Records items of `signal` until `is_over`. The identities of what was recorded, except for data points: their times are
/// not known here.
pub(crate) fn until(
    is_over: impl Fn() -> bool,
    signal: Signal,
    client: &EnhancedOtlpClient,
    thread_number: u64,
) -> Vec<Identity> {
    let tracer = client.tracer("contract");
    let logger = client.logger("contract");
    let counter = client.meter("contract").u64_counter("contract.items").init();
    let mut produced = Vec::new();
    for number in 0.. {
        if is_over() {
            break;
        }
        let uid = format!("{thread_number}-{number}");
        match signal {
            Signal::Traces => {
                let mut span = tracer.start("contract");
                span.set_attribute("number", number);
                let context = span.context();
                span.end();
                produced.push(Identity::Span { trace_id: context.trace_id, span_id: context.span_id });
            }
            Signal::Logs => {
                logger.record(Severity::Info).body("contract").attribute("log.record.uid", uid.as_str()).emit();
                produced.push(Identity::Log(uid));
            }
            Signal::Metrics => counter.add(1, &[("number", format!("{thread_number}-{}", number % 10))]),
        }
        // In bursts, so that the queue both fills and drains.
        if number % 200 == 199 {
            thread::park_timeout(Duration::from_millis(5));
        }
    }
    produced
}
