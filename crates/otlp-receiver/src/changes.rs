//! A counter of changes that blocking and async callers can wait on: what all `wait_for` methods stand on.
//!
//! A waiter reads the counter, evaluates its condition without any lock held, and sleeps only while the counter is
//! still the same. So no change is missed, and a condition may query whatever it likes.

use std::{
    fmt,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// The condition did not come true in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitTimeout {
    waited: Duration,
    state: String,
}

impl fmt::Display for WaitTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the condition did not come true within {:?}; at the end there were {}", self.waited, self.state)
    }
}

impl std::error::Error for WaitTimeout {}

#[derive(Default)]
pub(crate) struct Changes {
    count: Mutex<u64>,
    blocking: Condvar,
    tasks: Notify,
}

impl Changes {
    pub(crate) fn record(&self) {
        *self.count.lock() += 1;
        self.blocking.notify_all();
        self.tasks.notify_waiters();
    }

    /// Waits until `holds`; `describe` is asked on failure alone.
    pub(crate) async fn wait(
        &self,
        mut holds: impl FnMut() -> bool,
        within: Duration,
        describe: impl FnOnce() -> String,
    ) -> Result<(), WaitTimeout> {
        let waiting = async {
            loop {
                // Created before the condition is read: a change in between still wakes it.
                let change = self.tasks.notified();
                if holds() {
                    return;
                }
                change.await;
            }
        };
        match tokio::time::timeout(within, waiting).await {
            Ok(()) => Ok(()),
            Err(_) => Err(WaitTimeout { waited: within, state: describe() }),
        }
    }

    /// As [`Changes::wait`], on a thread that may block.
    pub(crate) fn wait_blocking(
        &self,
        mut holds: impl FnMut() -> bool,
        within: Duration,
        describe: impl FnOnce() -> String,
    ) -> Result<(), WaitTimeout> {
        let deadline = Instant::now() + within;
        loop {
            let seen = *self.count.lock();
            if holds() {
                return Ok(());
            }
            let mut count = self.count.lock();
            while *count == seen {
                if self.blocking.wait_until(&mut count, deadline).timed_out() && *count == seen {
                    drop(count);
                    return Err(WaitTimeout { waited: within, state: describe() });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[test]
    fn a_blocking_waiter_is_woken_by_a_change_on_another_thread() {
        let changes = Arc::new(Changes::default());
        let flag = Arc::new(AtomicBool::new(false));
        let other = std::thread::spawn({
            let (changes, flag) = (changes.clone(), flag.clone());
            move || {
                flag.store(true, Ordering::SeqCst);
                changes.record();
            }
        });
        let holds = || flag.load(Ordering::SeqCst);
        changes.wait_blocking(holds, Duration::from_secs(30), String::new).unwrap();
        other.join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_never_holds_times_out_and_says_how_things_stood() {
        let error = Changes::default().wait(|| false, Duration::from_secs(5), || "3 spans".into()).await.unwrap_err();
        assert_eq!(error.to_string(), "the condition did not come true within 5s; at the end there were 3 spans");
    }
}
