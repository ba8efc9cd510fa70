//! The server that everybody calls: so many workers, a queue in front of them, and no idea of who still waits for an
//! answer.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Mutex, time::Duration};

use tokio::time::{Instant, sleep_until};

/// How many calls it works on at once.
pub(crate) const WORKERS: u32 = 50;
/// How long each takes it.
pub(crate) const SERVICE: Duration = Duration::from_millis(200);
/// How long the queue may be; it refuses calls that would have to wait longer.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);

/// How many calls it can serve in a second.
pub(crate) fn capacity_per_second() -> f64 {
    f64::from(WORKERS) / SERVICE.as_secs_f64()
}

/// The queue was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

#[derive(Debug, Default)]
pub(crate) struct Server {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each worker has done all that is queued for it; the first to be free on top.
    free_at: BinaryHeap<Reverse<Instant>>,
    arrived: u64,
}

impl Server {
    /// One call. A caller who goes away does not get the worker's time back: that is what makes a storm last.
    pub(crate) async fn call(&self) -> Result<(), Busy> {
        let done = self.enqueue(Instant::now())?;
        sleep_until(done).await;
        Ok(())
    }

    /// How many calls have reached it, refused ones included.
    pub(crate) fn arrived(&self) -> u64 {
        self.state.lock().unwrap().arrived
    }

    /// When a call that comes now will be done.
    fn enqueue(&self, now: Instant) -> Result<Instant, Busy> {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        let start = match state.free_at.peek() {
            Some(Reverse(first)) if state.free_at.len() >= WORKERS as usize => now.max(*first),
            _ => now,
        };
        if start - now > LONGEST_QUEUE {
            return Err(Busy);
        }
        if state.free_at.len() >= WORKERS as usize {
            state.free_at.pop();
        }
        state.free_at.push(Reverse(start + SERVICE));
        Ok(start + SERVICE)
    }
}
