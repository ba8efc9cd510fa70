//! Which directory belongs to whom, and what in it or about it is refused.

use std::{fs, sync::Arc};

use otlp_batch::{BatchExporter, DiskQueueConfig, EncryptionKey, Pipeline};
use otlp_core::{Outcome, data::Resource};
use parking_lot::Mutex;

use super::{DEADLINE, LATER, MOMENT, builder, config, disk, down, leave_behind, pipeline, sorted, traces, up};
use crate::{
    directory::Directory,
    scripted::{Scripted, one_at_a_time, spans},
};

#[test]
fn a_directory_that_was_found_is_opened_whatever_it_is_called() {
    let directory = Directory::new();
    leave_behind(builder(&directory, LATER, &down()), 0..25);
    let found = directory.path().join("Copy of 2.backend");
    fs::rename(directory.path().join("backend"), &found).unwrap();
    let backend = up();
    let exporter: Arc<dyn BatchExporter> = backend.clone();
    let pipeline = Pipeline::builder(Resource::default())
        .batch(config())
        .limits(one_at_a_time())
        .with_disk_queue(disk(&directory, LATER))
        .destination_in(&found, exporter);
    let report = pipeline.start().unwrap().shutdown_blocking(DEADLINE);
    assert_eq!(traces(&report).recovered, 25);
    assert_eq!(sorted(&backend), (0..25).collect::<Vec<_>>());
    assert!(!directory.path().join("backend").exists());
}

#[test]
fn a_second_process_is_told_who_has_the_directory() {
    let directory = Directory::new();
    let first = builder(&directory, LATER, &up()).start().unwrap();
    let refused = builder(&directory, LATER, &up()).start().unwrap_err().to_string();
    let holder = format!("process {}", std::process::id());
    assert!(refused.contains(&holder) && refused.contains(&*directory.path().to_string_lossy()), "{refused}");
    first.shutdown_blocking(DEADLINE);
    builder(&directory, LATER, &up()).start().unwrap();
}

#[test]
fn each_destination_has_a_directory_and_a_backlog_of_its_own() {
    let directory = Directory::new();
    let with = |one: &Arc<Scripted>, other: &Arc<Scripted>| {
        let builder = builder(&directory, LATER, one);
        builder.destination(Arc::clone(other) as _).start().unwrap()
    };
    // Of the same name, and only the second is down.
    let (first, second) = (up(), down());
    let pipeline = with(&first, &second);
    spans(pipeline.intake(), 0..30);
    let report = pipeline.shutdown_blocking(MOMENT);
    assert_eq!(report.ledgers.iter().map(|one| one.traces.pending).collect::<Vec<_>>(), [0, 30], "{report}");
    let (first, second) = (up(), up());
    let owners = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&owners);
    let builder = builder(&directory, LATER, &first).destination(Arc::clone(&second) as _);
    let builder = builder.on_disk_event(move |owner, _| said.lock().push((owner.index, owner.name.clone())));
    let report = builder.start().unwrap().shutdown_blocking(DEADLINE);
    assert_eq!(report.ledgers.iter().map(|one| one.traces.recovered).collect::<Vec<_>>(), [0, 30], "{report}");
    assert_eq!((first.numbers().len(), sorted(&second)), (0, (0..30).collect()));
    assert_eq!(*owners.lock(), [(1, first.name())], "they are told apart by their place");
}

#[test]
fn a_destination_is_found_again_by_its_stable_name() {
    let directory = Directory::new();
    let named = |name: &str, script: bool| {
        let exporter = Scripted::new(name, |_| async { Outcome::delivered() });
        exporter.set_up(script);
        exporter
    };
    let start = |exporter: &Arc<Scripted>| {
        let builder = Pipeline::builder(crate::scripted::resource()).batch(config()).limits(one_at_a_time());
        let builder = builder.with_disk_queue(disk(&directory, LATER));
        builder.destination_known_as("otlp", Arc::clone(exporter) as _).start().unwrap()
    };
    let first = start(&named("otlp (grpc)", false));
    spans(first.intake(), 0..10);
    first.shutdown_blocking(MOMENT);
    let renamed = named("otlp (http/json)", true);
    assert_eq!(traces(&start(&renamed).shutdown_blocking(DEADLINE)).delivered, 10);
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let exporter = up();
    let refused = |config: DiskQueueConfig| {
        pipeline(self::config(), &exporter).with_disk_queue(config).start().unwrap_err().to_string()
    };
    assert!(refused(DiskQueueConfig::new("")).contains("disk_queue.directory"));
    let directory = Directory::new();
    assert!(refused(disk(&directory, LATER).with_max_bytes(7)).contains("disk_queue.max_bytes is 7"));
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refused(DiskQueueConfig::new(&file)).contains("file"));
}

#[test]
fn a_wrong_key_is_refused_and_destroys_nothing() {
    let directory = Directory::new();
    let with = |key: u8, exporter: &Arc<Scripted>| {
        let disk = disk(&directory, LATER).with_encryption_key(EncryptionKey::from_bytes([key; 32]));
        pipeline(config(), exporter).with_disk_queue(disk)
    };
    leave_behind(with(1, &down()), 0..10);
    let plain = builder(&directory, LATER, &up()).start().unwrap_err().to_string();
    assert!(plain.contains("encrypted") && plain.contains("disk_queue.encryption_key"), "{plain}");
    let wrong = with(2, &up()).start().unwrap_err().to_string();
    assert!(wrong.contains("another key"), "{wrong}");
    let backend = up();
    assert_eq!(traces(&with(1, &backend).start().unwrap().shutdown_blocking(DEADLINE)).delivered, 10);
    assert_eq!(sorted(&backend), (0..10).collect::<Vec<_>>());
}
