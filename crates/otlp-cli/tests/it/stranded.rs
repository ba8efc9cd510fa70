//! Directories with a disk queue, and clients that leave one behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use otlp::{
    SpanId,
    config::{BatchConfig, DiskQueueConfig, EncryptionKey},
    core::EnhancedOtlpClient,
    data::Severity,
};
use otlp_receiver::Receiver;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Longer than any test: no batch is closed before it is full or asked for.
const LATER: Duration = Duration::from_secs(3600);
pub(crate) const SPANS: usize = 35;
pub(crate) const LOGS: usize = 25;

/// A directory that is gone after the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("otlp-cli-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(fs::canonicalize(path).unwrap())
    }

    /// Where the queue of the client's OTLP endpoint is.
    pub(crate) fn queue(&self) -> PathBuf {
        self.0.join("otlp")
    }

    pub(crate) fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// All files, what is in them, and when they were changed.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            found.append(&mut files(&path));
            found.insert(path, (Vec::new(), changed));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    found
}

/// The files of batches.
pub(crate) fn segments(queue: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(queue).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "otlpq")).collect();
    paths.sort();
    paths
}

/// A client without a backend, and what it recorded, which is on the disk.
pub(crate) struct Stranded {
    pub(crate) client: EnhancedOtlpClient,
    pub(crate) spans: BTreeSet<SpanId>,
}

impl Stranded {
    pub(crate) fn new(directory: &Directory, key: Option<[u8; 32]>) -> Self {
        let backend = Receiver::builder().start_blocking().unwrap();
        backend.refuse_connections_blocking();
        let mut queue = DiskQueueConfig::new(&directory.0);
        if let Some(key) = key {
            queue = queue.with_encryption_key(EncryptionKey::from_bytes(key));
        }
        let client = EnhancedOtlpClient::builder()
            .without_environment()
            .with_endpoint(backend.grpc_endpoint())
            .with_batch_config(BatchConfig { max_batch_size: 10, batch_timeout: LATER, ..BatchConfig::default() })
            .with_disk_queue(queue)
            .with_diagnostics(|_| {})
            .build_blocking()
            .unwrap();
        let (tracer, logger) = (client.tracer("shop"), client.logger("shop"));
        let span = |number: usize| {
            let mut span = tracer.start("work");
            span.set_attribute("number", number);
            span.context().span_id
        };
        let spans = (0..SPANS).map(span).collect();
        (0..LOGS).for_each(|number| logger.record(Severity::Info).body("work").attribute("number", number).emit());
        let report = client.persist_blocking(DEADLINE);
        assert!(report.durable && !report.complete, "{report}");
        Stranded { client, spans }
    }

    /// Lets the program end in order.
    pub(crate) fn end(self) -> BTreeSet<SpanId> {
        let report = self.client.shutdown_blocking(Duration::from_millis(100));
        assert!(report.durable, "{report}");
        assert_eq!(report.ledgers[0].pending(), (SPANS + LOGS) as u64, "{report}");
        self.spans
    }

    /// Lets the program crash: what it leaves is a copy that is taken while it lives.
    pub(crate) fn crash(self, from: &Directory) -> (BTreeSet<SpanId>, Directory) {
        let copy = Directory::new();
        fs::create_dir(copy.queue()).unwrap();
        for path in fs::read_dir(from.queue()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
        {
            fs::copy(&path, copy.queue().join(path.file_name().unwrap())).unwrap();
        }
        (self.spans, copy)
    }
}

/// The spans that an ended program left behind.
pub(crate) fn left(directory: &Directory) -> BTreeSet<SpanId> {
    Stranded::new(directory, None).end()
}
