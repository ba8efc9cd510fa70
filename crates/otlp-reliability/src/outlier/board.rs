//! The table behind lock-free counters: results are counted without a lock, and the table is asked when something may
//! change. Told the time in nanoseconds; knows no clock.

use std::{hash::Hash, sync::Arc};

use super::{OutlierDetectorConfig, table::Table, tally::Tally};
use crate::{
    Event, Verdict,
    outbox::Outbox,
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
        lock,
    },
};

/// No row of failures is this long: rows are not looked at.
const NO_ROW: u32 = 0;

#[derive(Debug)]
pub(super) struct Board<Id> {
    table: Mutex<Table<Id>>,
    /// The settings' `consecutive_failures`, to be read without the lock.
    row: AtomicU32,
    /// The table's `next_due`, to be read without the lock.
    next_due: AtomicU64,
    outbox: Outbox<(Id, Event)>,
}

impl<Id: Clone + Eq + Hash> Board<Id> {
    pub(super) fn new(config: OutlierDetectorConfig) -> Self {
        let row = config.consecutive_failures().unwrap_or(NO_ROW);
        let table = Table::new(config);
        let next_due = AtomicU64::new(table.next_due());
        Board { table: Mutex::new(table), row: AtomicU32::new(row), next_due, outbox: Outbox::new() }
    }

    /// Counts a result. The time is asked for only if a row of failures is long enough. Returns whether one was.
    #[inline]
    pub(super) fn record(&self, tally: &Tally<Id>, verdict: Verdict, now: impl FnOnce() -> u64) -> bool {
        match verdict {
            Verdict::Ignore => return false,
            Verdict::Success => {
                tally.succeeded();
                return false;
            }
            Verdict::Failure => {}
        }
        let row = tally.failed();
        let limit = self.row.load(Ordering::Relaxed);
        let is_long = limit != NO_ROW && row >= limit;
        if is_long {
            let now = now();
            self.change(|table| table.failed_in_a_row(tally, now));
        }
        is_long
    }

    /// Lets time pass if anything is due. Returns whether something was.
    #[inline]
    pub(super) fn pass_time(&self, now: u64) -> bool {
        let is_due = now >= self.next_due.load(Ordering::Relaxed);
        if is_due {
            self.change(|table| table.pass_time(now));
        }
        is_due
    }

    pub(super) fn add(&self, id: Id) -> Arc<Tally<Id>> {
        lock(&self.table).add(id)
    }

    pub(super) fn reload(&self, config: OutlierDetectorConfig, now: u64) {
        self.change(|table| {
            self.row.store(config.consecutive_failures().unwrap_or(NO_ROW), Ordering::Relaxed);
            table.reload(config, now);
        });
    }

    /// Looks at the table. Nothing may be changed that others must hear of.
    pub(super) fn read<R>(&self, read: impl FnOnce(&Table<Id>) -> R) -> R {
        read(&lock(&self.table))
    }

    /// Changes the table. What others must hear of is put into the outbox in the order in which it happened.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Table<Id>) -> R) -> R {
        let mut table = lock(&self.table);
        let result = change(&mut table);
        self.next_due.store(table.next_due(), Ordering::Relaxed);
        for event in table.take_changes() {
            self.outbox.put(event);
        }
        result
    }

    /// Delivers what has changed. Cheap to call where nothing has.
    pub(super) fn deliver(&self, to: impl FnMut((Id, Event))) {
        self.outbox.deliver(to);
    }
}

#[cfg(all(test, otlp_loom))]
mod loom_tests {
    use std::time::Duration;

    use loom::thread;

    use super::*;

    /// A board that ejects half of its endpoints after two failures in a row. Its interval never ends: at its end the
    /// endpoints are visited in no particular order, which a model does not allow.
    fn board() -> Arc<Board<u8>> {
        let config = OutlierDetectorConfig::new().with_consecutive_failures(2).with_interval(Duration::MAX);
        Arc::new(Board::new(config))
    }

    fn model(check: impl Fn() + Send + Sync + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(check);
    }

    fn events(board: &Board<u8>) -> Vec<Event> {
        let mut events = Vec::new();
        board.deliver(|(_, event)| events.push(event));
        events
    }

    #[test]
    fn loom_a_row_of_failures_from_two_threads_ejects_once() {
        model(|| {
            let board = board();
            let tally = board.add(1);
            board.add(2);
            let other = {
                let (board, tally) = (board.clone(), tally.clone());
                thread::spawn(move || board.record(&tally, Verdict::Failure, || 1))
            };
            board.record(&tally, Verdict::Failure, || 1);
            other.join().unwrap();
            assert!(tally.is_ejected());
            assert!(matches!(events(&board)[..], [Event::Ejected { .. }]));
            assert_eq!(board.read(|table| table.snapshot(1)).ejections, 1);
        });
    }

    #[test]
    fn loom_an_endpoint_that_is_removed_meanwhile_takes_no_place_of_the_ejected() {
        model(|| {
            let board = board();
            let tally = board.add(1);
            let left = board.add(2);
            board.add(3);
            board.record(&tally, Verdict::Failure, || 1);
            let remover = {
                let board = board.clone();
                thread::spawn(move || board.change(|table| table.remove(&1)))
            };
            board.record(&tally, Verdict::Failure, || 1);
            assert!(remover.join().unwrap());
            assert!(!tally.is_ejected());
            board.record(&left, Verdict::Failure, || 2);
            board.record(&left, Verdict::Failure, || 2);
            assert!(left.is_ejected(), "one of two");
        });
    }

    #[test]
    fn loom_time_that_passes_on_two_threads_restores_once() {
        model(|| {
            let board = board();
            let tally = board.add(1);
            board.add(2);
            board.record(&tally, Verdict::Failure, || 0);
            board.record(&tally, Verdict::Failure, || 0);
            let late = u64::MAX / 2;
            let other = {
                let board = board.clone();
                thread::spawn(move || board.pass_time(late))
            };
            board.pass_time(late);
            other.join().unwrap();
            assert!(!tally.is_ejected());
            assert!(matches!(events(&board)[..], [Event::Ejected { .. }, Event::Restored]));
        });
    }
}
