//! A program that ends before its telemetry is delivered, like a cron job whose backend is down just then. With a disk
//! queue, what it could not deliver is in a directory, and its next run delivers that, each item once.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{collections::BTreeSet, error::Error, fs, path::Path, time::Duration};

use otlp::{
    Signal,
    config::{DiskQueueConfig, Durability},
    core::EnhancedOtlpClient,
    data::Severity,
    delivery::Report,
};
use otlp_receiver::Receiver;

/// How long a job that is done may still take to deliver. It need not wait for a backend that is down: what is left is
/// kept.
const AT_MOST: Duration = Duration::from_secs(2);

/// One run of the job, from the beginning of its process to the end.
async fn run(endpoint: &str, directory: &Path, night: i64) -> Result<Report, Box<dyn Error>> {
    // The same directory at each run, of this job alone: one client at a time can have it.
    let queue = DiskQueueConfig::new(directory).with_durability(Durability::Interval(Duration::from_millis(100)));
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(endpoint)
        .with_grpc_transport()
        .with_service_name("nightly-backup")
        .with_disk_queue(queue)
        .with_diagnostics(|diagnostic| println!("  {diagnostic}"))
        .build()
        .await?;

    let tracer = client.tracer("backup");
    for table in ["orders", "payments", "users"] {
        let mut span = tracer.start("copy table");
        span.set_attribute("backup.table", format!("{table} {night}"));
        span.end();
    }
    client.logger("backup").record(Severity::Info).body("backup done").attribute("backup.night", night).emit();

    // Should the job be killed from here on, nothing of the above is lost. A job that ends in order can do without:
    // shutdown sees to it as well.
    let persisted = client.persist(AT_MOST).await;
    assert!(persisted.durable, "{persisted}");

    Ok(client.shutdown(AT_MOST).await)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Stands for your backend.
    let receiver = Receiver::builder().start().await?;
    let endpoint = receiver.grpc_endpoint();
    // Stands for a directory that outlives the job, as /var/spool/nightly-backup.
    let directory = std::env::temp_dir().join(format!("otlp-short-lived-{}", std::process::id()));

    println!("the first night, the backend is down");
    receiver.kill().await;
    let first = run(&endpoint, &directory, 1).await?;
    print!("{first}");
    let ledger = &first.ledgers[0];
    assert!(!first.complete && first.durable, "nothing was delivered, and nothing is lost");
    assert_eq!((ledger.traces.pending, ledger.logs.pending, ledger.lost()), (3, 1, 0));

    println!("the second night, it is back");
    receiver.restart().await?;
    let second = run(&endpoint, &directory, 2).await?;
    print!("{second}");
    let ledger = &second.ledgers[0];
    assert!(second.complete, "both nights are delivered");
    assert_eq!((ledger.traces.recovered, ledger.traces.accepted, ledger.traces.delivered), (3, 3, 6));
    assert_eq!((ledger.logs.recovered, ledger.logs.accepted, ledger.logs.delivered), (1, 1, 2));

    let spans = receiver.store().spans();
    let tables = spans.iter().filter_map(|span| span.attributes.get("backup.table")?.as_str());
    let expected = ["orders 1", "orders 2", "payments 1", "payments 2", "users 1", "users 2"];
    assert_eq!(tables.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    assert_eq!(receiver.store().count(Signal::Logs), 2);
    for signal in Signal::ALL {
        assert_eq!(receiver.store().duplicates(signal), [], "{signal}: each once");
    }
    fs::remove_dir_all(&directory)?;
    Ok(())
}
