//! Adaptive limit: as many calls at once as the callee serves well, found by watching how it answers.
//!
//! - `aimd`, `vegas`, `gradient2`: the algorithms, pure. `sample` and `estimate` are what they are told and what they
//!   answer, `round` and `probe` what they measure with, `probing` what those that go by latency have in common.
//! - `algorithm` chooses among them, `estimator` is the one in use.
//! - `core`: the gate of the bulkhead, moved by an algorithm.
//! - `permit`: a call under way, which tells the limit how it went.
//! - This file: the policy around them.

mod aimd;
mod algorithm;
mod config;
mod core;
mod estimate;
mod estimator;
mod gradient2;
mod permit;
mod probe;
mod probing;
mod round;
mod sample;
#[cfg(test)]
mod settling;
mod snapshot;
mod vegas;

use std::{future::Future, sync::Arc};

pub use self::{
    aimd::Aimd, algorithm::Algorithm, config::AdaptiveLimitConfig, gradient2::Gradient2, permit::AdaptivePermit,
    snapshot::AdaptiveLimitSnapshot, vegas::Vegas,
};
use self::{core::Core, permit::Call};
use crate::{
    BlockingPolicy, Clock, Control, Controlled, Event, FailOnError, Judge, Observer, Policy, Rejection, TokioClock,
    bulkhead::Entered, registry,
};

/// A bulkhead that finds its size itself: it lets more calls run at once while the callee answers as fast as ever, and
/// fewer when calls pile up there. Built by [`AdaptiveLimitConfig::build`].
///
/// [`Algorithm`] tells which algorithm suits which callee, and each algorithm where it ends up. What all have in common:
/// the limit grows only while calls press on it, one slow call hardly moves it, and calls are measured from the moment
/// they run; the wait in line is not the callee's.
///
/// The judge says what a result means: [`Verdict::Failure`](crate::Verdict::Failure) is a dropped call, a sign of
/// overload; [`Verdict::Ignore`](crate::Verdict::Ignore) is not learnt from. By default every `Err` is a dropped call; a
/// callee whose errors mean other things as well needs a judge that tells them apart. Clones are handles of the same
/// limit.
///
/// ```
/// use otlp_reliability::{AdaptiveLimitConfig, Error, Gradient2, Verdict};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), otlp_reliability::ConfigError> {
/// // Only "busy" is a sign of overload; other errors come as fast as answers do, and are not learnt from.
/// let limit = AdaptiveLimitConfig::new(Gradient2::new()).build()?.with_judge(
///     |reply: &Result<u32, Error<&'static str>>| match reply {
///         Ok(_) => Verdict::Success,
///         Err(Error::Inner("busy")) => Verdict::Failure,
///         Err(_) => Verdict::Ignore,
///     },
/// );
/// let answer = limit.execute(|| async { Ok(42) }).await;
/// assert_eq!(answer, Ok(42));
/// assert_eq!(limit.snapshot().samples, 1);
///
/// // For a call that is no closure:
/// let permit = limit.acquire().await.unwrap();
/// permit.complete(Verdict::Success);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AdaptiveLimit<J = FailOnError, K = TokioClock, O = ()> {
    core: Arc<Core>,
    judge: J,
    clock: K,
    observer: O,
}

impl AdaptiveLimit {
    fn from_checked(settings: AdaptiveLimitConfig) -> Self {
        AdaptiveLimit {
            core: registry::announced(Core::new(settings)),
            judge: FailOnError,
            clock: TokioClock,
            observer: (),
        }
    }
}

impl<J, K, O> AdaptiveLimit<J, K, O> {
    /// The same limit with another judge: any `Fn(&R) -> Verdict`, or an implementor of [`Judge`].
    pub fn with_judge<I>(self, judge: I) -> AdaptiveLimit<I, K, O> {
        AdaptiveLimit { core: self.core, judge, clock: self.clock, observer: self.observer }
    }

    /// A limit with the same settings on another clock, with nothing learnt yet.
    pub fn with_clock<L: Clock>(self, clock: L) -> AdaptiveLimit<J, L, O> {
        AdaptiveLimit {
            core: registry::announced(self.core.afresh()),
            judge: self.judge,
            clock,
            observer: self.observer,
        }
    }

    /// The same limit, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> AdaptiveLimit<J, K, P> {
        AdaptiveLimit { core: self.core, judge: self.judge, clock: self.clock, observer }
    }

    /// How the limit stands, and what it has done.
    pub fn snapshot(&self) -> AdaptiveLimitSnapshot {
        self.core.figures()
    }
}

impl<J, K: Clock, O: Observer> AdaptiveLimit<J, K, O> {
    /// Runs `operation` once there is room, and learns from its latency and result.
    ///
    /// Dropping the future leaves the waiting line, or drops the operation and gives its place back; see
    /// [`AdaptiveLimitConfig::with_timeout`] for what is learnt from it. A panic counts as a failure.
    ///
    /// # Errors
    ///
    /// The operation's own error, or [`Rejection::Full`] converted into it: the waiting line was full, or the wait too
    /// long.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection>,
        J: Judge<Result<T, E>>,
    {
        let mut call = match self.core.gate.enter(&self.clock).await {
            Ok(entered) => self.begin(entered),
            Err(rejection) => return Err(self.rejected(rejection).into()),
        };
        let result = operation().await;
        call.verdict = Some(self.judge.judge(&result));
        result
    }

    /// A permit, if there is room and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Full`].
    pub fn try_acquire(&self) -> Result<AdaptivePermit<K, O>, Rejection>
    where
        K: Clone,
        O: Clone,
    {
        match self.core.gate.try_enter() {
            Some(entered) => Ok(self.permit(entered)),
            None => Err(self.rejected(self.core.gate.reject())),
        }
    }

    /// A permit, once there is room.
    ///
    /// Dropping the future leaves the waiting line; a permit that was just granted goes to the next in line.
    ///
    /// # Errors
    ///
    /// [`Rejection::Full`]: the waiting line was full, or the wait too long.
    pub async fn acquire(&self) -> Result<AdaptivePermit<K, O>, Rejection>
    where
        K: Clone,
        O: Clone,
    {
        match self.core.gate.enter(&self.clock).await {
            Ok(entered) => Ok(self.permit(entered)),
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    /// A permit, once there is room; the thread is blocked until then, as in
    /// [`Bulkhead::blocking_acquire`](crate::Bulkhead::blocking_acquire).
    ///
    /// # Errors
    ///
    /// [`Rejection::Full`]: the waiting line was full, or the wait too long.
    pub fn blocking_acquire(&self) -> Result<AdaptivePermit<K, O>, Rejection>
    where
        K: Clone,
        O: Clone,
    {
        match self.core.gate.enter_blocking(&self.clock) {
            Ok(entered) => Ok(self.permit(entered)),
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    /// A permit, if there is room and nobody waits for it; if not, nobody was turned away yet.
    #[cfg(feature = "tower")]
    pub(crate) fn acquire_at_once(&self) -> Option<AdaptivePermit<K, O>>
    where
        K: Clone,
        O: Clone,
    {
        self.core.gate.try_enter().map(|entered| self.permit(entered))
    }

    /// What a result says about the callee.
    #[cfg(feature = "tower")]
    pub(crate) fn judge<R>(&self, result: &R) -> crate::Verdict
    where
        J: Judge<R>,
    {
        self.judge.judge(result)
    }

    fn begin(&self, entered: Entered<'_>) -> Call<'_, K, O> {
        let started = self.clock.now();
        entered.keep();
        Call { core: &self.core, clock: &self.clock, observer: &self.observer, started, verdict: None }
    }

    fn permit(&self, entered: Entered<'_>) -> AdaptivePermit<K, O>
    where
        K: Clone,
        O: Clone,
    {
        let permit = AdaptivePermit::taking_over(Arc::clone(&self.core), self.clock.clone(), self.observer.clone());
        entered.keep();
        permit
    }

    #[cold]
    fn rejected(&self, rejection: Rejection) -> Rejection {
        self.observer.on_event(Event::Rejected(rejection));
        rejection
    }
}

impl<T, E, J, K, O> Policy<T, E> for AdaptiveLimit<J, K, O>
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

/// Blocks the thread while it waits, as [`AdaptiveLimit::blocking_acquire`] does.
impl<T, E, J, K, O> BlockingPolicy<T, E> for AdaptiveLimit<J, K, O>
where
    E: From<Rejection>,
    J: Judge<Result<T, E>>,
    K: Clock,
    O: Observer,
{
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        let mut call = match self.core.gate.enter_blocking(&self.clock) {
            Ok(entered) => self.begin(entered),
            Err(rejection) => return Err(self.rejected(rejection).into()),
        };
        let result = operation();
        call.verdict = Some(self.judge.judge(&result));
        result
    }
}

impl<J, K, O> Controlled for AdaptiveLimit<J, K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}
