//! The disk queue from the outside: what one process does not deliver, the next one does.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use otlp_batch::{
    BatchConfig, BatchExporter, BatchLimits, DiskEvent, DiskQueueConfig, DropReason, Durability, EncryptionKey,
    Exported, Inspection, Intake, Ledger, MemoryPoolConfig, OnFull, Pipeline, PipelineBuilder, Producer, Report,
    ScopeHandle, SignalLedger,
};
use otlp_core::{Outcome, Signal, data::Resource};
use parking_lot::Mutex;

use crate::{
    directory::Directory,
    scripted::{self, Fates, Scripted, error, numbers, one_at_a_time, record, scope, spans},
};

const DEADLINE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(50);
/// Far longer than any test: nothing is stored because of its age.
const LATER: Durability = Durability::Interval(Duration::from_secs(60));
const ALL: [Durability; 3] = [Durability::Always, LATER, Durability::None];

/// Batches of ten.
fn config() -> BatchConfig {
    BatchConfig { max_batch_size: 10, ..BatchConfig::default() }
}

fn pipeline(config: BatchConfig, exporter: &Arc<Scripted>) -> PipelineBuilder {
    scripted::pipeline(config, exporter).limits(one_at_a_time())
}

fn disk(directory: &Directory, durability: Durability) -> DiskQueueConfig {
    DiskQueueConfig::new(directory.path()).with_durability(durability)
}

fn builder(directory: &Directory, durability: Durability, exporter: &Arc<Scripted>) -> PipelineBuilder {
    pipeline(config(), exporter).with_disk_queue(disk(directory, durability))
}

fn down() -> Arc<Scripted> {
    let exporter = Scripted::new("backend", |_| async { Exported::PutOff { error: None, was_up: false } });
    exporter.set_up(false);
    exporter
}

fn up() -> Arc<Scripted> {
    Scripted::new("backend", |_| async { Outcome::delivered() })
}

fn traces(report: &Report) -> SignalLedger {
    assert!(report.ledgers.iter().all(Ledger::balances), "{report}");
    report.ledgers[0].traces
}

fn sorted(exporter: &Scripted) -> Vec<u64> {
    let mut numbers = exporter.numbers();
    numbers.sort_unstable();
    numbers
}

/// Of each batch.
type Numbers = Vec<Vec<u64>>;

/// An exporter that keeps the numbers of each batch, and not the memory.
fn forgetful() -> (Arc<Scripted>, Arc<Mutex<Numbers>>) {
    let arrived = Arc::new(Mutex::new(Numbers::new()));
    let sink = Arc::clone(&arrived);
    let exporter = Scripted::new("backend", move |batch| {
        sink.lock().push(numbers(&batch));
        async { Outcome::delivered() }
    });
    (exporter.forgetting(), arrived)
}

/// A process that delivers nothing of these spans.
fn leave_behind(builder: PipelineBuilder, numbers: impl IntoIterator<Item = u64>) -> SignalLedger {
    let pipeline = builder.start().expect("the pipeline starts");
    spans(pipeline.intake(), numbers);
    let report = pipeline.shutdown_blocking(MOMENT);
    assert!(report.durable && !report.complete, "{report}");
    traces(&report)
}

/// The files of segments.
fn segments(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "otlpq")).collect()
}

#[test]
fn what_a_shutdown_does_not_deliver_the_next_process_does() {
    for durability in ALL {
        let directory = Directory::new();
        let first = leave_behind(builder(&directory, durability, &down()), 0..105);
        assert_eq!((first.accepted, first.pending, first.dropped.total()), (105, 105, 0), "{first}");

        let backend = up();
        let pipeline = builder(&directory, durability, &backend).start().unwrap();
        spans(pipeline.intake(), 105..200);
        let report = pipeline.shutdown_blocking(DEADLINE);
        let second = traces(&report);
        assert_eq!(
            (second.recovered, second.accepted, second.delivered, second.pending),
            (105, 95, 200, 0),
            "{second}"
        );
        assert!(report.complete && report.durable);
        assert_eq!(sorted(&backend), (0..200).collect::<Vec<_>>(), "once each");
        let sequences: Vec<u64> = backend.batches().iter().map(|batch| batch.sequence()).collect();
        assert_eq!(sequences.len(), sequences.iter().collect::<std::collections::BTreeSet<_>>().len());

        let third = builder(&directory, durability, &up()).start().unwrap();
        assert_eq!(traces(&third.shutdown_blocking(DEADLINE)).recovered, 0);
    }
}

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
fn what_is_delivered_in_time_never_touches_the_disk() {
    let directory = Directory::new();
    let backend = up();
    let pipeline = builder(&directory, LATER, &backend).start().unwrap();
    spans(pipeline.intake(), 0..1_000);
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    assert_eq!(segments(&directory.path().join("backend")), [] as [PathBuf; 0]);
    assert_eq!(traces(&pipeline.shutdown_blocking(DEADLINE)).delivered, 1_000);
}

#[test]
fn persist_says_when_everything_is_on_the_disk() {
    for durability in ALL {
        let directory = Directory::new();
        let pipeline = builder(&directory, durability, &down()).start().unwrap();
        spans(pipeline.intake(), 0..25);
        let report = pipeline.persist_blocking(DEADLINE);
        assert!(report.durable && !report.complete, "{report}");
        assert!(directory.bytes() > 25 * 10);
        // As a crash would leave it: a copy of the directory, taken now.
        let copy = Directory::new();
        fs::create_dir(copy.path().join("backend")).unwrap();
        for segment in segments(&directory.path().join("backend")) {
            fs::copy(&segment, copy.path().join("backend").join(segment.file_name().unwrap())).unwrap();
        }
        let backend = up();
        let next = builder(&copy, durability, &backend).start().unwrap();
        assert_eq!(traces(&next.shutdown_blocking(DEADLINE)).recovered, 25);
        assert_eq!(sorted(&backend), (0..25).collect::<Vec<_>>());
        pipeline.shutdown_blocking(Duration::ZERO);
    }
}

#[test]
fn persist_asks_the_producers_first() {
    struct Counting(ScopeHandle);
    impl Producer for Counting {
        fn produce(&self, intake: &Intake) {
            record(intake, Signal::Metrics, &self.0, 7);
        }
    }
    let directory = Directory::new();
    let pipeline = builder(&directory, LATER, &down()).start().unwrap();
    pipeline.intake().register(Arc::new(Counting(scope(pipeline.intake()))));
    assert!(pipeline.persist_blocking(DEADLINE).durable);
    assert_eq!(pipeline.ledgers()[0].metrics.accepted, 1);
    assert!(directory.bytes() > 0);
    pipeline.shutdown_blocking(Duration::ZERO);
}

#[test]
fn without_a_disk_queue_persist_waits_for_the_delivery() {
    let backend = down();
    let pipeline = pipeline(config(), &backend).start().unwrap();
    spans(pipeline.intake(), 0..10);
    assert!(!pipeline.persist_blocking(MOMENT).durable);
    pipeline.shutdown_blocking(Duration::ZERO);
}

#[test]
fn a_delivery_under_way_at_the_end_goes_back_and_on_the_disk() {
    let directory = Directory::new();
    let stuck = Scripted::new("backend", |_| std::future::pending::<Outcome>());
    let first = leave_behind(builder(&directory, LATER, &stuck), 0..10);
    assert_eq!((first.pending, first.acknowledgements_lost), (10, 10), "{first}");
    let backend = up();
    let next = builder(&directory, LATER, &backend).start().unwrap();
    assert_eq!(traces(&next.shutdown_blocking(DEADLINE)).delivered, 10);
}

#[test]
fn the_rest_of_a_batch_that_was_partly_delivered_is_what_is_kept() {
    for durability in ALL {
        let directory = Directory::new();
        // The first half of the batch is delivered, and the second never answers.
        let half = Scripted::new("backend", |batch| async move {
            match numbers(&batch) {
                many if many.len() > 5 => Outcome::TooLarge(error("too large")),
                few if few.contains(&0) => Outcome::delivered(),
                _ => std::future::pending().await,
            }
        });
        let first = builder(&directory, durability, &half).start().unwrap();
        spans(first.intake(), 0..10);
        while half.numbers().is_empty() {
            std::thread::yield_now();
        }
        let ledger = traces(&first.shutdown_blocking(MOMENT));
        assert_eq!((ledger.delivered, ledger.pending), (5, 5), "{ledger}");
        let backend = up();
        let next = builder(&directory, durability, &backend).start().unwrap();
        assert_eq!(traces(&next.shutdown_blocking(DEADLINE)).recovered, 5);
        assert_eq!(sorted(&backend), (5..10).collect::<Vec<_>>());
    }
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
    let report = with(&first, &second).shutdown_blocking(DEADLINE);
    assert_eq!(report.ledgers.iter().map(|one| one.traces.recovered).collect::<Vec<_>>(), [0, 30], "{report}");
    assert_eq!((first.numbers().len(), sorted(&second)), (0, (0..30).collect()));
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
fn a_backlog_ten_times_the_memory_budget_is_drained_within_it_and_takes_turns_with_what_is_new() {
    let directory = Directory::new();
    let memory = MemoryPoolConfig { max_size: 1 << 20, chunk_size: 16 << 10, ..MemoryPoolConfig::default() };
    let big = BatchConfig { max_batch_size: 1_600, ..BatchConfig::default() };
    let start = |exporter: &Arc<Scripted>| {
        let builder = pipeline(big, exporter).with_disk_queue(disk(&directory, Durability::None));
        builder.memory(memory).start().unwrap()
    };
    // Records of 10 bytes: 10 MiB and more.
    const BACKLOG: u64 = 1_100_000;
    let first = start(&down());
    for from in (0..BACKLOG).step_by(10_000) {
        spans(first.intake(), from..from + 10_000);
        assert!(first.persist_blocking(DEADLINE).durable);
        assert!(first.memory_in_use() <= memory.max_size);
    }
    let depth = first.queue_depths(Signal::Traces)[0];
    assert_eq!(depth.waiting_items, BACKLOG);
    let report = first.shutdown_blocking(MOMENT);
    assert_eq!(traces(&report).pending, BACKLOG, "{report}");
    assert!(directory.bytes() > 10 * memory.max_size as u64);

    // Everything that is new is there before the backend is.
    let (backend, arrived) = forgetful();
    backend.set_up(false);
    let second = start(&backend);
    const NEW: u64 = 16_000;
    spans(second.intake(), BACKLOG..BACKLOG + NEW);
    assert!(!second.flush_blocking(MOMENT).complete);
    assert!(second.memory_in_use() <= memory.max_size);
    backend.set_up(true);
    while second.ledgers()[0].traces.pending > 0 {
        assert!(second.memory_in_use() <= memory.max_size);
        std::thread::yield_now();
    }
    assert_eq!(traces(&second.shutdown_blocking(DEADLINE)).delivered, BACKLOG + NEW);
    let arrived = arrived.lock();
    let is_new: Vec<bool> = arrived.iter().map(|batch| batch[0] >= BACKLOG).collect();
    let last_new = is_new.iter().rposition(|is_new| *is_new).unwrap();
    let new = is_new.iter().filter(|is_new| **is_new).count();
    assert!(last_new <= 2 * new + 1, "{new} new batches, the last of which came as number {last_new}");
    let old: Vec<u64> = arrived.iter().flatten().copied().filter(|number| *number < BACKLOG).collect();
    assert!(old == (0..BACKLOG).collect::<Vec<_>>(), "the backlog in order");
}

#[test]
fn the_limit_in_bytes_drops_the_oldest_of_the_signal_that_waits_with_most() {
    let directory = Directory::new();
    let config = BatchConfig { max_batch_size: 2_000, ..config() };
    let limit = 4 << 20;
    let start = |exporter: &Arc<Scripted>, fates: &Arc<Fates>| {
        let limited = disk(&directory, Durability::Always).with_max_bytes(limit).with_segment_bytes(128 << 10);
        let limits = BatchLimits { on_full: OnFull::DropOldest, ..one_at_a_time() };
        pipeline(config, exporter).limits(limits).with_disk_queue(limited).observer(fates.clone()).start().unwrap()
    };
    let fates = Arc::new(Fates::default());
    let first = start(&down(), &fates);
    let test = scope(first.intake());
    (0..1_000).for_each(|number| record(first.intake(), Signal::Logs, &test, number));
    for from in (0..600_000).step_by(20_000) {
        spans(first.intake(), from..from + 20_000);
        assert!(first.persist_blocking(DEADLINE).durable);
        assert!(directory.bytes() <= limit + 8_192, "the files, and the cursor with its journal");
    }
    let report = first.shutdown_blocking(MOMENT);
    let ledger = traces(&report);
    let dropped = ledger.dropped[DropReason::DiskFull];
    assert_eq!((ledger.dropped.total(), ledger.pending), (dropped, 600_000 - dropped), "{ledger}");
    assert!((150_000..400_000).contains(&dropped), "{dropped}");
    assert_eq!(report.ledgers[0].logs.pending, 1_000, "the other signals keep theirs");
    let backend = up();
    let second = start(&backend, &fates);
    let report = second.shutdown_blocking(DEADLINE);
    assert_eq!(traces(&report).delivered, 600_000 - dropped, "{report}");
    let of = |signal| backend.batches().into_iter().filter(move |batch| batch.signal() == signal);
    let mut left: Vec<u64> = of(Signal::Traces).flat_map(|batch| numbers(&batch)).collect();
    left.sort_unstable();
    assert_eq!(left, (dropped..600_000).collect::<Vec<_>>(), "the newest are kept");
    assert_eq!(of(Signal::Logs).map(|batch| batch.items()).sum::<u64>(), 1_000);
}

#[test]
fn a_little_of_every_signal_in_every_file_costs_those_that_have_most_no_more_than_there_is_too_much() {
    let directory = Directory::new();
    let config = BatchConfig { max_batch_size: 2_000, ..config() };
    let limits = BatchLimits { on_full: OnFull::DropOldest, ..one_at_a_time() };
    let (limit, segment) = (4 << 20, 128 << 10);
    let limited = disk(&directory, Durability::Always).with_max_bytes(limit).with_segment_bytes(segment);
    let pipeline = pipeline(config, &down()).limits(limits).with_disk_queue(limited).start().unwrap();
    let test = scope(pipeline.intake());
    // Fewer and larger: the log records have most bytes, and the spans most items.
    let large = |out: &mut Vec<u8>| {
        out.extend_from_slice(&[0x12, 0xfd, 0x07]);
        out.extend_from_slice(&[0; 1_021]);
    };
    for round in 0..60 {
        spans(pipeline.intake(), round * 1_000..(round + 1) * 1_000);
        (0..100).for_each(|_| pipeline.intake().append(Signal::Logs, &test, 1, 1_024, large));
        assert!(pipeline.persist_blocking(DEADLINE).durable);
        assert!(directory.bytes() <= limit + 8_192, "the files, and the cursor with its journal");
    }
    let report = pipeline.shutdown_blocking(MOMENT);
    let (traces, logs) = (traces(&report), report.ledgers[0].logs);
    assert_eq!((traces.dropped.total(), traces.pending), (0, 60_000), "who has little keeps it: {traces}");
    let dropped = logs.dropped[DropReason::DiskFull] * 1_024;
    let too_much = 6_000 * 1_024 + 60_000 * 10 - limit;
    assert!((too_much..too_much + 3 * segment).contains(&dropped), "{dropped} bytes dropped, {too_much} were too much");
}

#[test]
fn at_the_limit_in_bytes_new_batches_stay_in_memory_until_that_is_full_too() {
    let directory = Directory::new();
    let config = BatchConfig { max_batch_size: 1_000, max_queue_size: 10_000, ..config() };
    let events = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&events);
    let limited = disk(&directory, Durability::Always).with_max_bytes(4 << 20).with_segment_bytes(128 << 10);
    let exporter = down();
    let builder = pipeline(config, &exporter).with_disk_queue(limited);
    let builder =
        builder.on_disk_event(move |destination, event| said.lock().push(format!("{destination}: {event:?}")));
    let first = builder.start().unwrap();
    let mut next = 0;
    while first.ledgers()[0].traces.dropped.total() == 0 {
        spans(first.intake(), next..next + 1_000);
        next += 1_000;
        first.persist_blocking(MOMENT);
        assert!(next < 1_000_000, "no end to it");
    }
    let ledger = first.ledgers()[0].traces;
    assert_eq!(ledger.dropped.total(), ledger.dropped[DropReason::QueueFull], "{ledger}");
    assert!(ledger.accepted > 300_000 && directory.bytes() <= (4 << 20) + 4_096, "{ledger}");
    assert!(events.lock().iter().any(|event| event.starts_with("backend: Full")), "{:?}", events.lock());
    // What fits neither on the disk nor into the life of the process is lost, and said to be.
    let ledger = traces(&first.shutdown_blocking(MOMENT));
    assert!(ledger.dropped[DropReason::DiskFailed] > 0, "{ledger}");
}

#[test]
fn damage_is_counted_and_the_rest_is_delivered() {
    let directory = Directory::new();
    leave_behind(builder(&directory, LATER, &down()), 0..100);
    let segment = segments(&directory.path().join("backend")).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    // A payload in the middle, and of the last frame the header.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&segment, &bytes).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&events);
    let (backend, fates) = (up(), Arc::new(Fates::default()));
    let builder = builder(&directory, LATER, &backend).observer(fates.clone());
    let builder = builder.on_disk_event(move |_, event| {
        if let DiskEvent::Recovered { items, missing_items, damaged_bytes, .. } = event {
            said.lock().push((*items, *missing_items, *damaged_bytes));
        }
    });
    let ledger = traces(&builder.start().unwrap().shutdown_blocking(DEADLINE));
    let damaged = ledger.dropped[DropReason::DiskDamaged];
    assert_eq!((ledger.recovered, ledger.delivered + damaged, ledger.pending), (100, 100, 0), "{ledger}");
    assert_eq!((damaged, backend.numbers().len()), (10, 90), "{ledger}");
    assert_eq!(events.lock().len(), 1);
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
fn what_is_older_than_it_may_be_is_dropped_by_that_name() {
    let directory = Directory::new();
    let limited = disk(&directory, Durability::Always).with_max_age(Duration::from_secs(1));
    let (exporter, fates) = (down(), Arc::new(Fates::default()));
    let builder = pipeline(config(), &exporter).with_disk_queue(limited);
    let pipeline = builder.observer(fates.clone()).start().unwrap();
    spans(pipeline.intake(), 0..100);
    assert!(pipeline.persist_blocking(DEADLINE).durable);
    assert!(pipeline.flush_blocking(DEADLINE).complete, "nothing but their age ends them");
    let ledger = traces(&pipeline.shutdown_blocking(DEADLINE));
    assert_eq!(ledger.dropped[DropReason::Expired], 100, "{ledger}");
    assert_eq!(fates.sorted().len(), 100);
}

#[test]
fn what_a_receiver_refuses_is_kept_for_a_person_to_look_at() {
    for kept in [0, 1 << 20] {
        let directory = Directory::new();
        let refusing = Scripted::new("backend", |batch| {
            let is_refused = numbers(&batch)[0].is_multiple_of(20);
            async move { if is_refused { Outcome::Refused(error("no")) } else { Outcome::delivered() } }
        });
        let disk = disk(&directory, LATER).with_dead_letter_bytes(kept);
        let pipeline = pipeline(config(), &refusing).with_disk_queue(disk).start().unwrap();
        spans(pipeline.intake(), 0..100);
        let ledger = traces(&pipeline.shutdown_blocking(DEADLINE));
        assert_eq!((ledger.rejected, ledger.delivered, ledger.pending), (50, 50, 0), "{ledger}");
        let queue = Inspection::of(directory.path().join("backend"), None).unwrap();
        assert_eq!(queue.signals().iter().map(|signal| signal.items).sum::<u64>(), 0, "they have their fate");
        assert_eq!(queue.dead_letters().is_some(), kept > 0);
        if let Some(letters) = queue.dead_letters() {
            let requests = Inspection::of(letters, None).unwrap().into_requests().unwrap();
            let items: Vec<u64> = requests.map(|request| request.unwrap().items).collect();
            assert_eq!(items, [10; 5]);
        }
        let next = builder(&directory, LATER, &up()).start().unwrap();
        assert_eq!(traces(&next.shutdown_blocking(DEADLINE)).recovered, 0);
    }
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

#[test]
fn what_a_receiver_refuses_is_kept_as_dead_letters_and_never_sent_again() {
    for (max_bytes, is_kept) in [(1 << 20, true), (0, false)] {
        let directory = Directory::new();
        let exporter = Scripted::new("backend", |_| async { Outcome::Refused(error("no")) });
        let disk = disk(&directory, LATER).with_dead_letter_bytes(max_bytes);
        let first = pipeline(config(), &exporter).with_disk_queue(disk).start().unwrap();
        spans(first.intake(), 0..10);
        let ledger = traces(&first.shutdown_blocking(DEADLINE));
        assert_eq!((ledger.rejected, ledger.pending), (10, 0), "{ledger}");
        let letters = directory.path().join("backend").join("dead-letter");
        let bytes = if letters.exists() { fs::read(segments(&letters).remove(0)).unwrap() } else { Vec::new() };
        let has = |number: u64| bytes.windows(8).any(|window| window == number.to_be_bytes());
        assert!((0..10).all(|number| has(number) == is_kept));
        let backend = up();
        let next = builder(&directory, LATER, &backend).start().unwrap();
        assert_eq!(traces(&next.shutdown_blocking(DEADLINE)).recovered, 0);
        assert!(backend.numbers().is_empty());
    }
}
