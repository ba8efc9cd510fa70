//! Whatever is recorded, answered and flushed, in whatever order: each record has one fate, and the ledger is their sum.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use otlp_batch::{BatchConfig, BatchLimits, DiskQueueConfig, DropReason, Durability, Exported, OnFull};
use otlp_core::{Outcome, PartialSuccess};
use proptest::prelude::*;

use crate::{
    directory::Directory,
    scripted::{Fates, Scripted, error, pipeline, put_off, spans},
};

/// What an exporter answers to a batch.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Deliver,
    Reject(u64),
    Refuse,
    GiveUp,
    PutOff,
    TooLargeAbove(u64),
}

/// What the application does.
#[derive(Debug, Clone, Copy)]
enum Step {
    Record(u64),
    RecordOnTwoThreads(u64),
    Flush,
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        4 => Just(Answer::Deliver),
        1 => (0..20u64).prop_map(Answer::Reject),
        1 => Just(Answer::Refuse),
        1 => Just(Answer::GiveUp),
        2 => Just(Answer::PutOff),
        2 => (0..10u64).prop_map(Answer::TooLargeAbove),
    ];
    proptest::collection::vec(answer, 1..20)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..200u64).prop_map(Step::Record),
        2 => (1..100u64).prop_map(Step::RecordOnTwoThreads),
        1 => Just(Step::Flush),
    ];
    proptest::collection::vec(step, 1..12)
}

fn exporter(mut answers: Vec<Answer>) -> Arc<Scripted> {
    // One that puts off for ever would keep every flush from its end.
    answers.push(Answer::Deliver);
    let answers = Mutex::new(answers.into_iter().cycle());
    Scripted::new("model", move |batch| {
        let answer = answers.lock().expect("not poisoned").next().unwrap_or(Answer::Deliver);
        let exported: Exported = match answer {
            Answer::PutOff => put_off(),
            Answer::Deliver => Outcome::delivered().into(),
            Answer::Reject(rejected) => {
                let rejected = rejected.min(batch.items());
                Outcome::Delivered(PartialSuccess { rejected, message: String::new() }).into()
            }
            Answer::Refuse => Outcome::Refused(error("no")).into(),
            Answer::GiveUp => Outcome::retry(error("later")).into(),
            Answer::TooLargeAbove(items) if batch.items() > items => Outcome::TooLarge(error("large")).into(),
            Answer::TooLargeAbove(_) => Outcome::delivered().into(),
        };
        async { exported }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_record_has_one_fate_and_the_ledger_is_their_sum(
        answers in answers(),
        steps in steps(),
        max_batch_size in 1..50usize,
        max_queue_size in 1..200usize,
        on_full in prop_oneof![Just(OnFull::DropNewest), Just(OnFull::DropOldest), Just(OnFull::Block)],
    ) {
        let exporter = exporter(answers);
        let fates = Arc::new(Fates::default());
        let max_queue_size = max_queue_size.max(max_batch_size);
        let config = BatchConfig { max_batch_size, max_queue_size, ..BatchConfig::default() };
        let limits = BatchLimits { on_full, ..BatchLimits::default() };
        let builder = pipeline(config, &exporter).limits(limits).observer(fates.clone());
        let pipeline = builder.start().expect("the pipeline starts");
        let mut next = 0;
        let deadline = Duration::from_secs(20);
        for step in steps {
            match step {
                Step::Record(count) => {
                    spans(pipeline.intake(), next..next + count);
                    next += count;
                }
                Step::RecordOnTwoThreads(count) => {
                    std::thread::scope(|threads| {
                        for first in [next, next + count] {
                            let intake = pipeline.intake();
                            threads.spawn(move || spans(intake, first..first + count));
                        }
                    });
                    next += 2 * count;
                }
                Step::Flush => prop_assert!(pipeline.flush_blocking(deadline).complete),
            }
        }
        let ledger = pipeline.shutdown_blocking(deadline).ledgers[0].traces;
        prop_assert!(ledger.balances() && ledger.pending == 0 && ledger.accepted == next, "{}", ledger);
        let seen = fates.sorted();
        let numbers: Vec<u64> = seen.iter().map(|(number, _)| *number).collect();
        prop_assert_eq!(numbers, (0..next).collect::<Vec<_>>());
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, fate) in &seen {
            *sums.entry(fate).or_default() += 1;
        }
        for reason in DropReason::ALL {
            prop_assert_eq!(ledger.dropped[reason], sums.get(reason.name()).copied().unwrap_or(0), "{}", reason);
        }
        prop_assert_eq!(ledger.delivered + ledger.rejected, next - ledger.dropped.total());
        prop_assert_eq!(exporter.numbers().len() as u64, sums.get("delivered").copied().unwrap_or(0));
        if on_full == OnFull::Block {
            prop_assert_eq!(ledger.dropped[DropReason::QueueFull], 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Several processes, one after the other, each of which delivers what it can in no time.
    #[test]
    fn over_several_processes_each_record_has_one_fate(
        answers in answers(),
        recorded in proptest::collection::vec(0..200u64, 1..5),
        max_batch_size in 1..50usize,
        durability in prop_oneof![
            Just(Durability::Always),
            Just(Durability::Interval(Duration::from_millis(10))),
            Just(Durability::None),
        ],
    ) {
        let directory = Directory::new();
        let fates = Arc::new(Fates::default());
        let config = BatchConfig { max_batch_size, ..BatchConfig::default() };
        let (mut next, mut pending, mut delivered) = (0, 0, 0);
        let last = recorded.len();
        for (process, count) in recorded.into_iter().chain([0]).enumerate() {
            let exporter = exporter(answers.clone());
            let disk = DiskQueueConfig::new(directory.path()).with_durability(durability);
            let builder = pipeline(config, &exporter).with_disk_queue(disk).observer(fates.clone());
            let pipeline = builder.start().expect("the pipeline starts");
            spans(pipeline.intake(), next..next + count);
            next += count;
            let deadline = if process == last { Duration::from_secs(20) } else { Duration::ZERO };
            let report = pipeline.shutdown_blocking(deadline);
            let ledger = report.ledgers[0].traces;
            prop_assert!(report.durable && ledger.balances(), "{}", ledger);
            prop_assert_eq!((ledger.recovered, ledger.accepted), (pending, count), "{}", ledger);
            pending = ledger.pending;
            delivered += ledger.delivered + ledger.rejected + ledger.dropped.total();
        }
        prop_assert_eq!((pending, delivered), (0, next));
        let numbers: Vec<u64> = fates.sorted().iter().map(|(number, _)| *number).collect();
        prop_assert_eq!(numbers, (0..next).collect::<Vec<_>>());
    }
}
