//! Events as figures of the `metrics` facade. A figure is registered when its first event comes, so that a policy shows
//! only what can happen to it; from then on its handle is kept, and an event costs one atomic operation of the recorder.

use std::sync::{Arc, OnceLock};

use metrics::{Counter, Gauge, SharedString, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::{CircuitState, Event, Health, Observer, Rejection};

const EVENTS: &str = "reliability_events_total";
const REJECTIONS: &str = "reliability_rejections_total";
const CIRCUIT_STATE: &str = "reliability_circuit_state";
const CONCURRENCY_LIMIT: &str = "reliability_concurrency_limit";
const HEALTH: &str = "reliability_health";

/// Counts each event with the `metrics` facade. Every figure has the label `policy`.
///
/// | figure | kind | further labels |
/// |---|---|---|
/// | `reliability_events_total` | counter | `event`: [`Event::name`] |
/// | `reliability_rejections_total` | counter | `reason`: `open`, `full`, `rate_limited`, `timeout`, `budget`, `misconfigured` |
/// | `reliability_circuit_state` | gauge: 1 for the state that holds, else 0 | `state`: `closed`, `open`, `half_open`, `forced_closed`, `isolated` |
/// | `reliability_concurrency_limit` | gauge | |
/// | `reliability_health` | gauge: 1 for the state that holds, else 0 | `state`: `healthy`, `degraded`, `unhealthy`, `unknown` |
///
/// A figure goes to the recorder that is installed when its first event comes. Clones count into the same figures.
///
/// ```
/// use otlp_reliability::{MetricsObserver, RetryPolicy};
///
/// let retry = RetryPolicy::new().build()?.with_observer(MetricsObserver::new("payments.retry"));
/// # let _ = retry;
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MetricsObserver {
    policy: Arc<str>,
    handles: Arc<Handles>,
}

impl MetricsObserver {
    /// An observer of the policy called `policy`.
    pub fn new(policy: impl Into<Arc<str>>) -> Self {
        describe_counter!(EVENTS, Unit::Count, "What policies did");
        describe_counter!(REJECTIONS, Unit::Count, "Calls that policies turned away");
        describe_gauge!(CIRCUIT_STATE, Unit::Count, "Whether the circuit breaker is in this state");
        describe_gauge!(CONCURRENCY_LIMIT, Unit::Count, "How many calls at once the adaptive limit lets through");
        describe_gauge!(HEALTH, Unit::Count, "Whether the health is in this state");
        MetricsObserver { policy: policy.into(), handles: Arc::default() }
    }

    fn policy(&self) -> SharedString {
        SharedString::from_shared(Arc::clone(&self.policy))
    }

    fn count(&self, event: &Event) {
        let counter = self.handles.events.of(event);
        counter.get_or_init(|| counter!(EVENTS, "policy" => self.policy(), "event" => event.name())).increment(1);
    }

    fn count_rejection(&self, rejection: &Rejection) {
        let (counter, reason) = self.handles.rejections.of(rejection);
        counter.get_or_init(|| counter!(REJECTIONS, "policy" => self.policy(), "reason" => reason)).increment(1);
    }

    fn set_circuit(&self, state: CircuitState, value: f64) {
        let (gauge, state) = self.handles.circuit.of(state);
        gauge.get_or_init(|| gauge!(CIRCUIT_STATE, "policy" => self.policy(), "state" => state)).set(value);
    }

    fn set_health(&self, health: Health, value: f64) {
        let (gauge, state) = self.handles.health.of(health);
        gauge.get_or_init(|| gauge!(HEALTH, "policy" => self.policy(), "state" => state)).set(value);
    }
}

impl Observer for MetricsObserver {
    fn on_event(&self, event: Event) {
        self.count(&event);
        match event {
            Event::Rejected(rejection) => self.count_rejection(&rejection),
            Event::StateChanged { from, to } => {
                self.set_circuit(from, 0.0);
                self.set_circuit(to, 1.0);
            }
            Event::LimitChanged { to, .. } => {
                let limit = self.handles.limit.get_or_init(|| gauge!(CONCURRENCY_LIMIT, "policy" => self.policy()));
                limit.set(f64::from(to));
            }
            Event::HealthChanged { from, to } => {
                self.set_health(from, 0.0);
                self.set_health(to, 1.0);
            }
            _ => {}
        }
    }
}

impl std::fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsObserver").field("policy", &self.policy).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Handles {
    events: Events,
    rejections: Rejections,
    circuit: Circuit,
    limit: OnceLock<Gauge>,
    health: Healths,
}

#[derive(Default)]
struct Events {
    settled: OnceLock<Counter>,
    attempt_failed: OnceLock<Counter>,
    retrying: OnceLock<Counter>,
    gave_up: OnceLock<Counter>,
    timed_out: OnceLock<Counter>,
    rejected: OnceLock<Counter>,
    state_changed: OnceLock<Counter>,
    limit_changed: OnceLock<Counter>,
    hedged: OnceLock<Counter>,
    fell_back: OnceLock<Counter>,
    health_changed: OnceLock<Counter>,
    ejected: OnceLock<Counter>,
    restored: OnceLock<Counter>,
    reloaded: OnceLock<Counter>,
}

impl Events {
    fn of(&self, event: &Event) -> &OnceLock<Counter> {
        match event {
            Event::Settled { .. } => &self.settled,
            Event::AttemptFailed { .. } => &self.attempt_failed,
            Event::Retrying { .. } => &self.retrying,
            Event::GaveUp { .. } => &self.gave_up,
            Event::TimedOut { .. } => &self.timed_out,
            Event::Rejected(_) => &self.rejected,
            Event::StateChanged { .. } => &self.state_changed,
            Event::LimitChanged { .. } => &self.limit_changed,
            Event::Hedged { .. } => &self.hedged,
            Event::FellBack => &self.fell_back,
            Event::HealthChanged { .. } => &self.health_changed,
            Event::Ejected { .. } => &self.ejected,
            Event::Restored => &self.restored,
            Event::Reloaded => &self.reloaded,
        }
    }
}

#[derive(Default)]
struct Rejections {
    open: OnceLock<Counter>,
    full: OnceLock<Counter>,
    rate_limited: OnceLock<Counter>,
    timeout: OnceLock<Counter>,
    budget: OnceLock<Counter>,
    misconfigured: OnceLock<Counter>,
}

impl Rejections {
    fn of(&self, rejection: &Rejection) -> (&OnceLock<Counter>, &'static str) {
        match rejection {
            Rejection::Open { .. } => (&self.open, "open"),
            Rejection::Full => (&self.full, "full"),
            Rejection::RateLimited { .. } => (&self.rate_limited, "rate_limited"),
            Rejection::Timeout { .. } => (&self.timeout, "timeout"),
            Rejection::Budget => (&self.budget, "budget"),
            Rejection::Misconfigured { .. } => (&self.misconfigured, "misconfigured"),
        }
    }
}

#[derive(Default)]
struct Circuit {
    closed: OnceLock<Gauge>,
    open: OnceLock<Gauge>,
    half_open: OnceLock<Gauge>,
    forced_closed: OnceLock<Gauge>,
    isolated: OnceLock<Gauge>,
}

impl Circuit {
    fn of(&self, state: CircuitState) -> (&OnceLock<Gauge>, &'static str) {
        match state {
            CircuitState::Closed => (&self.closed, "closed"),
            CircuitState::Open => (&self.open, "open"),
            CircuitState::HalfOpen => (&self.half_open, "half_open"),
            CircuitState::ForcedClosed => (&self.forced_closed, "forced_closed"),
            CircuitState::Isolated => (&self.isolated, "isolated"),
        }
    }
}

#[derive(Default)]
struct Healths {
    healthy: OnceLock<Gauge>,
    degraded: OnceLock<Gauge>,
    unhealthy: OnceLock<Gauge>,
    unknown: OnceLock<Gauge>,
}

impl Healths {
    fn of(&self, health: Health) -> (&OnceLock<Gauge>, &'static str) {
        match health {
            Health::Healthy => (&self.healthy, "healthy"),
            Health::Degraded => (&self.degraded, "degraded"),
            Health::Unhealthy => (&self.unhealthy, "unhealthy"),
            Health::Unknown => (&self.unknown, "unknown"),
        }
    }
}
