//! A policy seen from outside of its calls: what it has done, and its settings, which can be exchanged while calls run.

use std::sync::Arc;

use crate::{
    AdaptiveLimitConfig, AdaptiveLimitSnapshot, BulkheadConfig, BulkheadSnapshot, CircuitBreakerConfig,
    CircuitBreakerSnapshot, ConfigError, FallbackSnapshot, HealthStatus, HedgeConfig, HedgeSnapshot, PipelineConfig,
    PipelineSnapshot, RateLimiterConfig, RateLimiterSnapshot, RetryBudgetConfig, RetryBudgetSnapshot, RetryPolicy,
    RetrySnapshot, TimeoutConfig, TimeoutSnapshot,
};

/// The figures and the settings of a running policy.
pub trait Control: Send + Sync {
    /// What the policy has done so far, and how it stands.
    fn snapshot(&self) -> Snapshot;

    /// Gives the policy other settings. Calls under way end under the old ones; counters and state stay.
    ///
    /// # Errors
    ///
    /// Settings that are refused, or those of another kind of policy; the old ones then stay in force.
    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError>;

    /// Whether [`reload`](Control::reload) would accept the settings; changes nothing. A pipeline asks all of its
    /// stages before it reloads the first, so an implementor with conditions of its own states them here too.
    ///
    /// # Errors
    ///
    /// Those of `reload`.
    fn accepts(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let kind = self.snapshot().kind();
        if settings.kind() != kind {
            return Err(settings.not_for(kind));
        }
        settings.validate()
    }

    /// The policies that this one is made of, outermost first: the stages of a pipeline.
    fn parts(&self) -> Vec<Arc<dyn Control>> {
        Vec::new()
    }
}

/// Policies that can be looked at and reloaded.
pub trait Controlled {
    /// The policy's controls, the same at each call; they stay valid as long as they are held. `None`: a policy that was
    /// left out, or one that has no figures and no settings.
    fn control(&self) -> Option<Arc<dyn Control>>;
}

impl<P: Controlled> Controlled for Option<P> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        self.as_ref().and_then(Controlled::control)
    }
}

impl<P: Controlled + ?Sized> Controlled for Arc<P> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        (**self).control()
    }
}

/// The settings of any policy. In a configuration file `kind` tells which, and the settings stand beside it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "snake_case")
)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is the settings that it is named after")]
pub enum PolicyConfig {
    CircuitBreaker(CircuitBreakerConfig),
    Retry(RetryPolicy),
    RetryBudget(RetryBudgetConfig),
    Timeout(TimeoutConfig),
    Bulkhead(BulkheadConfig),
    AdaptiveLimit(AdaptiveLimitConfig),
    RateLimiter(RateLimiterConfig),
    Hedge(HedgeConfig),
    Pipeline(PipelineConfig),
}

/// The figures of any policy.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is the figures that it is named after")]
pub enum Snapshot {
    CircuitBreaker(CircuitBreakerSnapshot),
    Retry(RetrySnapshot),
    RetryBudget(RetryBudgetSnapshot),
    Timeout(TimeoutSnapshot),
    Bulkhead(BulkheadSnapshot),
    AdaptiveLimit(AdaptiveLimitSnapshot),
    RateLimiter(RateLimiterSnapshot),
    Hedge(HedgeSnapshot),
    Fallback(FallbackSnapshot),
    Pipeline(PipelineSnapshot),
    Health(HealthStatus),
}

/// The figures of a policy, under the name that it has in a pipeline or a registry.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NamedSnapshot {
    /// The name.
    pub name: String,
    /// The figures.
    pub snapshot: Snapshot,
}

impl PolicyConfig {
    /// Which kind of policy the settings are for, as `kind` names it in a configuration file.
    pub fn kind(&self) -> &'static str {
        match self {
            PolicyConfig::CircuitBreaker(_) => "circuit_breaker",
            PolicyConfig::Retry(_) => "retry",
            PolicyConfig::RetryBudget(_) => "retry_budget",
            PolicyConfig::Timeout(_) => "timeout",
            PolicyConfig::Bulkhead(_) => "bulkhead",
            PolicyConfig::AdaptiveLimit(_) => "adaptive_limit",
            PolicyConfig::RateLimiter(_) => "rate_limiter",
            PolicyConfig::Hedge(_) => "hedge",
            PolicyConfig::Pipeline(_) => "pipeline",
        }
    }

    /// Whether a policy would accept the settings.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            PolicyConfig::CircuitBreaker(settings) => settings.validate(),
            PolicyConfig::Retry(settings) => settings.validate(),
            PolicyConfig::RetryBudget(settings) => settings.validate(),
            PolicyConfig::Timeout(settings) => settings.validate(),
            PolicyConfig::Bulkhead(settings) => settings.validate(),
            PolicyConfig::AdaptiveLimit(settings) => settings.validate(),
            PolicyConfig::RateLimiter(settings) => settings.validate(),
            PolicyConfig::Hedge(settings) => settings.validate(),
            PolicyConfig::Pipeline(settings) => settings.validate(),
        }
    }

    /// The error of settings handed to a policy of `kind`, which they are not for.
    pub(crate) fn not_for(&self, kind: &'static str) -> ConfigError {
        ConfigError::new("kind", self.kind(), kind)
    }
}

impl Snapshot {
    /// Which kind of policy it is, as `kind` names it in a configuration file.
    pub fn kind(&self) -> &'static str {
        match self {
            Snapshot::CircuitBreaker(_) => "circuit_breaker",
            Snapshot::Retry(_) => "retry",
            Snapshot::RetryBudget(_) => "retry_budget",
            Snapshot::Timeout(_) => "timeout",
            Snapshot::Bulkhead(_) => "bulkhead",
            Snapshot::AdaptiveLimit(_) => "adaptive_limit",
            Snapshot::RateLimiter(_) => "rate_limiter",
            Snapshot::Hedge(_) => "hedge",
            Snapshot::Fallback(_) => "fallback",
            Snapshot::Pipeline(_) => "pipeline",
            Snapshot::Health(_) => "health",
        }
    }
}

/// A policy's settings as the settings of any policy.
macro_rules! settings_of_any_kind {
    ($($settings:ident => $kind:ident),* $(,)?) => {$(
        impl From<$settings> for PolicyConfig {
            fn from(settings: $settings) -> Self {
                PolicyConfig::$kind(settings)
            }
        }
    )*};
}

settings_of_any_kind! {
    CircuitBreakerConfig => CircuitBreaker,
    RetryPolicy => Retry,
    RetryBudgetConfig => RetryBudget,
    TimeoutConfig => Timeout,
    BulkheadConfig => Bulkhead,
    AdaptiveLimitConfig => AdaptiveLimit,
    RateLimiterConfig => RateLimiter,
    HedgeConfig => Hedge,
    PipelineConfig => Pipeline,
}
