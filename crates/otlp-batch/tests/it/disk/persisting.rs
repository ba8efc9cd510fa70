//! Persist says when what was recorded survives the process.

use std::{fs, sync::Arc, time::Duration};

use otlp_batch::{Intake, Producer, ScopeHandle};
use otlp_core::Signal;

use super::{ALL, DEADLINE, LATER, MOMENT, builder, config, down, pipeline, segments, sorted, traces, up};
use crate::{
    directory::Directory,
    scripted::{record, scope, spans},
};

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
