//! The policies around a call of the provider, from the outside in, and why each stands where it stands:
//!
//! 1. `deadline`: however many attempts, waits and lines there are inside, the client is answered by then.
//! 2. `retry`: outside of what follows, so that every attempt asks for a place and asks the breaker anew. Its budget
//!    keeps the retries of all calls together below a fifth of the calls, and five a second for quiet times: an outage
//!    is not answered with a multiple of the load.
//! 3. `quota`: what the provider's contract allows. Every attempt counts, so it stands inside of the retry.
//! 4. `places`: a provider that hangs holds this many calls and no more. Outside of the breaker, so that who waited in
//!    line asks the breaker when its turn comes and not before: a line that formed in front of a hanging provider is
//!    turned away the moment that the breaker opens. Inside of the retry, so that no place is held during a wait.
//! 5. `breaker`: one record for each attempt, and no record of what never reached the provider.
//! 6. `attempt`: innermost, so that the breaker and the retry see an attempt that took too long as one that failed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use otlp_reliability::{
    Bulkhead, BulkheadConfig, CircuitBreaker, CircuitBreakerConfig, ConfigError, PercentageBudget, Pipeline,
    PipelineConfig, PipelineSnapshot, RateLimiter, RateLimiterConfig, Retry, RetryBudget, RetryBudgetSnapshot,
    RetryPolicy, Timeout, TimeoutConfig, TokioClock, Window,
};

use crate::{
    events::{Changes, Events},
    payment::{ProviderHealth, WorthAnotherAttempt},
};

type Breaker = CircuitBreaker<ProviderHealth, TokioClock, Changes>;
type Stages = (((((((), Timeout), Retry<WorthAnotherAttempt>), RateLimiter), Bulkhead), Breaker), Timeout);

/// The policies, ready to run calls.
#[derive(Debug)]
pub struct Policies {
    pipeline: Pipeline<Stages, Changes>,
    deadline: Timeout,
    places: Bulkhead,
    breaker: Breaker,
    attempt: Timeout,
    budget: RetryBudget,
    /// What is in force, for people to look at and start from.
    settings: Mutex<PipelineConfig>,
}

impl Policies {
    /// The policies, with `settings` in place of the defaults, telling `events` of their changes.
    ///
    /// # Errors
    ///
    /// A setting that cannot work, by its name and that of its stage.
    pub fn new(settings: &PipelineConfig, events: &Events) -> Result<Self, ConfigError> {
        let deadline = TimeoutConfig::new(Duration::from_secs(2));
        let retry = RetryPolicy::new().with_max_attempts(3).with_initial_delay(Duration::from_millis(50));
        let quota = RateLimiterConfig::new(1_000, Duration::from_secs(1));
        let places = BulkheadConfig::new(32).with_max_waiting(32).with_max_wait(Duration::from_millis(100));
        let breaker = CircuitBreakerConfig::new()
            .with_window(Window::Count(50))
            .with_failure_rate(0.5)
            .with_minimum_calls(10)
            // With it the breaker can tell a client that left early from a provider that hangs.
            .with_slow_call_duration(Duration::from_millis(250))
            .with_half_open_probes(3)
            .with_break_duration(Duration::from_secs(1));
        let attempt = TimeoutConfig::new(Duration::from_millis(250));
        let defaults = PipelineConfig::new()
            .with("deadline", deadline.clone())
            .with("retry", retry.clone())
            .with("quota", quota.clone())
            .with("places", places.clone())
            .with("breaker", breaker.clone())
            .with("attempt", attempt.clone());

        let budget = PercentageBudget::new(20.0).with_min_per_second(5).build()?;
        let (deadline, attempt) = (deadline.build()?, attempt.build()?);
        let retry = retry.build()?.with_classifier(WorthAnotherAttempt).with_budget(budget.clone());
        let places = places.build()?;
        let breaker = breaker.build()?.with_judge(ProviderHealth).with_observer(events.of("breaker"));
        let pipeline = Pipeline::builder("payments")
            .with("deadline", deadline.clone())
            .with("retry", retry)
            .with("quota", quota.build()?)
            .with("places", places.clone())
            .with("breaker", breaker.clone())
            .with("attempt", attempt.clone())
            .with_observer(events.of("payments"))
            .build()?;
        let policies =
            Policies { pipeline, deadline, places, breaker, attempt, budget, settings: Mutex::new(defaults) };
        policies.reload(settings)?;
        Ok(policies)
    }

    /// What every call for money runs under.
    pub fn pipeline(&self) -> &Pipeline<Stages, Changes> {
        &self.pipeline
    }

    /// What a call runs under that only asks how the provider is. It goes through the breaker, and so is one of its
    /// probes when the time has come: the breaker closes again even if no client comes, and none will come while a load
    /// balancer is told that this instance is not ready.
    pub fn ping(&self) -> (Breaker, Timeout) {
        (self.breaker.clone(), self.attempt.clone())
    }

    /// The breaker, for an operator who knows more than it does.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// By when a client is answered.
    pub fn deadline(&self) -> Duration {
        self.deadline.after()
    }

    /// How many calls may be with the provider at once.
    pub fn places(&self) -> u64 {
        u64::from(self.places.snapshot().max_concurrent)
    }

    /// Gives the named stages other settings, all or none of them.
    ///
    /// # Errors
    ///
    /// A stage that does not exist or a setting that cannot work; nothing has then changed.
    pub fn reload(&self, settings: &PipelineConfig) -> Result<(), ConfigError> {
        let mut in_force = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        self.pipeline.reload(settings)?;
        for (stage, settings) in settings.stages() {
            *in_force = in_force.clone().with(stage, settings.clone());
        }
        Ok(())
    }

    /// The settings in force.
    pub fn settings(&self) -> PipelineConfig {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the stages stand.
    pub fn snapshot(&self) -> PipelineSnapshot {
        self.pipeline.snapshot()
    }

    /// What is left for retries.
    pub fn budget(&self) -> RetryBudgetSnapshot {
        self.budget.snapshot()
    }
}
