//! Fallback: another answer in place of an error, the policy's or the operation's.
//!
//! What must hold: a success passes untouched; an error is handed to the fallback whole, and what the fallback returns
//! is what the caller gets.

mod recover;

use std::{future::Future, sync::Arc};

pub use self::recover::{AnyError, ErrorFilter, FallbackAsync, FallbackFn, FallbackValue, Recover, RecoverBlocking};
use crate::{
    BlockingPolicy, ConfigError, Control, Controlled, Event, Observer, Policy, PolicyConfig, Snapshot, registry,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Answers in place of an operation that failed. Clones share figures.
///
/// It belongs outside of the other policies, where it sees their rejections too. What it falls back to should not
/// depend on what has just failed: a constant, a cache, another region.
///
/// ```
/// use std::io;
/// use otlp_reliability::{Error, Fallback, Policy, Timeout};
/// use std::{future::pending, time::Duration};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fallback = Fallback::value("unknown").when(|error: &Error<io::Error>| error.is_timeout());
/// let policy = (fallback, Timeout::new(Duration::from_millis(5)));
///
/// let slow: Result<&str, Error<io::Error>> = policy.run(|| pending()).await;
/// assert_eq!(slow.ok(), Some("unknown"));
///
/// let failed: Result<&str, _> = policy.run(|| async { Err(Error::Inner(io::Error::other("no"))) }).await;
/// assert!(failed.is_err());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Fallback<R, W = AnyError, O = ()> {
    core: Arc<Core>,
    recover: R,
    when: W,
    observer: O,
}

/// The figures of a [`Fallback`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FallbackSnapshot {
    /// How many calls got an answer from the fallback.
    pub fell_back: u64,
    /// How many calls got an error from the fallback.
    pub failed: u64,
}

#[derive(Debug)]
struct Core {
    fell_back: AtomicU64,
    failed: AtomicU64,
}

impl<T: Clone> Fallback<FallbackValue<T>> {
    /// Answers with a clone of `value`.
    pub fn value(value: T) -> Self {
        Fallback::with(FallbackValue(value))
    }
}

impl<F> Fallback<FallbackFn<F>> {
    /// Answers with what `recover`, a `Fn(E) -> Result<T, E>`, makes of the error.
    pub fn from_fn(recover: F) -> Self {
        Fallback::with(FallbackFn(recover))
    }
}

impl<F> Fallback<FallbackAsync<F>> {
    /// Answers with what the future of `recover`, a `Fn(E) -> impl Future<Output = Result<T, E>>`, makes of the error.
    pub fn from_async_fn(recover: F) -> Self {
        Fallback::with(FallbackAsync(recover))
    }
}

impl<R> Fallback<R> {
    /// Answers with what `recover` makes of the error.
    pub fn with(recover: R) -> Self {
        let core = registry::announced(Core { fell_back: AtomicU64::new(0), failed: AtomicU64::new(0) });
        Fallback { core, recover, when: AnyError, observer: () }
    }
}

impl<R, W, O> Fallback<R, W, O> {
    /// The same fallback, only for the errors that `when` accepts: any `Fn(&E) -> bool`. Others pass.
    pub fn when<V>(self, when: V) -> Fallback<R, V, O> {
        Fallback { core: self.core, recover: self.recover, when, observer: self.observer }
    }

    /// The same fallback, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> Fallback<R, W, P> {
        Fallback { core: self.core, recover: self.recover, when: self.when, observer }
    }

    /// The figures so far.
    pub fn snapshot(&self) -> FallbackSnapshot {
        self.core.figures()
    }
}

impl<R, W, O: Observer> Fallback<R, W, O> {
    /// Runs `operation`, and the fallback if it fails.
    ///
    /// Dropping the future drops whichever of the two is running.
    ///
    /// # Errors
    ///
    /// The operation's error if [`when`](Fallback::when) does not accept it, else that of the fallback.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        R: Recover<T, E>,
        W: ErrorFilter<E>,
    {
        match operation().await {
            Err(error) if self.when.accepts(&error) => self.answered(self.recover.recover(error).await),
            result => result,
        }
    }

    /// Counts what the fallback answered.
    fn answered<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_ok() {
            self.core.fell_back.fetch_add(1, Relaxed);
            self.observer.on_event(Event::FellBack);
        } else {
            self.core.failed.fetch_add(1, Relaxed);
        }
        result
    }
}

impl<T, E, R, W, O> Policy<T, E> for Fallback<R, W, O>
where
    T: Send,
    E: Send,
    R: Recover<T, E>,
    W: ErrorFilter<E>,
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

impl<T, E, R, W, O> BlockingPolicy<T, E> for Fallback<R, W, O>
where
    R: RecoverBlocking<T, E>,
    W: ErrorFilter<E>,
    O: Observer,
{
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        match operation() {
            Err(error) if self.when.accepts(&error) => self.answered(self.recover.recover_blocking(error)),
            result => result,
        }
    }
}

impl<R, W, O> Controlled for Fallback<R, W, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}

impl Core {
    fn figures(&self) -> FallbackSnapshot {
        FallbackSnapshot { fell_back: self.fell_back.load(Relaxed), failed: self.failed.load(Relaxed) }
    }
}

/// A fallback has no settings: no reload succeeds.
impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Fallback(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        Err(settings.not_for("fallback"))
    }
}
