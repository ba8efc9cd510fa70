//! What a process leaves behind is there for the next one: all of it, once, in order, within the memory budget.

use std::{path::PathBuf, sync::Arc};

use otlp_batch::{BatchConfig, BatchLimits, Durability, MemoryPoolConfig};
use otlp_core::{Outcome, Signal};

use super::{
    ALL, DEADLINE, LATER, MOMENT, builder, disk, down, forgetful, leave_behind, pipeline, segments, sorted, traces, up,
};
use crate::{
    directory::Directory,
    scripted::{Scripted, error, numbers, spans},
};

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
fn a_backlog_ten_times_the_memory_budget_is_drained_within_it_and_takes_turns_with_what_is_new() {
    let directory = Directory::new();
    let memory = MemoryPoolConfig { max_size: 1 << 20, chunk_size: 16 << 10, ..MemoryPoolConfig::default() };
    let big = BatchConfig { max_batch_size: 1_600, ..BatchConfig::default() };
    let start = |exporter: &Arc<Scripted>| {
        let at_once = BatchLimits { catch_up_percent: None, ..BatchLimits::default() };
        let builder = pipeline(big, exporter).limits(at_once).with_disk_queue(disk(&directory, Durability::None));
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
