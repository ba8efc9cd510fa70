//! Policies for calls that can fail: [`Retry`] and [`Timeout`], composable, driven by a [`Clock`] that tests control.
//!
//! - [`Policy`]: run an operation under a policy; its documentation says why it has the form it has.
//! - [`Retry`], configured by [`RetryPolicy`]: try again, with backoff, jitter and limits.
//! - [`Timeout`]: give an operation so long and no longer.
//! - [`Error`], [`Rejection`]: what a policy itself answers.
//! - [`Clock`], [`Observer`]: time and events, both replaceable, both free when they are not replaced.
//!
//! [`guide`] says which policy to choose, in what order to nest several, and why.
//!
//! What holds everywhere: a policy allocates nothing and boxes nothing; a future that is dropped leaves nothing behind;
//! no setting makes a policy panic or overflow.
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
    adaptive::*,
    bulkhead::*,
    circuit_breaker::*,
    clock::{Clock, TokioClock},
    config::ConfigError,
    control::{Control, Controlled, NamedSnapshot, PolicyConfig, Snapshot},
    error::{Error, Rejection},
    fallback::*,
    health::*,
    hedge::*,
    observer::{Event, GiveUp, Observer},
    outlier::*,
    pipeline::{Misorder, OrderWarning, Pipeline, PipelineBuilder, PipelineConfig, PipelineSnapshot},
    policy::{BlockingPolicy, Policy},
    rate_limiter::*,
    registry::{Metrics, Registry, RegistryError, get_metrics, init, register, shutdown},
    retry::{
        Backoff, Classify, Decision, Jitter, PercentageBudget, Retry, RetryBudget, RetryBudgetConfig,
        RetryBudgetSnapshot, RetryErrors, RetryPolicy, RetrySnapshot, RetryTransient, TokenBudget,
    },
    timeout::{Timeout, TimeoutConfig, TimeoutSnapshot},
    unified_error::UnifiedError,
    verdict::{FailOnError, Judge, Verdict},
};
