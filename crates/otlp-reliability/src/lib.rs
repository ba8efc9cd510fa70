//! Policies for calls that can fail, one at a time or as a pipeline.
//!
//! | policy | what it does |
//! |---|---|
//! | [`CircuitBreaker`] | stops calling what does not work, and finds out when it works again |
//! | [`Retry`], [`RetryBudget`] | tries again, with backoff and jitter; no more than the budget allows |
//! | [`Timeout`] | gives an operation so long and no longer |
//! | [`Bulkhead`] | lets so many calls run at once, and so many more wait |
//! | [`AdaptiveLimit`] | finds out how many the callee bears |
//! | [`RateLimiter`] | lets so many calls through per second |
//! | [`Hedge`] | starts a second attempt when the first is slow |
//! | [`Fallback`] | answers for an operation that failed |
//! | [`Pipeline`] | named policies in a named order, looked at and reloaded while they run |
//! | [`OutlierDetector`] | leaves out the endpoints that are worse than the others |
//! | [`HealthChecker`] | tells whether a service and its dependencies work |
//!
//! [`guide`] says which to choose, in what order to nest them, and why. [`Policy`] is the trait of those that run
//! operations, [`Error`] and [`Rejection`] are what they answer themselves, [`Clock`] and [`Observer`] are their only
//! windows to the outside, [`Registry`] shows the figures of all of them.
//!
//! What holds everywhere: a call through a policy allocates nothing while nothing goes wrong; a future that is dropped
//! leaves nothing behind; no setting makes a policy panic or overflow.
//!
//! Features, all off by default: `tower` (a layer for each policy), `serde` (settings and figures), `tracing` and
//! `metrics` (observers).
//!
//! ```
//! use std::time::Duration;
//! use otlp_reliability::{Error, Policy, RetryPolicy, Timeout};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let retry = RetryPolicy::new().with_max_attempts(3).with_initial_delay(Duration::from_millis(50)).build()?;
//! let per_attempt = Timeout::new(Duration::from_secs(1));
//!
//! // Left is outside: each attempt has its own second.
//! let policy = (retry, per_attempt);
//! let answer: Result<u32, Error<std::io::Error>> = policy.run(|| async { Ok(42) }).await;
//! assert_eq!(answer?, 42);
//! # Ok(())
//! # }
//! ```

mod adaptive;
mod bulkhead;
mod circuit_breaker;
mod clock;
mod config;
mod control;
mod error;
mod fallback;
mod health;
mod hedge;
mod observer;
mod observers;
mod outbox;
mod outlier;
mod pipeline;
mod policy;
#[doc = include_str!("guide.md")]
pub mod guide {}
pub mod prelude;
mod rate_limiter;
mod registry;
mod retry;
mod sync;
mod timeline;
mod timeout;
#[cfg(feature = "tower")]
pub mod tower;
mod unified_error;
mod verdict;

#[cfg(feature = "metrics")]
pub use self::observers::MetricsObserver;
#[cfg(feature = "tracing")]
pub use self::observers::TracingObserver;
pub use self::{
    adaptive::{
        AdaptiveLimit, AdaptiveLimitConfig, AdaptiveLimitSnapshot, AdaptivePermit, Aimd, Algorithm, Gradient2, Vegas,
    },
    bulkhead::{Bulkhead, BulkheadConfig, BulkheadSnapshot, Permit},
    circuit_breaker::{
        BreakDuration, CircuitBreaker, CircuitBreakerConfig, CircuitBreakerSnapshot, CircuitPermit, CircuitState,
        OnCancel, OwnedCircuitPermit, Window,
    },
    clock::{Clock, TokioClock},
    config::ConfigError,
    control::{Control, Controlled, NamedSnapshot, PolicyConfig, Snapshot},
    error::{Error, Rejection},
    fallback::{
        AnyError, ErrorFilter, Fallback, FallbackAsync, FallbackFn, FallbackSnapshot, FallbackValue, Recover,
        RecoverBlocking,
    },
    health::{
        Check, CheckConfig, CheckOutcome, CheckRound, CheckStatus, Health, HealthChecker, HealthError, HealthObserver,
        HealthStatus, Importance, Probe, Rendered,
    },
    hedge::{Hedge, HedgeConfig, HedgeDelay, HedgeSnapshot},
    observer::{Event, GiveUp, Observer},
    outlier::{
        Endpoint, EndpointSnapshot, FailurePercentage, OutlierDetector, OutlierDetectorConfig, OutlierDetectorSnapshot,
        OutlierObserver, SuccessRate,
    },
    pipeline::{Misorder, OrderWarning, Pipeline, PipelineBuilder, PipelineConfig, PipelineSnapshot},
    policy::{BlockingPolicy, Policy},
    rate_limiter::{RateLimiter, RateLimiterConfig, RateLimiterSnapshot},
    registry::{Metrics, Registry, RegistryError, get_metrics, init, register, shutdown},
    retry::{
        Backoff, Classify, Decision, Jitter, PercentageBudget, Retry, RetryBudget, RetryBudgetConfig,
        RetryBudgetSnapshot, RetryErrors, RetryPolicy, RetrySnapshot, RetryTransient, TokenBudget,
    },
    timeout::{Timeout, TimeoutConfig, TimeoutSnapshot},
    unified_error::UnifiedError,
    verdict::{FailOnError, Judge, Verdict},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
