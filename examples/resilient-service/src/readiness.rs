//! Whether this instance is alive, and whether it should be sent payments.
//!
//! Alive: it answers. Nothing else: a restart mends no payment provider.
//!
//! Ready: the provider answers, and the breaker is closed. All that this service does needs the provider, so the check
//! is critical: while the breaker is open, a load balancer does better to send payments to an instance with another way
//! to the provider. Where all instances share one way and a service has other work to do, the check would be
//! `optional()`: degraded is still a 200.

use std::time::Duration;

use otlp_reliability::{Check, CheckOutcome, CircuitState, Event, HealthChecker, HealthError};

use crate::{events::Events, provider::Provider};

/// A check may wait in no line, so this is only there for an event loop that does not turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts to ask the provider how it is, every `interval` and under the policies.
///
/// # Errors
///
/// An interval that cannot work.
pub(crate) async fn watch(
    provider: Provider,
    interval: Duration,
    events: &Events,
) -> Result<HealthChecker, HealthError> {
    let events = events.clone();
    let checker = HealthChecker::new().with_check_interval(interval).with_timeout(PATIENCE).with_observer(
        move |check: Option<&str>, event: Event| match check {
            Some(_) => {}
            None => events.send("health", event),
        },
    );
    let look = move || {
        let provider = provider.clone();
        async move { look_at(&provider).await }
    };
    // One failed ping is no outage; an open breaker has seen enough, and stays open for longer than two pings take.
    checker.add(Check::new("payment-provider", look).critical().readiness().with_fall(2))?;
    checker.start().await?;
    Ok(checker)
}

async fn look_at(provider: &Provider) -> CheckOutcome {
    match provider.ping().await {
        // It was one probe of several. Until they are all back, payments would be turned away.
        Ok(()) if provider.policies().breaker().state() == CircuitState::HalfOpen => {
            CheckOutcome::Fail("it answers again, and is still on probation".to_owned())
        }
        result => result.into(),
    }
}
