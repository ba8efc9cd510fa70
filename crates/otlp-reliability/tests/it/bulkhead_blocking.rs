//! Threads that block in the line of a bulkhead, beside tasks and by themselves.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use otlp_reliability::{BlockingPolicy, BulkheadConfig, Clock, Rejection};

use crate::{Failure, poll_once};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_blocked_thread_stands_in_the_line_of_the_tasks() {
    let bulkhead = BulkheadConfig::new(1).with_max_waiting(8).build().unwrap();
    let inside = bulkhead.try_acquire().unwrap();
    let mut task = pin!(bulkhead.acquire());
    assert!(poll_once(task.as_mut()).is_pending());
    let (entered, told) = mpsc::channel();
    let thread = {
        let bulkhead = bulkhead.clone();
        thread::spawn(move || {
            bulkhead.call(|| -> Result<(), Failure> {
                entered.send(()).unwrap();
                Ok(())
            })
        })
    };
    while bulkhead.snapshot().waiting < 2 {
        thread::yield_now();
    }
    drop(inside);
    let Poll::Ready(Ok(permit)) = poll_once(task.as_mut()) else { panic!("the task came first") };
    assert!(told.try_recv().is_err());
    drop(permit);
    assert_eq!(thread.join().unwrap(), Ok(()));
    assert!(told.recv().is_ok());
}

/// A clock that shows the next of its times at every look, and the last one for ever.
struct Scripted {
    start: Instant,
    seconds: &'static [u64],
    looks: AtomicU32,
}

impl Scripted {
    fn new(seconds: &'static [u64]) -> Self {
        Scripted { start: Instant::now(), seconds, looks: AtomicU32::new(0) }
    }
}

impl Clock for Scripted {
    fn now(&self) -> Instant {
        let look = self.looks.fetch_add(1, Ordering::Relaxed) as usize;
        self.start + Duration::from_secs(self.seconds[look.min(self.seconds.len() - 1)])
    }

    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + Send {
        pending()
    }
}

#[test]
fn a_blocked_thread_gives_up_when_its_clock_says_so() {
    let config = BulkheadConfig::new(1).with_max_waiting(1).with_max_wait(3600 * SECOND);
    let bulkhead = config.build().unwrap().with_clock(Scripted::new(&[0, 3600]));
    let _inside = bulkhead.try_acquire().unwrap();
    assert_eq!(bulkhead.blocking_acquire().unwrap_err(), Rejection::Full);
    assert_eq!(bulkhead.snapshot().timed_out, 1);
}

#[test]
fn pitfall_16_a_clock_that_goes_back_does_not_prolong_a_blocked_wait() {
    let config = BulkheadConfig::new(1).with_max_waiting(1).with_max_wait(Duration::from_millis(10_001));
    let bulkhead = config.build().unwrap().with_clock(Scripted::new(&[10, 20, 0, 21]));
    let _inside = bulkhead.try_acquire().unwrap();
    // Parked for a millisecond after the looks at 20 and at 0; for ten seconds, had the way back counted.
    assert_eq!(bulkhead.blocking_acquire().unwrap_err(), Rejection::Full);
    assert_eq!(bulkhead.snapshot().timed_out, 1);
}
