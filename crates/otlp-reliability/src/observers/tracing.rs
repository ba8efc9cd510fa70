//! Events as events of `tracing`: what somebody on call wants to read stands above what somebody who debugs does.

use std::sync::Arc;

use tracing::{debug, info, trace, warn};

use crate::{CircuitState, Event, Health, Observer};

/// Writes each event to `tracing`, with the policy's name and the details as fields, under the target `reliability`.
///
/// | level | events |
/// |---|---|
/// | warn | a circuit breaker opens, a retry gives up, an operation times out, a dependency becomes unhealthy, an endpoint is ejected |
/// | info | a call is rejected, other changes of state and health, a fallback answers, an endpoint is restored, settings are reloaded |
/// | debug | an attempt fails, a retry waits, a hedge starts, an adaptive limit moves |
/// | trace | a retry takes a result as final |
///
/// Clones are cheap and write under the same name.
///
/// ```
/// use otlp_reliability::{RetryPolicy, TracingObserver};
///
/// let retry = RetryPolicy::new().build()?.with_observer(TracingObserver::new("payments.retry"));
/// # let _ = retry;
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TracingObserver {
    policy: Arc<str>,
}

impl TracingObserver {
    /// An observer of the policy called `policy`.
    pub fn new(policy: impl Into<Arc<str>>) -> Self {
        TracingObserver { policy: policy.into() }
    }
}

impl Observer for TracingObserver {
    fn on_event(&self, event: Event) {
        let policy = &*self.policy;
        match event {
            Event::Settled { attempts } => trace!(target: "reliability", policy, attempts, "settled"),
            Event::AttemptFailed { attempt } => debug!(target: "reliability", policy, attempt, "attempt failed"),
            Event::Retrying { attempt, delay } => {
                debug!(target: "reliability", policy, attempt, ?delay, "next attempt after a wait");
            }
            Event::GaveUp { attempts, reason } => {
                warn!(target: "reliability", policy, attempts, ?reason, "gave up");
            }
            Event::TimedOut { after } => warn!(target: "reliability", policy, ?after, "timed out"),
            Event::Rejected(rejection) => info!(target: "reliability", policy, %rejection, "rejected"),
            Event::StateChanged { from, to: to @ (CircuitState::Open | CircuitState::Isolated) } => {
                warn!(target: "reliability", policy, ?from, ?to, "circuit opened");
            }
            Event::StateChanged { from, to } => info!(target: "reliability", policy, ?from, ?to, "circuit changed"),
            Event::LimitChanged { from, to } => debug!(target: "reliability", policy, from, to, "limit changed"),
            Event::Hedged { attempt } => debug!(target: "reliability", policy, attempt, "another attempt beside"),
            Event::FellBack => info!(target: "reliability", policy, "fell back"),
            Event::HealthChanged { from, to: to @ Health::Unhealthy } => {
                warn!(target: "reliability", policy, ?from, ?to, "health changed");
            }
            Event::HealthChanged { from, to } => info!(target: "reliability", policy, ?from, ?to, "health changed"),
            Event::Ejected { duration } => warn!(target: "reliability", policy, ?duration, "ejected"),
            Event::Restored => info!(target: "reliability", policy, "restored"),
            Event::Reloaded => info!(target: "reliability", policy, "reloaded"),
        }
    }
}
