//! Bulkhead: so many calls at once and no more, so that one slow dependency does not fill the whole ship.
//!
//! - `gate`: who is inside and who may enter; the state machine, also of the adaptive limit.
//! - `line`, `wait`: those who wait their turn.
//! - This file: the policy around them.

mod config;
mod core;
mod gate;
mod line;
#[cfg(all(test, otlp_loom))]
mod loom_tests;
mod permit;
mod snapshot;
mod wait;

use std::{future::Future, sync::Arc};

use self::core::Core;
pub use self::{config::BulkheadConfig, permit::Permit, snapshot::BulkheadSnapshot};
pub(crate) use self::{
    config::validate_line,
    gate::{Entered, Gate, MAX_LIMIT},
};
use crate::{BlockingPolicy, Clock, Control, Controlled, Event, Observer, Policy, Rejection, TokioClock, registry};

/// Lets so many calls run at once, lets so many more wait their turn, and rejects the rest.
///
/// A permit is taken when a call starts and given back when it ends, is dropped or panics; a bulkhead that is merely
/// held holds none. Waiting is first come, first served: a newcomer never overtakes, and a call that gives
/// up passes on what it was given. Clones are handles of the same bulkhead.
///
/// The clock measures how long a call has waited, and is not used where [`BulkheadConfig::with_max_wait`] is not set.
///
/// ```
/// use otlp_reliability::{Bulkhead, Error, Rejection};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let bulkhead = Bulkhead::new(1);
/// let answer: Result<u32, Error<std::io::Error>> = bulkhead.execute(|| async { Ok(42) }).await;
/// assert_eq!(answer.unwrap(), 42);
///
/// let permit = bulkhead.try_acquire().unwrap();
/// assert_eq!(bulkhead.try_acquire().unwrap_err(), Rejection::Full);
/// drop(permit);
/// assert!(bulkhead.try_acquire().is_ok());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Bulkhead<K = TokioClock, O = ()> {
    core: Arc<Core>,
    clock: K,
    observer: O,
}

impl Bulkhead {
    /// A bulkhead for `max_concurrent` calls at once, without a waiting line: the next call is rejected.
    ///
    /// Zero lets nothing in. More than 2,147,483,647 is as good as that. [`BulkheadConfig`] has the other settings, and
    /// refuses both.
    pub fn new(max_concurrent: u32) -> Self {
        Bulkhead::from_checked(&BulkheadConfig::new(max_concurrent))
    }

    fn from_checked(settings: &BulkheadConfig) -> Self {
        Bulkhead { core: registry::announced(Core::new(settings)), clock: TokioClock, observer: () }
    }
}

impl<K, O> Bulkhead<K, O> {
    /// A bulkhead with the same settings on another clock, with nobody in it.
    pub fn with_clock<L: Clock>(self, clock: L) -> Bulkhead<L, O> {
        Bulkhead { core: registry::announced(self.core.afresh()), clock, observer: self.observer }
    }

    /// The same bulkhead, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> Bulkhead<K, P> {
        Bulkhead { core: self.core, clock: self.clock, observer }
    }

    /// Lets another number of calls run at once. More: those who wait come in. Fewer: calls that run go on, and nobody
    /// comes in until enough have ended. As in [`Bulkhead::new`], zero lets nothing in.
    pub fn resize(&self, max_concurrent: u32) {
        self.core.gate.set_limit(max_concurrent);
        self.core.gate.hand_out();
    }

    /// How the bulkhead stands, and what it has done.
    pub fn snapshot(&self) -> BulkheadSnapshot {
        self.core.figures()
    }
}

impl<K: Clock, O: Observer> Bulkhead<K, O> {
    /// Runs `operation` inside, once there is room.
    ///
    /// Dropping the future leaves the waiting line, or drops the operation and gives the permit back.
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
    {
        // Asked here and not by `enter`: its answer would pass through memory, which costs as much as the gate.
        let _entered = match self.core.gate.try_enter() {
            Some(entered) => entered,
            None => match self.core.gate.wait(&self.clock).await {
                Ok(entered) => entered,
                Err(rejection) => return Err(self.rejected(rejection).into()),
            },
        };
        operation().await
    }

    /// A permit, if there is room and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Full`].
    pub fn try_acquire(&self) -> Result<Permit, Rejection> {
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
    pub async fn acquire(&self) -> Result<Permit, Rejection> {
        match self.core.gate.enter(&self.clock).await {
            Ok(entered) => Ok(self.permit(entered)),
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    /// A permit, once there is room; the thread is blocked until then. It stands in the same line as tasks do.
    ///
    /// How long it has waited is the clock's to say, but a parked thread is woken by the system: on a clock that runs
    /// ahead of the system's it gives up late. Not for a thread on which a runtime runs the calls that it waits for.
    ///
    /// # Errors
    ///
    /// [`Rejection::Full`]: the waiting line was full, or the wait too long.
    pub fn blocking_acquire(&self) -> Result<Permit, Rejection> {
        match self.core.gate.enter_blocking(&self.clock) {
            Ok(entered) => Ok(self.permit(entered)),
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    /// A permit, if there is room and nobody waits for it; if not, nobody was turned away yet.
    #[cfg(feature = "tower")]
    pub(crate) fn acquire_at_once(&self) -> Option<Permit> {
        self.core.gate.try_enter().map(|entered| self.permit(entered))
    }

    fn permit(&self, entered: Entered<'_>) -> Permit {
        entered.keep();
        Permit::taking_over(Arc::clone(&self.core))
    }

    #[cold]
    fn rejected(&self, rejection: Rejection) -> Rejection {
        self.observer.on_event(Event::Rejected(rejection));
        rejection
    }
}

impl<T, E, K, O> Policy<T, E> for Bulkhead<K, O>
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

/// Blocks the thread while it waits, as [`Bulkhead::blocking_acquire`] does.
impl<T, E, K, O> BlockingPolicy<T, E> for Bulkhead<K, O>
where
    E: From<Rejection>,
    K: Clock,
    O: Observer,
{
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        let _entered = match self.core.gate.enter_blocking(&self.clock) {
            Ok(entered) => entered,
            Err(rejection) => return Err(self.rejected(rejection).into()),
        };
        operation()
    }
}

impl<K, O> Controlled for Bulkhead<K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}
