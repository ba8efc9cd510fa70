//! Waiting for the background thread for no longer than a deadline, on any executor: it may have no clock, and the thread that
//! has one is the very one that may be blocked.

use std::{
    future::{Future, pending},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

/// What `future` gives, or nothing once `limit` has passed. The time is kept by a thread of its own, which ends with this.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = passed(limit) => None,
    }
}

async fn passed(limit: Duration) {
    let (say, has_passed) = oneshot::channel();
    let (_while_waited_for, is_over) = mpsc::channel::<()>();
    let watch = move || {
        if is_over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            // Nobody may wait any more.
            let _ = say.send(());
        }
    };
    if thread::Builder::new().name("otlp-deadline".to_owned()).spawn(watch).is_err() || has_passed.await.is_err() {
        // Nobody tells the time: whoever waits, waits for the answer.
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_clock_of_the_executor_a_deadline_holds_and_an_answer_is_taken() {
        let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
        executor.block_on(async {
            assert_eq!(within(Duration::from_millis(1), pending::<()>()).await, None);
            assert_eq!(within(Duration::MAX, async { 7 }).await, Some(7));
            assert_eq!(within(Duration::MAX, tokio::task::yield_now()).await, Some(()));
        });
    }
}
