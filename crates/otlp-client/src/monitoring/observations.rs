//! What the running client notes for its monitoring: attempts, the states of disk queues, and that its background thread
//! runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use otlp_batch::DiskEvent;
use otlp_core::{ExportError, Outcome, Signal};
use otlp_exporters::AttemptObserver;
use parking_lot::Mutex;

use super::{
    DiskQueueState,
    attempts::{Component, DestinationAttempts},
};
use crate::diagnostics::Diagnostics;

/// What the running client notes.
pub(crate) struct Observations {
    started: Instant,
    /// In the order of the destinations; those that print have none.
    attempts: Mutex<Vec<Arc<DestinationAttempts>>>,
    /// By the index of the destination. Only those whose disk queue said something.
    disks: Mutex<Vec<(usize, DiskQueueState)>>,
    has_disks: bool,
    /// Milliseconds from the start to the last turn of the background thread.
    last_turn: AtomicU64,
}

impl Observations {
    pub(crate) fn new(has_disks: bool) -> Self {
        Observations {
            started: Instant::now(),
            attempts: Mutex::default(),
            disks: Mutex::default(),
            has_disks,
            last_turn: AtomicU64::new(0),
        }
    }

    /// The observer of the attempts of the next destination.
    pub(crate) fn next_destination(&self, component: Component, diagnostics: &Arc<Diagnostics>) -> DestinationObserver {
        let attempts = Arc::new(DestinationAttempts::new(component));
        self.attempts.lock().push(Arc::clone(&attempts));
        DestinationObserver { attempts, diagnostics: Arc::clone(diagnostics) }
    }

    /// The background thread runs.
    pub(crate) fn turned(&self) {
        self.last_turn.store(self.started.elapsed().as_millis() as u64, Relaxed);
    }

    /// Something happened to the disk queue of `destination`.
    pub(crate) fn disk(&self, destination: usize, event: &DiskEvent<'_>) {
        let state = match event {
            DiskEvent::Degraded { .. } | DiskEvent::Stalled { .. } => DiskQueueState::Degraded,
            DiskEvent::Full { .. } => DiskQueueState::Full,
            DiskEvent::Restored => DiskQueueState::Working,
            _ => return,
        };
        let mut disks = self.disks.lock();
        match disks.iter_mut().find(|(index, _)| *index == destination) {
            Some((_, known)) => *known = state,
            None => disks.push((destination, state)),
        }
    }

    /// How the disk queue of `destination` is, if it has one.
    pub(super) fn disk_state(&self, destination: usize) -> Option<DiskQueueState> {
        let disks = self.disks.lock();
        let known = disks.iter().find(|(index, _)| *index == destination).map(|(_, state)| *state);
        known.or(self.has_disks.then_some(DiskQueueState::Working))
    }

    pub(super) fn attempts(&self) -> Vec<Arc<DestinationAttempts>> {
        self.attempts.lock().clone()
    }

    /// How long ago the background thread last had its turn.
    pub(super) fn since_last_turn(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.last_turn.load(Relaxed)))
    }
}

/// Hears of the attempts of one destination, and passes on to the diagnostics what is theirs.
pub(crate) struct DestinationObserver {
    attempts: Arc<DestinationAttempts>,
    diagnostics: Arc<Diagnostics>,
}

impl AttemptObserver for DestinationObserver {
    fn failed(&self, destination: &str, signal: Signal, error: &ExportError) {
        self.diagnostics.failed(destination, signal, error);
    }

    fn attempted(&self, _destination: &str, signal: Signal, outcome: &Outcome, took: Duration) {
        self.attempts.attempted(signal, outcome, took);
    }

    fn concluded(&self, _destination: &str, signal: Signal, outcome: &Outcome, took: Duration) {
        self.attempts.concluded(signal, outcome, took);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_state_of_a_disk_queue_is_that_of_its_last_event() {
        assert_eq!(Observations::new(false).disk_state(0), None);
        let observations = Observations::new(true);
        assert_eq!(observations.disk_state(0), Some(DiskQueueState::Working));
        let error = io::Error::other("scripted");
        for (event, state) in [
            (DiskEvent::Full { max_bytes: 1 }, DiskQueueState::Full),
            (DiskEvent::Degraded { error: &error }, DiskQueueState::Degraded),
            (DiskEvent::Damaged { signal: Signal::Logs, items: 1 }, DiskQueueState::Degraded),
            (DiskEvent::Restored, DiskQueueState::Working),
            (DiskEvent::Stalled { waited: Duration::from_secs(30) }, DiskQueueState::Degraded),
            (DiskEvent::Restored, DiskQueueState::Working),
        ] {
            observations.disk(1, &event);
            assert_eq!(observations.disk_state(1), Some(state), "{event:?}");
            assert_eq!(observations.disk_state(0), Some(DiskQueueState::Working), "it is that of another");
        }
    }
}
