//! The checker: runs each check on a schedule and answers for all of them.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::{
    Check, CheckConfig, CheckOutcome, HealthError, HealthObserver, HealthStatus,
    core::{Core, Watched},
    round,
};
use crate::{Clock, TokioClock, registry};

/// Runs health checks on a schedule and says how the service is.
///
/// Each check has a task of its own on the runtime that [`start`](HealthChecker::start) was called on: the first round
/// starts at once, each further one an interval after the last. Rounds of one check never overlap.
///
/// A [`Clock`] that ends all sleeps early, as that of a service that drains may, lets rounds follow each other without
/// a wait: such a service [`stop`](HealthChecker::stop)s its checks.
///
/// It is a handle: clones share the checks and what is known of them. When the last one is dropped, the tasks end.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Check, Health, HealthChecker, UnifiedError};
///
/// async fn check_database() -> Result<(), UnifiedError> {
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), otlp_reliability::HealthError> {
/// let checker = HealthChecker::new()
///     .with_check_interval(Duration::from_secs(30))
///     .with_timeout(Duration::from_secs(5))
///     .with_retry_count(3);
/// checker.add_check("database", check_database).await?;
/// checker.add(Check::new("cache", || async { Err("not there") }).optional())?;
/// checker.start().await?;
/// # tokio::task::yield_now().await;
/// # checker.check_now().await;
///
/// let status = checker.get_health_status().await?;
/// assert_eq!(status.overall, Health::Degraded);
/// assert_eq!(status.check("database").map(|check| check.health), Some(Health::Healthy));
/// # Ok(())
/// # }
/// ```
pub struct HealthChecker<K = TokioClock> {
    defaults: CheckConfig,
    shared: Arc<Shared<K>>,
}

/// What the handles share. Tasks hold the core alone, so they do not keep themselves running.
struct Shared<K> {
    core: Arc<Core<K>>,
}

impl HealthChecker {
    /// A checker without checks, on tokio's time, with the defaults of [`CheckConfig`].
    pub fn new() -> Self {
        HealthChecker::on(TokioClock, CheckConfig::new())
    }
}

impl Default for HealthChecker {
    fn default() -> Self {
        HealthChecker::new()
    }
}

impl<K> HealthChecker<K> {
    /// The settings that checks have unless they have their own. They apply to the checks that are added from then on;
    /// what cannot work is refused when a check is added.
    pub fn with_defaults(mut self, defaults: CheckConfig) -> Self {
        self.defaults = defaults;
        self
    }

    /// The wait from the end of a check's round to the start of its next, for checks added from then on.
    pub fn with_check_interval(mut self, interval: Duration) -> Self {
        self.defaults = self.defaults.with_interval(interval);
        self
    }

    /// How long one try of a check may take, for checks added from then on.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.defaults = self.defaults.with_timeout(timeout);
        self
    }

    /// How often a failed check is tried again, at once and within its round, before the round counts as failed; for
    /// checks added from then on. How many failed rounds make a check unhealthy is [`CheckConfig::with_fall`].
    pub fn with_retry_count(mut self, retry_count: u32) -> Self {
        self.defaults = self.defaults.with_retry_count(retry_count);
        self
    }

    /// The same checker, all of its handles reporting to `observer`, in place of the one before.
    pub fn with_observer(self, observer: impl HealthObserver + 'static) -> Self {
        self.shared.core.observe(Some(Arc::new(observer)));
        self
    }

    /// Ends the tasks; rounds under way are cancelled. What is known stays, and [`start`](HealthChecker::start) goes on
    /// from there.
    pub fn stop(&self) {
        self.shared.core.stop();
    }
}

impl<K: Clock + 'static> HealthChecker<K> {
    fn on(clock: K, defaults: CheckConfig) -> Self {
        let core = registry::announced(Core::new(clock));
        HealthChecker { defaults, shared: Arc::new(Shared { core }) }
    }

    pub(super) fn core(&self) -> Arc<Core<K>> {
        Arc::clone(&self.shared.core)
    }

    /// A checker without checks on another clock, with these defaults and this observer.
    pub fn with_clock<L: Clock + 'static>(self, clock: L) -> HealthChecker<L> {
        let checker = HealthChecker::on(clock, self.defaults.clone());
        checker.shared.core.observe(self.shared.core.observer());
        checker
    }

    /// Adds a check. If the checker has been started, the check's first round starts now.
    ///
    /// # Errors
    ///
    /// Settings that cannot work, and a name that is taken.
    pub fn add(&self, check: Check) -> Result<(), HealthError> {
        let (name, look, config) = check.resolve(&self.defaults);
        if let Err(error) = config.validate() {
            return Err(HealthError::Settings { check: name, error });
        }
        self.shared.core.add(Watched::new(name, look, config))?;
        self.shared.core.run_all();
        Ok(())
    }

    /// Adds a critical check of readiness with the checker's settings: [`HealthChecker::add`] of [`Check::new`].
    ///
    /// # Errors
    ///
    /// Settings that cannot work, and a name that is taken.
    pub async fn add_check<F, Fut>(&self, name: impl Into<Arc<str>>, check: F) -> Result<(), HealthError>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<CheckOutcome>> + Send + 'static,
    {
        self.add(Check::new(name, check))
    }

    /// Removes the check of this name and ends its task. Returns whether there was one.
    pub fn remove_check(&self, name: &str) -> bool {
        self.shared.core.remove(name)
    }

    /// Starts the tasks of all checks on the tokio runtime of the caller. Checks that run already go on as they are.
    ///
    /// # Errors
    ///
    /// [`HealthError::NoRuntime`] outside of a tokio runtime.
    pub async fn start(&self) -> Result<(), HealthError> {
        let runtime = Handle::try_current().map_err(|_| HealthError::NoRuntime)?;
        self.shared.core.start(runtime);
        Ok(())
    }

    /// As [`start`](HealthChecker::start), on this runtime: for who is not within one.
    pub fn start_on(&self, runtime: Handle) {
        self.shared.core.start(runtime);
    }

    /// How the service is, as far as is known now. It waits for nothing.
    ///
    /// # Errors
    ///
    /// [`HealthError::NotRunning`] if what is known is not kept up to date. [`HealthChecker::status`] does not ask.
    pub async fn get_health_status(&self) -> Result<HealthStatus, HealthError> {
        if self.is_running() { Ok(self.status()) } else { Err(HealthError::NotRunning) }
    }

    /// How the service is, as far as is known now, whether or not the checks run.
    pub fn status(&self) -> HealthStatus {
        self.shared.core.status()
    }

    /// Runs one round of all checks, side by side on the caller's task, and says what came of it. It takes as long as
    /// the slowest check's time limits allow; calls at the same time share rounds.
    ///
    /// The checker need not have been started, and no runtime is needed unless a check or its time limit needs one.
    /// Dropping the future cancels the rounds that it runs.
    pub async fn check_now(&self) -> HealthStatus {
        let core = &self.shared.core;
        let checks = core.checks();
        round::all(checks.iter().map(|check| core.fresh_round(check))).await;
        self.status()
    }

    /// Whether the checks have been started and all of their tasks run.
    pub fn is_running(&self) -> bool {
        self.shared.core.is_running()
    }
}

impl<K> Drop for Shared<K> {
    fn drop(&mut self) {
        self.core.stop();
    }
}

impl<K> Clone for HealthChecker<K> {
    fn clone(&self) -> Self {
        HealthChecker { defaults: self.defaults.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<K> fmt::Debug for HealthChecker<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks: Vec<_> = self.shared.core.checks().iter().map(|check| Arc::clone(&check.name)).collect();
        f.debug_struct("HealthChecker").field("defaults", &self.defaults).field("checks", &checks).finish()
    }
}
