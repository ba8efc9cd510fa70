//! What does not fit or is too old is dropped in order and by name.

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DropReason, Durability, OnFull};
use otlp_core::Signal;
use parking_lot::Mutex;

use super::{DEADLINE, MOMENT, config, disk, down, pipeline, traces, up};
use crate::{
    directory::Directory,
    scripted::{Fates, Scripted, numbers, one_at_a_time, record, scope, spans},
};

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
    let is_full = || events.lock().iter().any(|event: &String| event.starts_with("backend: Full"));
    let limited = disk(&directory, Durability::Always).with_max_bytes(4 << 20).with_segment_bytes(128 << 10);
    let exporter = down();
    let builder = pipeline(config, &exporter).with_disk_queue(limited);
    let builder = builder.on_disk_event(move |owner, event| said.lock().push(format!("{}: {event:?}", owner.name)));
    let first = builder.start().unwrap();
    let mut next = 0;
    while first.ledgers()[0].traces.dropped.total() == 0 {
        spans(first.intake(), next..next + 1_000);
        next += 1_000;
        // However slow the disk is, it is waited for until it is full.
        while !first.persist_blocking(MOMENT).durable && !is_full() {}
        assert!(next < 1_000_000, "no end to it");
    }
    let ledger = first.ledgers()[0].traces;
    assert_eq!(ledger.dropped.total(), ledger.dropped[DropReason::QueueFull], "{ledger}");
    assert!(ledger.accepted > 300_000 && directory.bytes() <= (4 << 20) + 4_096, "{ledger}");
    assert!(is_full(), "{:?}", events.lock());
    // What fits neither on the disk nor into the life of the process is lost, and said to be.
    let ledger = traces(&first.shutdown_blocking(MOMENT));
    assert!(ledger.dropped[DropReason::DiskFailed] > 0, "{ledger}");
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
