//! The receivers of a fleet, as one: a queue that is worked off at a fixed rate, an outage, and a count of what came when.

use std::{ops::Range, sync::Mutex, time::Duration};

use otlp_core::{ErrorKind, ExportError, Outcome};
use tokio::time::{Instant, sleep};

use super::Fleet;

/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(5);

/// Windows in which requests are counted, per second.
const WINDOWS: u32 = 10;

pub(crate) struct Receivers {
    begin: Instant,
    outage: Range<Instant>,
    capacity: f64,
    room: f64,
    state: Mutex<State>,
}

struct State {
    /// What is queued, at the time of the last request.
    queued: f64,
    last: Instant,
    /// Requests by the tenth of a second in which they came.
    came: Vec<u32>,
    taken_afterwards: u64,
    refused: u64,
}

/// What the receivers saw.
pub(crate) struct Figures {
    pub(crate) peak_load: f64,
    pub(crate) peak_burst: f64,
    pub(crate) knocks: f64,
    pub(crate) refused: u64,
    pub(crate) attempts: u64,
    pub(crate) attempts_afterwards: u64,
    pub(crate) taken_afterwards: u64,
}

impl Receivers {
    pub(crate) fn new(fleet: Fleet, outage: Range<Instant>) -> Self {
        let begin = Instant::now();
        let state = State { queued: 0.0, last: begin, came: Vec::new(), taken_afterwards: 0, refused: 0 };
        let capacity = fleet.capacity();
        let room = capacity * fleet.queue.as_secs_f64();
        Receivers { begin, outage, capacity, room, state: Mutex::new(state) }
    }

    /// One request.
    pub(crate) async fn take(&self) -> Outcome {
        let outcome = self.answer(Instant::now());
        sleep(ROUND_TRIP).await;
        outcome
    }

    fn answer(&self, now: Instant) -> Outcome {
        let mut state = self.state.lock().unwrap();
        let window = self.window(now);
        if state.came.len() <= window {
            state.came.resize(window + 1, 0);
        }
        state.came[window] += 1;
        if self.outage.contains(&now) {
            return Outcome::retry(ExportError::new(ErrorKind::Network, "connection refused"));
        }
        let worked_off = self.capacity * (now - state.last).as_secs_f64();
        (state.queued, state.last) = ((state.queued - worked_off).max(0.0), now);
        if state.queued + 1.0 > self.room {
            state.refused += 1;
            return Outcome::retry(ExportError::new(ErrorKind::Unavailable, "the sending queue is full"));
        }
        state.queued += 1.0;
        state.taken_afterwards += u64::from(now >= self.outage.end);
        Outcome::delivered()
    }

    fn window(&self, at: Instant) -> usize {
        ((at - self.begin).as_millis() * u128::from(WINDOWS) / 1_000) as usize
    }

    pub(crate) fn figures(&self) -> Figures {
        let state = self.state.lock().unwrap();
        let at = |time| self.window(time).min(state.came.len());
        let (during, after) = state.came[at(self.outage.start)..].split_at(at(self.outage.end) - at(self.outage.start));
        let sum = |windows: &[u32]| windows.iter().copied().map(u64::from).sum::<u64>();
        let second = |came: &[u32]| came.windows(WINDOWS as usize).map(sum).max().unwrap_or(0) as f64 / self.capacity;
        let tenth = after.iter().copied().max().unwrap_or(0);
        Figures {
            peak_load: second(after),
            peak_burst: f64::from(tenth) * f64::from(WINDOWS) / self.capacity,
            knocks: second(&during[during.len() / 2..]),
            refused: state.refused,
            attempts: sum(during) + sum(after),
            attempts_afterwards: sum(after),
            taken_afterwards: state.taken_afterwards,
        }
    }
}
