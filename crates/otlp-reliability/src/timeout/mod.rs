//! Timeout: an operation gets so long and no longer.
//!
//! The operation is polled before a timer exists, so one that completes at once costs no clock read and no timer. The
//! time therefore counts from the operation's first wait; nothing could be cancelled before it anyway.

mod config;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::task::coop::unconstrained;

pub use self::config::{TimeoutConfig, TimeoutSnapshot};
use crate::{
    Clock, ConfigError, Control, Controlled, Event, Observer, Policy, PolicyConfig, Rejection, Snapshot, TokioClock,
    registry,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    timeline::nanos,
};

/// Cancels an operation that does not complete in time. Clones share setting and figures.
///
/// What is inside of it shares its time: a timeout around a [`Retry`](crate::Retry) is one for all attempts and waits
/// together, one inside of the retry is for each attempt.
///
/// ```
/// use std::{future::pending, time::Duration};
/// use otlp_reliability::{Error, Timeout};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let timeout = Timeout::new(Duration::from_millis(5));
/// let result: Result<(), Error<std::io::Error>> = timeout.execute(|| pending()).await;
/// assert!(result.unwrap_err().is_timeout());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Timeout<K = TokioClock, O = ()> {
    core: Arc<Core>,
    clock: K,
    observer: O,
}

#[derive(Debug)]
struct Core {
    after_nanos: AtomicU64,
    timed_out: AtomicU64,
}

impl Core {
    fn announced(after: Duration) -> Arc<Self> {
        registry::announced(Core { after_nanos: AtomicU64::new(nanos(after)), timed_out: AtomicU64::new(0) })
    }

    fn after(&self) -> Duration {
        Duration::from_nanos(self.after_nanos.load(Relaxed))
    }

    fn figures(&self) -> TimeoutSnapshot {
        TimeoutSnapshot { timed_out: self.timed_out.load(Relaxed) }
    }
}

impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Timeout(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::Timeout(settings) = settings else {
            return Err(settings.not_for("timeout"));
        };
        settings.validate()?;
        self.after_nanos.store(nanos(settings.after()), Relaxed);
        Ok(())
    }
}

impl Timeout {
    /// A timeout of `after` on tokio's time. Zero accepts only what completes without waiting; more than 584 years count
    /// as 584 years.
    pub fn new(after: Duration) -> Self {
        Timeout { core: Core::announced(after), clock: TokioClock, observer: () }
    }
}

impl<K, O> Timeout<K, O> {
    /// A timeout of the same time on another clock. Its figures begin at zero.
    pub fn with_clock<L: Clock>(self, clock: L) -> Timeout<L, O> {
        Timeout { core: Core::announced(self.after()), clock, observer: self.observer }
    }

    /// The same timeout, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> Timeout<K, P> {
        Timeout { core: self.core, clock: self.clock, observer }
    }

    /// The time an operation gets.
    pub fn after(&self) -> Duration {
        self.core.after()
    }

    /// The figures so far.
    pub fn snapshot(&self) -> TimeoutSnapshot {
        self.core.figures()
    }
}

impl<K: Clock, O: Observer> Timeout<K, O> {
    /// Runs `operation`, and drops it if it has not completed in time.
    ///
    /// A result that is there in the moment the time is up is returned. An operation that never yields cannot be
    /// cancelled.
    ///
    /// # Errors
    ///
    /// The operation's own error, or [`Rejection::Timeout`] converted into it.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        let after = self.after();
        let mut call = pin!(operation());
        let mut limit = pin!(None);
        let completed = poll_fn(|context| {
            if let Poll::Ready(result) = call.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            if limit.is_none() {
                // Unconstrained: a call that uses up tokio's cooperative budget at every poll must not keep the timer
                // from being seen.
                limit.set(Some(unconstrained(self.clock.sleep(after))));
            }
            match limit.as_mut().as_pin_mut() {
                Some(limit) => limit.poll(context).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await;
        completed.unwrap_or_else(|| {
            self.core.timed_out.fetch_add(1, Relaxed);
            self.observer.on_event(Event::TimedOut { after });
            Err(Rejection::Timeout { after }.into())
        })
    }
}

impl<T, E, K, O> Policy<T, E> for Timeout<K, O>
where
    T: Send,
    E: From<Rejection> + Send,
    K: Clock,
    O: Observer,
{
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.execute(operation)
    }
}

impl<K, O> Controlled for Timeout<K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}
