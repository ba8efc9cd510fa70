//! How requests are spread over endpoints, and how it is found out who can take them: settings.

use std::{fmt, sync::Arc, time::Duration};

use otlp_reliability::{BreakDuration, CircuitBreakerConfig, ConfigError, Event, Observer};

use crate::{
    Balance, Endpoint, LoadBalancingStrategy,
    health::{CheckHealth, TcpCheck},
};

/// How rarely endpoints may be checked.
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);

type MakeBalance = Arc<dyn Fn() -> Box<dyn Balance> + Send + Sync>;
type MakeObserver = Arc<dyn Fn(&Endpoint) -> Arc<dyn Observer> + Send + Sync>;

/// How to balance: the strategy, and when an endpoint is left.
///
/// Health is *passive* always, unless [`LoadBalancer::without_passive_health`]: each endpoint has a circuit breaker that
/// hears how requests ended. An endpoint that fails five times in a row gets none for a second, then a single one that
/// decides whether it gets more or is left alone for longer, at most 30 s. Health is *active* as well if there is a
/// [`with_health_check_interval`](Self::with_health_check_interval). Where no endpoint is well all of them are used,
/// for the checks may be wrong.
///
/// ```
/// use std::time::Duration;
/// use otlp_discovery::{HttpCheck, LoadBalancer, LoadBalancingStrategy};
///
/// let balancer = LoadBalancer::new()
///     .with_strategy(LoadBalancingStrategy::LeastLoaded)
///     .with_health_check_interval(Duration::from_secs(30))
///     .with_health_check(HttpCheck::new("/health"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct LoadBalancer {
    strategy: LoadBalancingStrategy,
    custom: Option<MakeBalance>,
    pub(crate) check_interval: Option<Duration>,
    pub(crate) check_timeout: Duration,
    pub(crate) check: Arc<dyn CheckHealth>,
    passive: Passive,
    observers: Vec<MakeObserver>,
}

/// What was said of passive health.
#[derive(Debug, Clone)]
enum Passive {
    Unsaid,
    Off,
    By(CircuitBreakerConfig),
    /// As the client says that balances; `None` is none.
    AsElsewhere(Option<CircuitBreakerConfig>),
}

impl Default for LoadBalancer {
    fn default() -> Self {
        LoadBalancer {
            strategy: LoadBalancingStrategy::default(),
            custom: None,
            check_interval: None,
            check_timeout: Duration::from_secs(5),
            check: Arc::new(TcpCheck),
            passive: Passive::Unsaid,
            observers: Vec::new(),
        }
    }
}

impl LoadBalancer {
    /// One after the other, with passive health alone.
    pub fn new() -> Self {
        LoadBalancer::default()
    }

    /// Sets how an endpoint is chosen; default [`LoadBalancingStrategy::RoundRobin`].
    pub fn with_strategy(mut self, strategy: LoadBalancingStrategy) -> Self {
        self.strategy = strategy;
        self.custom = None;
        self
    }

    /// Chooses by a strategy of your own: `make` is called once for each service.
    pub fn with_custom_strategy<B: Balance + 'static>(mut self, make: impl Fn() -> B + Send + Sync + 'static) -> Self {
        self.custom = Some(Arc::new(move || Box::new(make())));
        self
    }

    /// Checks every endpoint that often, above zero and at most a day. One that fails two checks in a row gets no
    /// requests until it passes one. Default: no checks.
    pub fn with_health_check_interval(mut self, interval: Duration) -> Self {
        self.check_interval = Some(interval);
        self
    }

    /// Sets what is checked; default [`TcpCheck`]: that a connection comes about. It needs an interval.
    pub fn with_health_check(mut self, check: impl CheckHealth + 'static) -> Self {
        self.check = Arc::new(check);
        self
    }

    /// Sets how long a check may take, above zero; default 5 s. Longer than the interval is as long as the interval.
    pub fn with_health_check_timeout(mut self, timeout: Duration) -> Self {
        self.check_timeout = timeout;
        self
    }

    /// Sets when an endpoint that fails requests is left, and when it is tried again.
    pub fn with_circuit_breaker(mut self, settings: CircuitBreakerConfig) -> Self {
        self.passive = Passive::By(settings);
        self
    }

    /// Does not care how requests end.
    pub fn without_passive_health(mut self) -> Self {
        self.passive = Passive::Off;
        self
    }

    /// Lets one more observer hear of the circuit breaker of each endpoint; `make` is called when an endpoint is found.
    pub fn with_observers(mut self, make: impl Fn(&Endpoint) -> Arc<dyn Observer> + Send + Sync + 'static) -> Self {
        self.observers.push(Arc::new(make));
        self
    }

    /// Takes `settings` for the circuit breakers if nobody has said anything of passive health; `None` is none. Then
    /// [`ServicePool::reload_circuit_breakers`](crate::ServicePool::reload_circuit_breakers) exchanges them.
    pub fn or_circuit_breaker(mut self, settings: Option<CircuitBreakerConfig>) -> Self {
        if matches!(self.passive, Passive::Unsaid) {
            self.passive = Passive::AsElsewhere(settings);
        }
        self
    }

    pub(crate) fn balance(&self) -> Box<dyn Balance> {
        match &self.custom {
            Some(make) => make(),
            None => self.strategy.balance(),
        }
    }

    /// The settings of the circuit breakers; `None` is none.
    pub(crate) fn circuit_breaker(&self) -> Option<CircuitBreakerConfig> {
        match &self.passive {
            Passive::Unsaid => Some(default_circuit_breaker()),
            Passive::Off => None,
            Passive::By(settings) => Some(settings.clone()),
            Passive::AsElsewhere(settings) => settings.clone(),
        }
    }

    /// Whether the circuit breakers, if there are any, are as the client says that balances.
    pub(crate) fn has_circuit_breakers_of_client(&self) -> bool {
        matches!(self.passive, Passive::AsElsewhere(Some(_)))
    }

    pub(crate) fn observer(&self, endpoint: &Endpoint) -> Arc<dyn Observer> {
        Arc::new(All(self.observers.iter().map(|make| make(endpoint)).collect()))
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(interval) = self.check_interval.filter(|one| one.is_zero() || *one > LONGEST_INTERVAL) {
            return Err(ConfigError::new("health_check_interval", interval, "more than zero and at most a day"));
        }
        if self.check_timeout.is_zero() {
            return Err(ConfigError::new("health_check_timeout", self.check_timeout, "more than zero"));
        }
        self.circuit_breaker().map_or(Ok(()), |settings| settings.validate())
    }
}

/// Tells each of them.
struct All(Vec<Arc<dyn Observer>>);

impl Observer for All {
    fn on_event(&self, event: Event) {
        self.0.iter().for_each(|observer| observer.on_event(event));
    }
}

/// Five failures in a row are an endpoint that is down; one request at a time finds out when it is back.
fn default_circuit_breaker() -> CircuitBreakerConfig {
    let breaks = BreakDuration::growing(Duration::from_secs(1), Duration::from_secs(30));
    CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(5)
        .with_half_open_probes(1)
        .with_break_duration(breaks.with_jitter(0.2))
}

impl fmt::Debug for LoadBalancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadBalancer")
            .field("strategy", &self.custom.as_ref().map_or(self.strategy.name(), |_| "custom"))
            .field("check_interval", &self.check_interval)
            .field("check_timeout", &self.check_timeout)
            .field("passive", &self.passive)
            .finish_non_exhaustive()
    }
}
