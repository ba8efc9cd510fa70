//! Reading again while requests go on: on a thread of its own, which nobody waits for longer than a limit.
//!
//! - At most one thread reads at a time, however often something is wanted: a network drive that hangs holds one thread.
//! - The thread is none of the runtime's, for a runtime that ends waits for its own blocking threads, however long they
//!   hang.

use std::{fmt, thread, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// Reads a `T`, as often as wanted.
pub(super) struct Reading<T> {
    limit: Duration,
    last: Mutex<Option<UnderWay<T>>>,
}

#[derive(Clone)]
struct UnderWay<T> {
    begun: Instant,
    /// Closed when the thread has ended.
    found: watch::Receiver<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Reading<T> {
    /// What takes longer than `limit` is not waited for.
    pub(super) fn new(limit: Duration) -> Self {
        Reading { limit, last: Mutex::new(None) }
    }

    /// What `read` gives, or what a reading gives that is still under way. It goes on if the future is dropped.
    ///
    /// # Errors
    ///
    /// It takes too long, which is said at once of one that has taken too long already; or it could not begin; or it
    /// panicked.
    pub(super) async fn read(&self, read: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        let UnderWay { begun, mut found } = self.join_or_begin(read)?;
        match timeout_at(begun + self.limit, found.wait_for(Option::is_some)).await {
            Err(_) => Err(format!("it cannot be read within {:?}", self.limit)),
            Ok(found) => {
                let found = found.ok().and_then(|found| found.clone());
                found.ok_or_else(|| "the reading broke off".to_owned())
            }
        }
    }

    fn join_or_begin(&self, read: impl FnOnce() -> T + Send + 'static) -> Result<UnderWay<T>, String> {
        let mut last = self.last.lock();
        // One that has found something belongs to those who waited for it: what is wanted now is what is there now.
        let is_under_way = |last: &&UnderWay<T>| last.found.has_changed().is_ok() && last.found.borrow().is_none();
        if let Some(under_way) = last.as_ref().filter(is_under_way) {
            return Ok(under_way.clone());
        }
        let (say, found) = watch::channel(None);
        let read = move || {
            // Perhaps nobody waits any more.
            say.send_replace(Some(read()));
        };
        thread::Builder::new()
            .name("otlp-consul-file".to_owned())
            .spawn(read)
            .map_err(|error| format!("no thread can be started that reads it: {error}"))?;
        Ok(last.insert(UnderWay { begun: Instant::now(), found }).clone())
    }
}

/// Shows nothing of what was read.
impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    };

    use super::*;

    /// What hangs until the sender is gone, and counts how often it has begun.
    fn hanging(begun: &Arc<AtomicUsize>) -> (mpsc::Sender<()>, impl FnOnce() -> usize + Send + 'static) {
        let (gate, closed) = mpsc::channel();
        let begun = Arc::clone(begun);
        (gate, move || {
            begun.fetch_add(1, Relaxed);
            closed.recv().err().map_or(0, |_| 7)
        })
    }

    #[test]
    fn what_hangs_holds_one_thread_and_neither_those_who_ask_nor_the_runtime() {
        let begun = Arc::default();
        let (gate, read) = hanging(&begun);
        let reading = Reading::new(Duration::from_millis(10));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            assert_eq!(reading.read(read).await, Err("it cannot be read within 10ms".to_owned()));
            for _ in 0..100 {
                assert!(reading.read(hanging(&begun).1).await.is_err());
            }
        });
        assert_eq!(begun.load(Relaxed), 1);
        drop(runtime);
        drop(gate);
    }

    #[tokio::test]
    async fn what_was_read_is_read_anew_the_next_time_and_a_panic_is_a_failure() {
        let reading = Reading::new(Duration::from_secs(20));
        for number in 0..100 {
            assert_eq!(reading.read(move || number).await, Ok(number));
        }
        assert_eq!(reading.read(|| panic!("scripted")).await, Err("the reading broke off".to_owned()));
        assert_eq!(reading.read(|| 7).await, Ok(7));
    }
}
