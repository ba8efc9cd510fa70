//! What handles of a detector and of its endpoints share: the board with a clock, and the observer who hears of
//! ejections.

use std::{hash::Hash, sync::Arc};

use super::{OutlierDetectorConfig, OutlierObserver, board::Board, tally::Tally};
use crate::{
    Clock, Verdict,
    sync::{Mutex, lock},
    timeline::Timeline,
};

pub(super) struct Core<Id, K> {
    pub(super) board: Board<Id>,
    clock: K,
    timeline: Timeline,
    observer: Mutex<Option<Arc<dyn OutlierObserver<Id>>>>,
}

impl<Id: Clone + Eq + Hash, K: Clock> Core<Id, K> {
    /// Knows no endpoints yet, and has no observer.
    pub(super) fn new(clock: K, config: OutlierDetectorConfig) -> Self {
        let timeline = Timeline::starting_at(clock.now());
        Core { board: Board::new(config), clock, timeline, observer: Mutex::new(None) }
    }

    pub(super) fn observer(&self) -> Option<Arc<dyn OutlierObserver<Id>>> {
        lock(&self.observer).clone()
    }

    pub(super) fn observe(&self, observer: Option<Arc<dyn OutlierObserver<Id>>>) {
        *lock(&self.observer) = observer;
    }

    pub(super) fn record(&self, tally: &Tally<Id>, verdict: Verdict) {
        if self.board.record(tally, verdict, || self.now()) {
            self.deliver();
        }
    }

    /// Lets the time pass that has passed.
    pub(super) fn pass_time(&self) {
        if self.board.pass_time(self.now()) {
            self.deliver();
        }
    }

    pub(super) fn deliver(&self) {
        let observer = self.observer();
        self.board.deliver(|(endpoint, event)| {
            if let Some(observer) = &observer {
                observer.on_event(&endpoint, event);
            }
        });
    }

    pub(super) fn now(&self) -> u64 {
        self.timeline.nanos_at(self.clock.now())
    }
}
