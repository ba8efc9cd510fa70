//! `otlp queue` on what a program with a dead backend left behind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use otlp::{
    Signal,
    config::{DiskQueueConfig, Durability, EncryptionKey},
    core::EnhancedOtlpClient,
    data::Severity,
};
use otlp_receiver::Receiver;

const DEADLINE: Duration = Duration::from_secs(20);
/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:1";

/// A directory of its own for each test, removed on drop.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("otlp-queue-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn config(&self) -> DiskQueueConfig {
        DiskQueueConfig::new(&self.0).with_durability(Durability::Always)
    }

    /// Every file and what is in it.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.0, &mut found);
        found
    }

    fn queue(&self, command: &str, more: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_otlp"));
        program.args(["queue", command]).arg(&self.0).args(more).stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTEL_")) {
            program.env_remove(name);
        }
        program.output().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr];
    both.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn client(config: DiskQueueConfig) -> EnhancedOtlpClient {
    let builder = EnhancedOtlpClient::builder().without_environment().with_endpoint(DEAD).with_diagnostics(|_| {});
    builder.with_disk_queue(config).build_blocking().unwrap()
}

/// Leaves ten spans and five log records behind, in batches of their own.
fn leave(config: DiskQueueConfig) {
    let client = client(config);
    for _ in 0..10 {
        client.tracer("test").start("work").end();
    }
    for _ in 0..5 {
        client.logger("test").record(Severity::Info).body("done").emit();
    }
    let report = client.shutdown_blocking(Duration::from_millis(500));
    assert!(report.durable && report.ledgers[0].lost() == 0 && report.ledgers[0].pending() >= 15, "{report}");
}

#[test]
fn what_only_reads_tells_what_is_there_and_changes_nothing() {
    let directory = Directory::new("reads");
    leave(directory.config());
    let before = directory.files();

    let inspected = directory.queue("inspect", &[]);
    let shown = text(&inspected);
    assert!(inspected.status.success() && shown.contains("10 items in 1 batch,"), "{shown}");
    assert!(shown.contains("5 items in 1 batch,") && shown.contains("0 items in 0 batches"), "{shown}");
    let json: serde_json::Value = serde_json::from_slice(&directory.queue("inspect", &["--json"]).stdout).unwrap();
    assert_eq!((&json["signals"][0]["items"], &json["holder"]), (&10.into(), &serde_json::Value::Null));

    let verified = directory.queue("verify", &[]);
    assert!(verified.status.success() && text(&verified).contains("2 batches sound"), "{}", text(&verified));

    let exported = directory.queue("export", &[]);
    let lines = String::from_utf8(exported.stdout).unwrap();
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len(), 10);
    assert_eq!(lines[1]["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().len(), 5);

    assert_eq!(directory.files(), before);
}

#[test]
fn drain_delivers_everything_once_and_leaves_an_empty_queue() {
    let directory = Directory::new("drain");
    leave(directory.config());
    let receiver = Receiver::builder().start_blocking().unwrap();
    let drained = directory.queue("drain", &["--endpoint", &receiver.grpc_endpoint(), "--protocol", "grpc"]);
    assert!(drained.status.success() && text(&drained).contains("recovered 10 = delivered 10"), "{}", text(&drained));
    assert_eq!((receiver.store().count(Signal::Traces), receiver.store().count(Signal::Logs)), (10, 5));
    let shown = text(&directory.queue("inspect", &[]));
    assert!(!shown.contains("10 items"), "{shown}");
    let again = directory.queue("drain", &["--endpoint", &receiver.grpc_endpoint(), "--protocol", "grpc"]);
    assert!(again.status.success() && receiver.store().count(Signal::Traces) == 10, "{}", text(&again));
}

#[test]
fn drain_to_nobody_fails_and_keeps_everything() {
    let directory = Directory::new("nobody");
    leave(directory.config());
    let drained = directory.queue("drain", &["--endpoint", DEAD, "--protocol", "grpc", "--seconds", "1"]);
    assert!(!drained.status.success() && text(&drained).contains("pending 10"), "{}", text(&drained));
    assert!(text(&directory.queue("inspect", &[])).contains("10 items in 1 batch,"));
}

#[test]
fn a_directory_in_use_is_inspected_and_nothing_else() {
    let directory = Directory::new("in-use");
    let client = client(directory.config());
    client.tracer("test").start("work").end();
    assert!(client.persist_blocking(DEADLINE).durable);
    let shown = text(&directory.queue("inspect", &[]));
    assert!(shown.contains("1 item in 1 batch,"), "{shown}");
    let holder = format!("in use by process {}", std::process::id());
    assert!(shown.contains(&holder), "{shown}");
    for (command, more) in [("verify", vec![]), ("export", vec![]), ("drain", vec!["--endpoint", DEAD])] {
        let refused = directory.queue(command, &more);
        assert!(!refused.status.success() && text(&refused).contains(&holder), "{command}: {}", text(&refused));
    }
    client.shutdown_blocking(Duration::from_millis(100));
}

#[test]
fn damage_is_found_and_the_rest_is_exported() {
    let directory = Directory::new("damage");
    leave(directory.config());
    leave(directory.config());
    // In what the first span of the first process says: a later one tells that it was there.
    let place = |bytes: &[u8]| bytes.windows(4).position(|window| window == b"work");
    let mut files = directory.files().into_iter();
    let (path, mut bytes, at) = files.find_map(|(path, bytes)| place(&bytes).map(|at| (path, bytes, at))).unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let verified = directory.queue("verify", &[]);
    assert!(
        !verified.status.success() && text(&verified).contains("1 batch damaged, with 10 items"),
        "{}",
        text(&verified)
    );
    let exported = directory.queue("export", &[]);
    assert!(!exported.status.success() && text(&exported).contains("damaged"), "{}", text(&exported));
    assert_eq!(String::from_utf8(exported.stdout).unwrap().lines().count(), 3);
}

#[test]
fn an_encrypted_queue_is_counted_without_its_key_and_read_with_it() {
    let directory = Directory::new("encrypted");
    leave(directory.config().with_encryption_key(EncryptionKey::from_bytes([9; 32])));
    assert!(text(&directory.queue("inspect", &[])).contains("10 items in 1 batch,"));
    let refused = directory.queue("export", &[]);
    assert!(!refused.status.success() && text(&refused).contains("no key was given"), "{}", text(&refused));
    let file = directory.0.with_extension("key");
    fs::write(&file, "08".repeat(32)).unwrap();
    let key = ["--key-file", file.to_str().unwrap()];
    let wrong = directory.queue("export", &key);
    assert!(!wrong.status.success() && text(&wrong).contains("another key"), "{}", text(&wrong));
    fs::write(&file, "09".repeat(32)).unwrap();
    let exported = directory.queue("export", &key);
    fs::remove_file(&file).unwrap();
    assert!(exported.status.success(), "{}", text(&exported));
    assert_eq!(String::from_utf8(exported.stdout).unwrap().lines().count(), 2);
}

#[test]
fn a_directory_without_a_queue_is_refused_and_stays_empty() {
    let directory = Directory::new("none");
    for (command, more) in
        [("inspect", vec![]), ("verify", vec![]), ("export", vec![]), ("drain", vec!["--endpoint", DEAD])]
    {
        let refused = directory.queue(command, &more);
        assert!(!refused.status.success() && text(&refused).contains("there is no disk queue"), "{}", text(&refused));
    }
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
}
