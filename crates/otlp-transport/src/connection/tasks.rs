//! The tasks behind connections: they run on the tokio runtime that `send` was called in, and end with their owner.
//!
//! An owner that goes away leaves its connections a moment to say goodbye (an HTTP/2 `GOAWAY`, a TLS `close_notify`).
//! A peer that does not take even that is cut off.

use std::{future, pin::pin, task::Poll, time::Duration};

use hyper::rt::Executor;
use tokio::sync::watch;

/// How long a connection may take to close once its owner is gone.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// Held by the owner; when it is dropped, all tasks of its [`Spawner`]s end.
#[derive(Debug)]
pub(super) struct Owner(watch::Sender<()>);

/// Spawns tasks that end with their [`Owner`].
#[derive(Debug, Clone)]
pub(super) struct Spawner(watch::Receiver<()>);

impl Owner {
    pub(super) fn new() -> Self {
        Owner(watch::Sender::new(()))
    }

    pub(super) fn spawner(&self) -> Spawner {
        Spawner(self.0.subscribe())
    }
}

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        tokio::spawn(run_while_owned(task, self.0.clone(), CLOSING_TIME));
    }
}

impl Spawner {
    /// Runs a task that has no goodbye to say: it ends at once when its owner goes.
    pub(super) fn spawn(&self, task: impl Future + Send + 'static) {
        tokio::spawn(run_while_owned(task, self.0.clone(), Duration::ZERO));
    }
}

async fn run_while_owned(task: impl Future, mut owner: watch::Receiver<()>, closing_time: Duration) {
    let mut task = pin!(task);
    let mut closed = pin!(async move {
        // Nothing is ever sent: this waits for the owner to go.
        while owner.changed().await.is_ok() {}
        if !closing_time.is_zero() {
            tokio::time::sleep(closing_time).await;
        }
    });
    future::poll_fn(|context| match task.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => closed.as_mut().poll(context),
    })
    .await;
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_by_itself_ends_after_its_owner() {
        let owner = Owner::new();
        let (alive, ended) = oneshot::channel::<()>();
        owner.spawner().execute(async move {
            let _alive = alive;
            future::pending::<()>().await;
        });
        let before = tokio::time::Instant::now();
        drop(owner);
        assert!(ended.await.is_err());
        assert!(before.elapsed() >= CLOSING_TIME);
    }
}
