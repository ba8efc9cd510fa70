//! Each policy by itself.

use std::time::Duration;

use otlp_reliability::{
    AdaptiveLimit, AdaptiveLimitConfig, Aimd, Algorithm, Bulkhead, ConfigError, Fallback, Gradient2, HedgeConfig,
    PercentageBudget, RateLimiterConfig, RetryBudget, Timeout, TokenBudget, Vegas,
};

use super::{case, retry};
use crate::{
    Failure,
    call::CallError,
    case::{Case, Scene, Side},
    cases::{CONCURRENT, LONG},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    if scene == Scene::Rejected {
        return rejected(scene);
    }
    // As many as the clock can tell apart: more than there ever are.
    let limiter = RateLimiterConfig::new(1_000_000_000, Duration::from_secs(1)).build()?;
    let mut cases = vec![
        case(scene, "retry", retry(scene)?),
        case(scene, "retry with a budget of tokens", retry(scene)?.with_budget(tokens()?)),
        deposit(scene, "deposit in a budget of tokens", tokens()?),
        deposit(scene, "deposit in a budget of percent", PercentageBudget::new(20.0).build()?),
        case(scene, "timeout", Timeout::new(LONG)),
        case(scene, "bulkhead", Bulkhead::new(CONCURRENT as u32)),
        case(scene, "adaptive limit, AIMD", adaptive(Aimd::new())?),
        case(scene, "adaptive limit, Vegas", adaptive(Vegas::new())?),
        case(scene, "adaptive limit, Gradient2", adaptive(Gradient2::new())?),
        case(scene, "rate limiter", limiter),
    ];
    // These two answer for calls that fail.
    if scene != Scene::HalfFails {
        cases.extend([
            case(scene, "hedge", HedgeConfig::new(LONG).build()?),
            case(scene, "fallback", Fallback::value(0)),
        ]);
    }
    Ok(cases)
}

fn rejected(scene: Scene) -> Result<Vec<Case>, Failure> {
    let withdraw = async |budget: &mut RetryBudget, turn| {
        budget.try_withdraw()?;
        Ok::<u64, CallError>(turn)
    };
    let limiter = RateLimiterConfig::new(1, LONG).build()?;
    Ok(vec![
        Case::new(scene, "withdrawal from an empty budget of tokens", Side::Ours, tokens()?, withdraw),
        // One that lets nobody in.
        case(scene, "bulkhead", Bulkhead::new(0)),
        case(scene, "rate limiter", limiter),
    ])
}

fn tokens() -> Result<RetryBudget, ConfigError> {
    TokenBudget::new(10, 0.1).build()
}

/// One that never falls below what the scene needs: failures are samples, and a rejection is another scene.
fn adaptive(algorithm: impl Into<Algorithm>) -> Result<AdaptiveLimit, ConfigError> {
    AdaptiveLimitConfig::new(algorithm).with_initial_limit(CONCURRENT as u32).with_min_limit(CONCURRENT as u32).build()
}

/// What a first attempt pays for a budget.
fn deposit(scene: Scene, name: &'static str, budget: RetryBudget) -> Case {
    let behaviour = scene.behaviour();
    Case::new(scene, name, Side::Ours, budget, async move |budget: &mut RetryBudget, turn| {
        budget.deposit();
        behaviour.call(turn).await
    })
}
