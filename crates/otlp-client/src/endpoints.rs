//! The circuit breakers of the client: one per endpoint, watched by the diagnostics, and opened to probes by a flush.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_exporters::{EndpointBreaker, JudgeEndpoint};
use otlp_reliability::{
    BreakDuration, CircuitBreakerConfig, CircuitState, ConfigError, Control, Controlled, Event, Observer, Snapshot,
};

use crate::{
    diagnostics::{DiagnosticSeverity, Diagnostics, Recent},
    logging::Message,
};

/// When an endpoint counts as down unless the builder is told otherwise, to change a part of it.
///
/// Five failures in a row are an endpoint that is down. It is asked again after a second, and less and less often, as
/// one probe: enough to notice a restart soon, and too little to keep a backend from coming up.
pub fn default_circuit_breaker() -> CircuitBreakerConfig {
    let breaks = BreakDuration::growing(Duration::from_secs(1), Duration::from_secs(30));
    CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(5)
        .with_half_open_probes(1)
        .with_break_duration(breaks.with_jitter(0.2))
}

/// How many failures in a row open the circuit breakers, for messages: it may change while they run. 0 if they open for
/// other reasons as well.
#[derive(Clone, Default)]
pub(crate) struct Streak(Arc<AtomicU32>);

impl Streak {
    /// As these settings say.
    pub(crate) fn set(&self, settings: &CircuitBreakerConfig) {
        let failures = settings.consecutive_failures().filter(|_| settings.failure_rate().is_none());
        self.0.store(failures.unwrap_or(0), Ordering::Relaxed);
    }

    fn failures(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The breakers that were made, by what they are of.
pub(crate) struct Endpoints {
    streak: Streak,
    settings: Option<CircuitBreakerConfig>,
    diagnostics: Arc<Diagnostics>,
    breakers: Vec<(String, EndpointBreaker)>,
}

impl Endpoints {
    /// Without settings there are none.
    pub(crate) fn new(settings: Option<CircuitBreakerConfig>, diagnostics: Arc<Diagnostics>) -> Self {
        let streak = Streak::default();
        settings.iter().for_each(|settings| streak.set(settings));
        Endpoints { streak, settings, diagnostics, breakers: Vec::new() }
    }

    /// The breaker of `endpoint`, the same at each call.
    pub(crate) fn breaker(&mut self, endpoint: &str) -> Result<Option<EndpointBreaker>, ConfigError> {
        match self.breakers.iter().find(|(of, _)| of == endpoint) {
            Some((_, known)) => Ok(Some(known.clone())),
            None => self.breaker_of_its_own(endpoint),
        }
    }

    /// A new breaker of `endpoint`, whoever else has the name.
    pub(crate) fn breaker_of_its_own(&mut self, endpoint: &str) -> Result<Option<EndpointBreaker>, ConfigError> {
        let Some(settings) = &self.settings else { return Ok(None) };
        let watch = Arc::new(Watch {
            endpoint: endpoint.to_owned(),
            diagnostics: Arc::clone(&self.diagnostics),
            control: OnceLock::new(),
            streak: self.streak.clone(),
            is_one_of_several: false,
            opened: Recent::default(),
            probed: Recent::default(),
            closed: Recent::default(),
        });
        let observer: Arc<dyn Observer> = watch.clone();
        let breaker = settings.clone().build()?.with_judge(JudgeEndpoint).with_observer(observer);
        if let Some(control) = breaker.control() {
            let _ = watch.control.set(Arc::downgrade(&control));
        }
        self.breakers.push((endpoint.to_owned(), breaker.clone()));
        Ok(Some(breaker))
    }

    /// What messages say of when they open.
    pub(crate) fn streak(&self) -> Streak {
        self.streak.clone()
    }

    /// The breakers that were made, in their order.
    pub(crate) fn into_breakers(self) -> Vec<(String, EndpointBreaker)> {
        self.breakers
    }
}

/// Lets each endpoint that is down be tried at once, as at the end of its break: somebody flushes.
pub(crate) fn probe(breakers: &[(String, EndpointBreaker)]) {
    for (_, breaker) in breakers.iter().filter(|(_, breaker)| breaker.state() == CircuitState::Open) {
        breaker.half_open();
    }
}

/// Says what the breaker of one of several endpoints does: its batches go to the others.
pub(crate) fn watch_one_of_several(endpoint: String, diagnostics: Arc<Diagnostics>) -> Arc<dyn Observer> {
    Arc::new(Watch {
        endpoint,
        diagnostics,
        control: OnceLock::new(),
        streak: Streak::default(),
        is_one_of_several: true,
        opened: Recent::default(),
        probed: Recent::default(),
        closed: Recent::default(),
    })
}

/// Says what a breaker does.
struct Watch {
    endpoint: String,
    diagnostics: Arc<Diagnostics>,
    /// The breaker, for its figures.
    control: OnceLock<Weak<dyn Control>>,
    /// How many failures in a row open it, if nothing else does.
    streak: Streak,
    is_one_of_several: bool,
    opened: Recent,
    probed: Recent,
    closed: Recent,
}

impl Observer for Watch {
    fn on_event(&self, event: Event) {
        use DiagnosticSeverity::{Info, Warning};
        let Event::StateChanged { from, to } = event else { return };
        let endpoint = &self.endpoint;
        let about = |text: String| Message::from(text).field("endpoint", endpoint.as_str());
        match to {
            CircuitState::Open => self.diagnostics.limited_by(&self.opened, Warning, || about(self.opened(from))),
            CircuitState::HalfOpen => self.diagnostics.limited_by(&self.probed, Info, || {
                about(format!("the circuit breaker of {endpoint} is half open: the next batch is a probe"))
            }),
            CircuitState::Closed => self.diagnostics.limited_by(&self.closed, Info, || {
                about(format!("the circuit breaker of {endpoint} closed: batches flow again"))
            }),
            _ => {}
        }
    }
}

impl Watch {
    fn opened(&self, from: CircuitState) -> String {
        let endpoint = &self.endpoint;
        let why = match (from, self.streak.failures()) {
            (CircuitState::HalfOpen, _) => "again, for the probe failed".to_owned(),
            (_, 0) => "after too many failures".to_owned(),
            (_, 1) => "after a failure".to_owned(),
            (_, failures) => format!("after {failures} failures in a row"),
        };
        let next = self.break_left().map(|left| format!("; next attempt in {left:.1?}")).unwrap_or_default();
        let instead = match self.is_one_of_several {
            true => "its batches go to the others, or wait in the queue if there are none",
            false => "batches wait in the queue",
        };
        format!("the circuit breaker of {endpoint} opened {why}; {instead}{next}")
    }

    fn break_left(&self) -> Option<Duration> {
        match self.control.get()?.upgrade()?.snapshot() {
            Snapshot::CircuitBreaker(figures) => figures.open_for,
            _ => None,
        }
    }
}
