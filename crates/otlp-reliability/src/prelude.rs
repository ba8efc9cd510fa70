//! What a service that protects its calls usually names: `use otlp_reliability::prelude::*;`.
//!
//! The policies, their settings, the traits that give them their methods, and [`UnifiedError`]. Names that other crates
//! have as well ([`Error`](crate::Error), [`Event`](crate::Event)) are imported from the crate itself.

#[doc(no_inline)]
pub use crate::{
    AdaptiveLimit, AdaptiveLimitConfig, BlockingPolicy, Bulkhead, BulkheadConfig, Check, CircuitBreaker,
    CircuitBreakerConfig, CircuitState, Controlled, Fallback, Health, HealthChecker, Hedge, HedgeConfig, Pipeline,
    PipelineConfig, Policy, RateLimiter, RateLimiterConfig, Rejection, Retry, RetryBudget, RetryPolicy, Timeout,
    TimeoutConfig, UnifiedError,
};
