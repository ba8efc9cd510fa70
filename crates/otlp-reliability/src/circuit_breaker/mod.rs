//! Circuit breaker: stops calling what does not work, and finds out when it works again.
//!
//! `machine` decides; this file runs operations under its decisions. What must hold:
//!
//! - A call through a closed breaker takes no lock, allocates nothing, and reads the clock only if a time window or
//!   slow calls need it.
//! - A call that is let through ends in exactly one result, also if it is cancelled or panics.

mod break_duration;
mod cache_line;
mod call;
mod config;
mod core;
mod limits;
#[cfg(all(test, otlp_loom))]
mod loom_tests;
mod machine;
#[cfg(all(test, not(otlp_loom)))]
mod model_tests;
mod on_cancel;
mod owned_permit;
mod permit;
mod ready;
mod snapshot;
mod streak;
mod tally;
mod ticket;
mod window;
mod with_retry;
mod word;

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    time::Duration,
};

pub use self::{
    break_duration::BreakDuration,
    config::{CircuitBreakerConfig, Window},
    on_cancel::OnCancel,
    owned_permit::OwnedCircuitPermit,
    permit::CircuitPermit,
    snapshot::CircuitBreakerSnapshot,
};
use self::{
    call::Call,
    core::{Core, Host},
};
use crate::{
    BlockingPolicy, Clock, Control, Controlled, Event, FailOnError, Judge, Observer, Policy, Rejection, TokioClock,
};

/// Whether a circuit breaker lets calls through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum CircuitState {
    /// All calls run, and their results are watched.
    Closed,
    /// No call runs, until the break is over.
    Open,
    /// A few calls run as probes; their results decide.
    HalfOpen,
    /// All calls run and nothing is watched, until somebody resets the breaker.
    ForcedClosed,
    /// No call runs, until somebody resets the breaker.
    Isolated,
}

/// Rejects calls while the callee does not work, and lets a few probes through to find out when it does.
///
/// Closed, it watches results. When too many fail, too many are slow, or too many fail in a row, it opens, and rejects
/// all calls for a break. The first call after the break makes it half open: so many calls run as probes, and their
/// results close it or open it again. Results of calls that began before a transition decide nothing after it.
///
/// It is a handle: clones share the breaker. Each handle has an observer of its own, and what happens is told to the one
/// whose call made it happen; of transitions that follow each other at once on several threads, one of the observers is
/// told all, in their order.
///
/// ```
/// use std::{io, time::Duration};
/// use otlp_reliability::{CircuitBreaker, CircuitState, Error};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // Opens for ten seconds after two failures in a row.
/// let breaker = CircuitBreaker::new(2, Duration::from_secs(10));
/// for _ in 0..2 {
///     let refused: Result<(), Error<io::Error>> =
///         breaker.execute(|| async { Err(Error::Inner(io::ErrorKind::ConnectionRefused.into())) }).await;
///     assert!(!refused.unwrap_err().is_open());
/// }
/// assert_eq!(breaker.state(), CircuitState::Open);
/// let rejected: Result<(), Error<io::Error>> = breaker.execute(|| async { Ok(()) }).await;
/// assert!(rejected.unwrap_err().is_open());
/// # }
/// ```
///
/// [`CircuitBreakerConfig`] has the settings, [`with_judge`](Self::with_judge) says what a failure is, and
/// [`try_acquire`](Self::try_acquire) serves loops that are no closures.
pub struct CircuitBreaker<J = FailOnError, K = TokioClock, O = ()> {
    core: Arc<Core<K>>,
    judge: J,
    observer: O,
}

impl<J: Clone, K, O: Clone> Clone for CircuitBreaker<J, K, O> {
    fn clone(&self) -> Self {
        CircuitBreaker { core: Arc::clone(&self.core), judge: self.judge.clone(), observer: self.observer.clone() }
    }
}

impl CircuitBreaker {
    /// Opens after `failures` failures in a row, for `break_duration`, after which one probe decides. 0 failures count
    /// as 1.
    pub fn new(failures: u32, break_duration: Duration) -> Self {
        CircuitBreaker::from_checked(CircuitBreakerConfig::consecutive(failures, break_duration))
    }

    fn from_checked(config: CircuitBreakerConfig) -> Self {
        CircuitBreaker { core: Core::announced(config, TokioClock), judge: FailOnError, observer: () }
    }
}

impl<J, K, O> CircuitBreaker<J, K, O> {
    /// The same breaker with another idea of what a failure is: any `Fn(&R) -> Verdict`, or an implementor of
    /// [`Judge`].
    pub fn with_judge<I>(self, judge: I) -> CircuitBreaker<I, K, O> {
        CircuitBreaker { core: self.core, judge, observer: self.observer }
    }

    /// The same breaker, reporting what happens through this handle to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> CircuitBreaker<J, K, P> {
        CircuitBreaker { core: self.core, judge: self.judge, observer }
    }

    /// A breaker with the same settings on another clock: closed, and without a past.
    pub fn with_clock<L: Clock + 'static>(self, clock: L) -> CircuitBreaker<J, L, O> {
        let core = Core::announced(self.config(), clock);
        CircuitBreaker { core, judge: self.judge, observer: self.observer }
    }

    /// The settings that are in force.
    pub fn config(&self) -> CircuitBreakerConfig {
        self.core.machine.config()
    }

    /// The state. An open breaker whose break is over stays open until a call comes.
    pub fn state(&self) -> CircuitState {
        self.core.machine.word().state()
    }
}

impl<J, K: Clock, O: Observer> CircuitBreaker<J, K, O> {
    /// Runs `operation` if the breaker lets it through, and takes its result into account.
    ///
    /// Dropping the future drops the operation; the call then counts as [`OnCancel`] says. A panic of the operation
    /// counts as a failure.
    ///
    /// # Errors
    ///
    /// The operation's own error, or [`Rejection::Open`] converted into it.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection>,
        J: Judge<Result<T, E>>,
    {
        let mut permit = self.admit()?;
        let mut call = pin!(operation());
        let result = poll_fn(|context| {
            let polled = call.as_mut().poll(context);
            if polled.is_pending() {
                permit.begin_to_wait();
            }
            polled
        })
        .await;
        permit.settle_by(&result);
        result
    }

    /// Opens the breaker for a break, as if it had tripped. An open one begins its break anew.
    pub fn force_open(&self) {
        self.force(CircuitState::Open);
    }

    /// Rejects all calls until somebody resets the breaker.
    pub fn isolate(&self) {
        self.force(CircuitState::Isolated);
    }

    /// Lets all calls through and watches none, until somebody resets the breaker.
    pub fn force_closed(&self) {
        self.force(CircuitState::ForcedClosed);
    }

    /// Ends the break now: the next calls are probes.
    pub fn half_open(&self) {
        self.force(CircuitState::HalfOpen);
    }

    /// Closes the breaker and forgets all results. The figures that count from the beginning stay.
    pub fn reset(&self) {
        self.force(CircuitState::Closed);
    }

    /// How the breaker stands, and what it has done.
    pub fn snapshot(&self) -> CircuitBreakerSnapshot {
        self.core.figures()
    }

    #[inline]
    fn begin_call(&self) -> Result<Call, Rejection> {
        match self.core.machine.admit(&self.host()) {
            Ok(ticket) => Ok(Call::new(ticket)),
            Err(rejection) => {
                self.observer.on_event(Event::Rejected(rejection));
                Err(rejection)
            }
        }
    }

    fn force(&self, state: CircuitState) {
        self.core.machine.force(&self.host(), state);
    }

    #[inline]
    fn host(&self) -> Host<'_, K, O> {
        Host { core: &self.core, observer: &self.observer }
    }
}

impl<T, E, J, K, O> Policy<T, E> for CircuitBreaker<J, K, O>
where
    T: Send,
    E: From<Rejection> + Send,
    J: Judge<Result<T, E>>,
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

impl<T, E, J, K, O> BlockingPolicy<T, E> for CircuitBreaker<J, K, O>
where
    E: From<Rejection>,
    J: Judge<Result<T, E>>,
    K: Clock,
    O: Observer,
{
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        let mut permit = self.admit()?;
        let result = operation();
        permit.settle_by(&result);
        result
    }
}

impl<J, K: Clock + 'static, O> Controlled for CircuitBreaker<J, K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::<Core<K>>::clone(&self.core))
    }
}

impl<J, K, O> fmt::Debug for CircuitBreaker<J, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("state", &self.state()).field("config", &self.config()).finish()
    }
}
