//! What policies do, as events that anyone can count, log or show.

use std::{sync::Arc, time::Duration};

use crate::{CircuitState, Health, Rejection};

/// What a policy just did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A retry took a result as final.
    Settled {
        /// How many attempts it took.
        attempts: u32,
    },
    /// An attempt had a result that calls for another.
    AttemptFailed {
        /// Which one, counted from 1.
        attempt: u32,
    },
    /// The next attempt will start after a wait.
    Retrying {
        /// Which one it will be, counted from 1.
        attempt: u32,
        /// The wait.
        delay: Duration,
    },
    /// A retry returned a result that called for another attempt, because a limit forbade it.
    GaveUp {
        /// How many attempts were made.
        attempts: u32,
        /// Which limit it was.
        reason: GiveUp,
    },
    /// An operation was cancelled because its time was up.
    TimedOut {
        /// The time it was given.
        after: Duration,
    },
    /// A policy turned a call away without running its operation.
    Rejected(Rejection),
    /// A circuit breaker went from one state to another.
    StateChanged {
        /// The state before.
        from: CircuitState,
        /// The state now.
        to: CircuitState,
    },
    /// An adaptive limit moved.
    LimitChanged {
        /// How many calls at once it let through before.
        from: u32,
        /// How many it lets through now.
        to: u32,
    },
    /// A hedge started another attempt beside those under way.
    Hedged {
        /// Which one it is, counted from 1.
        attempt: u32,
    },
    /// A fallback answered for an operation that failed.
    FellBack,
    /// The state of a dependency, or of all of them together, changed.
    HealthChanged {
        /// The state before.
        from: Health,
        /// The state now.
        to: Health,
    },
    /// An endpoint was taken out because it is worse than the others.
    Ejected {
        /// For how long.
        duration: Duration,
    },
    /// An endpoint that had been taken out is used again.
    Restored,
    /// The policy has other settings.
    Reloaded,
}

impl Event {
    /// What happened, without its details, as a word for names and labels: `retrying`, `state_changed`.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Settled { .. } => "settled",
            Event::AttemptFailed { .. } => "attempt_failed",
            Event::Retrying { .. } => "retrying",
            Event::GaveUp { .. } => "gave_up",
            Event::TimedOut { .. } => "timed_out",
            Event::Rejected(_) => "rejected",
            Event::StateChanged { .. } => "state_changed",
            Event::LimitChanged { .. } => "limit_changed",
            Event::Hedged { .. } => "hedged",
            Event::FellBack => "fell_back",
            Event::HealthChanged { .. } => "health_changed",
            Event::Ejected { .. } => "ejected",
            Event::Restored => "restored",
            Event::Reloaded => "reloaded",
        }
    }
}

/// The limit that ended a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// All attempts were made.
    MaxAttempts,
    /// The time for all attempts together was used up, or the next wait would have used it up.
    MaxElapsed,
    /// The retry budget had nothing left.
    Budget,
}

/// Takes a policy's events.
///
/// An observer is called on the task that runs the operation, between its steps: it must be quick and must neither
/// block nor panic. A policy has one observer of its own, so an observer knows the name of what it observes. `()` is
/// the default and costs nothing; any `Fn(Event)` is an observer.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use otlp_reliability::{Event, Observer, RetryPolicy};
///
/// #[derive(Default)]
/// struct Retries(AtomicU64);
///
/// impl Observer for Retries {
///     fn on_event(&self, event: Event) {
///         if let Event::Retrying { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let retry = RetryPolicy::new().build()?.with_observer(Retries::default());
/// # let _ = retry;
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn on_event(&self, event: Event);
}

impl Observer for () {
    #[inline]
    fn on_event(&self, _: Event) {}
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: Event) {
        self(event);
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_event(&self, event: Event) {
        (**self).on_event(event);
    }
}

/// Both take each event, the left one first.
impl<A: Observer, B: Observer> Observer for (A, B) {
    #[inline]
    fn on_event(&self, event: Event) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}

/// `None`: an observer that the configuration left out.
impl<O: Observer> Observer for Option<O> {
    #[inline]
    fn on_event(&self, event: Event) {
        if let Some(observer) = self {
            observer.on_event(event);
        }
    }
}
