//! The disk queue: what a process leaves behind, however it ends, the next one delivers.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use otlp_batch::DropReason;
use otlp_client::{ClientBuilder, DiskQueueConfig, Durability, EnhancedOtlpClient};
use otlp_core::{Signal, SpanId, data::Severity};
use otlp_receiver::{Fault, GrpcCode, Receiver};

use crate::setup::{DEADLINE, builder, receiver, spans};

const MOMENT: Duration = Duration::from_millis(100);
/// Of the child process.
const ENDPOINT: &str = "OTLP_TEST_CHILD_ENDPOINT";
const DIRECTORY: &str = "OTLP_TEST_CHILD_DIRECTORY";

/// A directory that is gone after the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("otlp-client-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client that keeps what it cannot deliver in `directory`, with the default retry.
fn keeping(endpoint: &str, directory: &Path) -> ClientBuilder {
    EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(endpoint)
        .with_grpc_transport()
        .with_service_name("test")
        .with_diagnostics(|_| {})
        .with_disk_queue(DiskQueueConfig::new(directory))
}

/// Records spans, with ids that are known.
fn record(client: &EnhancedOtlpClient, count: usize) -> Vec<SpanId> {
    let tracer = client.tracer("test");
    let span = |number| {
        let mut span = tracer.start("work");
        span.set_attribute("number", number);
        let id = span.context().span_id;
        span.end();
        id
    };
    (0..count).map(span).collect()
}

fn arrived(receiver: &Receiver) -> HashSet<SpanId> {
    receiver.store().spans().iter().map(|span| span.span_id).collect()
}

#[test]
fn a_program_that_ends_while_its_backend_is_down_is_delivered_by_its_next_run() {
    let directory = Directory::new();
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let first = keeping(&receiver.grpc_endpoint(), &directory.0).with_drop_deadline(MOMENT).build_blocking().unwrap();
    let ids = record(&first, 50);
    let logger = first.logger("test");
    (0..20).for_each(|number| logger.record(Severity::Info).body("work").attribute("number", number).emit());
    first.meter("test").u64_counter("work").init().add(1, &[("region", "eu")]);
    drop((logger, first));
    assert_eq!(receiver.store().count(Signal::Traces), 0);

    receiver.faults().clear();
    let second = keeping(&receiver.grpc_endpoint(), &directory.0).build_blocking().unwrap();
    let more = record(&second, 30);
    let report = second.shutdown_blocking(DEADLINE);
    let ledger = &report.ledgers[0];
    assert!(report.complete && report.durable && ledger.balances(), "{report}");
    assert_eq!((ledger.traces.recovered, ledger.traces.accepted, ledger.traces.delivered), (50, 30, 80), "{ledger}");
    assert_eq!((ledger.logs.recovered, ledger.metrics.recovered, ledger.lost()), (20, 1, 0), "{ledger}");
    assert_eq!(arrived(&receiver), ids.into_iter().chain(more).collect::<HashSet<_>>());
    for signal in Signal::ALL {
        assert_eq!(receiver.store().duplicates(signal), [], "{signal}");
    }
    assert_eq!(receiver.store().count(Signal::Logs), 20);
    assert!(receiver.store().metrics_named("work").iter().any(|metric| metric.name == "work"));
}

#[test]
fn a_backlog_survives_a_change_of_protocol() {
    let directory = Directory::new();
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let first = keeping(&receiver.grpc_endpoint(), &directory.0).build_blocking().unwrap();
    let ids = record(&first, 10);
    assert!(first.shutdown_blocking(MOMENT).durable);
    receiver.faults().clear();
    let second = keeping(&receiver.http_endpoint(), &directory.0).with_http_json_transport().build_blocking().unwrap();
    assert_eq!(second.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 10);
    assert_eq!(arrived(&receiver), ids.into_iter().collect());
}

#[test]
fn what_persist_confirmed_survives_kills() {
    let receiver = receiver();
    let seed =
        std::env::var("OTLP_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("OTLP_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let directory = Directory::new();
    let mut confirmed = HashSet::new();
    for round in 0..6 {
        // Down, up, and failing now and then.
        match round % 3 {
            0 => receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable)),
            _ => receiver.faults().clear(),
        }
        confirmed.extend(run_and_kill(&receiver, &directory.0, random.usize(1..12)));
    }
    receiver.faults().clear();
    let last = keeping(&receiver.grpc_endpoint(), &directory.0).build_blocking().unwrap();
    let report = last.shutdown_blocking(DEADLINE);
    assert!(report.complete, "{report}");
    let arrived = arrived(&receiver);
    let lost: Vec<&SpanId> = confirmed.iter().filter(|id| !arrived.contains(*id)).collect();
    assert!(!confirmed.is_empty() && lost.is_empty(), "{} of {} lost\n{report}", lost.len(), confirmed.len());
}

/// Runs [`child`] until it has confirmed so many times, and kills it in the middle of what it does then; the ids of what
/// it confirmed.
fn run_and_kill(receiver: &Receiver, directory: &Path, confirmations: usize) -> Vec<SpanId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["disk::child", "--exact", "--ignored", "--nocapture"])
        .env(ENDPOINT, receiver.grpc_endpoint())
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ids = Vec::new();
    let mut seen = 0;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        let Some(confirmed) = line.strip_prefix("durable ") else { continue };
        // A kill may cut off the last line.
        let Some(confirmed) = confirmed.strip_suffix('.') else { continue };
        ids.extend(confirmed.split(' ').map(|id| id.parse::<SpanId>().expect("an id")));
        seen += 1;
        if seen == confirmations {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= confirmations, "the child ended by itself");
    ids
}

/// Records and persists until it is killed.
#[test]
#[ignore = "what_persist_confirmed_survives_kills runs it, as a process of its own"]
fn child() {
    let (Ok(endpoint), Ok(directory)) = (std::env::var(ENDPOINT), std::env::var(DIRECTORY)) else { return };
    let config = DiskQueueConfig::new(&directory).with_durability(Durability::Interval(Duration::from_millis(10)));
    let client = keeping(&endpoint, Path::new(&directory)).with_disk_queue(config).build_blocking().unwrap();
    let mut stdout = std::io::stdout();
    loop {
        let ids = record(&client, 20);
        if client.persist_blocking(DEADLINE).durable {
            let ids: Vec<String> = ids.iter().map(SpanId::to_string).collect();
            writeln!(stdout, "\ndurable {}.", ids.join(" ")).unwrap();
            stdout.flush().unwrap();
        }
    }
}

#[test]
fn a_second_client_on_the_directory_is_refused_and_told_why() {
    let directory = Directory::new();
    let first = keeping("http://localhost:1", &directory.0).build_blocking().unwrap();
    let refused = keeping("http://localhost:1", &directory.0).build_blocking().unwrap_err().to_string();
    assert!(refused.contains("in use by process") && refused.contains(&*directory.0.to_string_lossy()), "{refused}");
    first.shutdown_blocking(MOMENT);
    keeping("http://localhost:1", &directory.0).build_blocking().unwrap().shutdown_blocking(MOMENT);
}

#[test]
fn a_setting_of_the_disk_queue_that_cannot_work_is_named() {
    let config = DiskQueueConfig::new("/nowhere").with_segment_bytes(1);
    let refused = builder("http://localhost:1").0.with_disk_queue(config).build_blocking().unwrap_err().to_string();
    assert!(refused.contains("disk_queue.segment_bytes is 1"), "{refused}");
}

#[test]
fn it_says_what_it_found_and_what_it_could_not_read() {
    let directory = Directory::new();
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let first = keeping(&receiver.grpc_endpoint(), &directory.0).build_blocking().unwrap();
    record(&first, 10);
    assert!(first.persist_blocking(DEADLINE).durable);
    record(&first, 10);
    assert!(first.shutdown_blocking(MOMENT).durable);
    receiver.faults().clear();
    let otlp = directory.0.join("otlp");
    let files = fs::read_dir(&otlp).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.filter(|path| path.extension().is_some_and(|one| one == "otlpq")).min().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    // In the first of the two batches.
    let at = bytes.len() / 4;
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (builder, said) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().with_disk_queue(DiskQueueConfig::new(&directory.0)).build_blocking();
    let client = client.unwrap();
    spans(&client, 5);
    let report = client.shutdown_blocking(DEADLINE);
    let traces = report.ledgers[0].traces;
    assert_eq!((traces.recovered, traces.delivered, traces.dropped[DropReason::DiskDamaged]), (20, 15, 10), "{report}");
    let said = said.lock().join("\n");
    assert!(said.contains("disk queue") && (said.contains("damage") || said.contains("cannot be read")), "{said}");
}
