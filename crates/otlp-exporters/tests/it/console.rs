//! What a developer sees.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use otlp_exporters::ConsoleExporter;
use parking_lot::Mutex;

use crate::records::{log, metric, pipeline, span};

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_for_each_span_log_record_and_data_point() {
    let screen = Screen::default();
    let pipeline = pipeline(ConsoleExporter::to(screen.clone()));
    span(pipeline.intake(), "checkout");
    log(pipeline.intake(), "card declined");
    metric(pipeline.intake(), "orders");
    let report = pipeline.shutdown_blocking(Duration::from_secs(10));
    let ledger = &report.ledgers[0];
    assert_eq!((ledger.traces.delivered, ledger.logs.delivered, ledger.metrics.delivered), (1, 1, 2));
    let text = String::from_utf8(screen.0.lock().clone()).unwrap();
    for expected in [
        "span   shop/cart \"checkout\" Internal 2000 us trace=01010101010101010101010101010101",
        " items=3",
        "log    shop/cart WARN \"card declined\"",
        "metric shop/cart orders 2 region=\"eu\"",
        "metric shop/cart orders 5 region=\"us\"",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert_eq!(text.lines().count(), 4);
}

/// A terminal that is gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_is_not_called_delivered() {
    let pipeline = pipeline(ConsoleExporter::to(Gone));
    span(pipeline.intake(), "checkout");
    let ledger = pipeline.shutdown_blocking(Duration::from_secs(10)).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.rejected, ledger.pending), (0, 1, 0));
}
