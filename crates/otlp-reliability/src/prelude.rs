//! What a service that protects its calls usually names: `use otlp_reliability::prelude::*;`.
//!
//! The policies, their settings, the traits that give them their methods, and [`UnifiedError`]. Names that other crates
//! have as well ([`Error`](crate::Error), [`Event`](crate::Event)) are imported from the crate itself.

#[doc(no_inline)]
pub use crate::{
    BlockingPolicy, Bulkhead, BulkheadConfig, Check, CircuitBreaker, CircuitBreakerConfig, CircuitState, Controlled,
    Health, HealthChecker, Pipeline, PipelineConfig, Policy, Rejection, Retry, RetryBudget, RetryPolicy, Timeout,
    TimeoutConfig, UnifiedError,
};
