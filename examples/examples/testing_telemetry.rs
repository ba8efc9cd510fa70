//! How to test the telemetry of your own code: an embedded receiver, and a backend that fails when the test says so.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{error::Error, time::Duration};

use otlp::{Signal, core::EnhancedOtlpClient};
use otlp_receiver::{Fault, GrpcCode, Receiver};

fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start_blocking()?;
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.grpc_endpoint())
        .with_grpc_transport()
        .with_service_name("under test")
        .with_diagnostics(|diagnostic| println!("{diagnostic}"))
        .build_blocking()?;

    // The backend is unavailable for two requests, and rejects one span of the third.
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(2));
    receiver.faults().inject(Fault::reject(1).times(1));
    let tracer = client.tracer("under test");
    for _ in 0..10 {
        tracer.start("work").end();
    }
    let report = client.shutdown_blocking(Duration::from_secs(10));
    print!("{report}");

    let ledger = report.ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.rejected), (9, 1));
    assert_eq!(receiver.store().count(Signal::Traces), 9);
    Ok(())
}
