//! Circuit breakers: each window, with calls timed, and with consecutive failures alone.

use std::time::Duration;

use otlp_reliability::{CircuitBreaker, CircuitBreakerConfig, ConfigError, Window};

use super::case;
use crate::{
    Failure,
    case::{Case, Scene},
    cases::{CONSECUTIVE, FAILURE_RATE, LONG, WINDOW},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    let timed = || rates().with_slow_call_duration(LONG).with_slow_call_rate(FAILURE_RATE);
    let time = Window::Time { length: Duration::from_secs(10) };
    Ok(vec![
        case(scene, "breaker, count window", counting()?),
        case(scene, "breaker, time window", rates().with_window(time).build()?),
        case(scene, "breaker, slow calls timed", timed().build()?),
        case(scene, "breaker, consecutive failures", CircuitBreaker::new(CONSECUTIVE, LONG)),
    ])
}

/// With the count window, as pipelines have it too.
pub(super) fn counting() -> Result<CircuitBreaker, ConfigError> {
    rates().build()
}

fn rates() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new()
        .with_window(Window::Count(WINDOW as u32))
        .with_failure_rate(FAILURE_RATE)
        .with_break_duration(LONG)
}
