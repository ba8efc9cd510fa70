//! One check of one dependency: its name, how to look, and where its settings differ from those of the others.

use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use super::{CheckConfig, CheckOutcome, Importance, Probe, breaker};
use crate::{ConfigError, Control, Snapshot};

/// Looks at the dependency once.
pub(super) type Look = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = CheckOutcome> + Send>> + Send + Sync>;

/// A change of one setting.
type Adjustment = Box<dyn FnOnce(CheckConfig) -> CheckConfig + Send + Sync>;

/// A health check: a name, an async function that looks at a dependency, and settings.
///
/// What is not set here is taken from the [`HealthChecker`](crate::HealthChecker) it is added to. The function returns
/// anything that converts into a [`CheckOutcome`]: a `Result<(), E>` with any error that can be displayed, or the
/// outcome itself, which can also be a warning.
///
/// It is called once per try, and its future is dropped when the time is up; a function that blocks its thread instead
/// of waiting cannot be cancelled. A panic counts as a failure.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Check, CheckOutcome, Health, HealthChecker};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), otlp_reliability::HealthError> {
/// let queue = Check::new("queue", || async {
///     let waiting = 4_000; // … however it is found out
///     if waiting > 1_000 { CheckOutcome::Warn(format!("{waiting} jobs wait")) } else { CheckOutcome::Pass }
/// });
/// let checker = HealthChecker::new();
/// checker.add(queue.optional().with_interval(Duration::from_secs(5)).with_fall(3))?;
/// assert_eq!(checker.check_now().await.overall, Health::Degraded);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Check {
    pub(super) name: Arc<str>,
    pub(super) look: Look,
    adjustments: Vec<Adjustment>,
}

impl Check {
    /// A check of this name that calls `look` in each round.
    pub fn new<F, Fut>(name: impl Into<Arc<str>>, look: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<CheckOutcome>> + Send + 'static,
    {
        let look: Look = Arc::new(move || {
            let looking = look();
            Box::pin(async move { looking.await.into() })
        });
        Check { name: name.into(), look, adjustments: Vec::new() }
    }

    /// A check of a circuit breaker, by [its controls](crate::Controlled::control): open or isolated is a failure;
    /// half-open, or open with the break over, is a warning. It is read every second, which costs the breaker nothing.
    ///
    /// A breaker opens because of a dependency, so a service that can answer without it declares the check
    /// [`optional`](Check::optional).
    ///
    /// # Errors
    ///
    /// The controls of another kind of policy.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otlp_reliability::{Check, CircuitBreaker, Controlled, Health, HealthChecker};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let breaker = CircuitBreaker::new(5, Duration::from_secs(10));
    /// let checker = HealthChecker::new();
    /// if let Some(control) = breaker.control() {
    ///     checker.add(Check::circuit_breaker("payments", control)?.optional())?;
    /// }
    /// breaker.isolate();
    /// assert_eq!(checker.check_now().await.overall, Health::Degraded);
    /// # Ok(())
    /// # }
    /// ```
    pub fn circuit_breaker(name: impl Into<Arc<str>>, control: Arc<dyn Control>) -> Result<Self, ConfigError> {
        let first = control.snapshot();
        if !matches!(first, Snapshot::CircuitBreaker(_)) {
            return Err(ConfigError::new("control", first.kind(), "the controls of a circuit breaker"));
        }
        let check = Check::new(name, move || ready(breaker::outcome(&control.snapshot())));
        Ok(check.with_interval(breaker::INTERVAL))
    }

    /// All settings at once, in place of those of the checker.
    pub fn with_config(self, config: CheckConfig) -> Self {
        self.adjust(move |_| config)
    }

    /// Without it the service does not work: the default.
    pub fn critical(self) -> Self {
        self.adjust(|config| config.with_importance(Importance::Critical))
    }

    /// Without it the service works, degraded.
    pub fn optional(self) -> Self {
        self.adjust(|config| config.with_importance(Importance::Optional))
    }

    /// Part of the liveness probe only.
    pub fn liveness(self) -> Self {
        self.adjust(|config| config.with_probe(Probe::Liveness))
    }

    /// Part of the readiness probe only: the default.
    pub fn readiness(self) -> Self {
        self.adjust(|config| config.with_probe(Probe::Readiness))
    }

    /// Part of this probe, or of both.
    pub fn with_probe(self, probe: Probe) -> Self {
        self.adjust(move |config| config.with_probe(probe))
    }

    /// The wait from the end of one round to the start of the next.
    pub fn with_interval(self, interval: Duration) -> Self {
        self.adjust(move |config| config.with_interval(interval))
    }

    /// By which part of the interval a wait is cut at most, at random.
    pub fn with_jitter(self, jitter: f64) -> Self {
        self.adjust(move |config| config.with_jitter(jitter))
    }

    /// How long one try may take.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.adjust(move |config| config.with_timeout(timeout))
    }

    /// How often a failed check is tried again, at once, before its round counts as failed.
    pub fn with_retry_count(self, retry_count: u32) -> Self {
        self.adjust(move |config| config.with_retry_count(retry_count))
    }

    /// After how many good rounds in a row an unhealthy check is healthy.
    pub fn with_rise(self, rise: u32) -> Self {
        self.adjust(move |config| config.with_rise(rise))
    }

    /// After how many failed rounds in a row a healthy check is unhealthy.
    pub fn with_fall(self, fall: u32) -> Self {
        self.adjust(move |config| config.with_fall(fall))
    }

    /// How many of the last rounds are remembered.
    pub fn with_history(self, history: usize) -> Self {
        self.adjust(move |config| config.with_history(history))
    }

    /// The settings that result where `defaults` are the checker's.
    pub(super) fn resolve(self, defaults: &CheckConfig) -> (Arc<str>, Look, CheckConfig) {
        let config = self.adjustments.into_iter().fold(defaults.clone(), |config, adjust| adjust(config));
        (self.name, self.look, config)
    }

    fn adjust(mut self, adjustment: impl FnOnce(CheckConfig) -> CheckConfig + Send + Sync + 'static) -> Self {
        self.adjustments.push(Box::new(adjustment));
        self
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}
