//! otlp-reliability: each policy by itself, and policies together.

mod breakers;
mod layers;
mod pipelines;
mod single;

use otlp_reliability::{ConfigError, Policy, Retry, RetryPolicy};

use crate::{
    Failure,
    call::{Behaviour, CallError},
    case::{Case, Scene, Side},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    let mut cases = breakers::cases(scene)?;
    cases.extend(single::cases(scene)?);
    cases.extend(pipelines::cases(scene)?);
    cases.extend(layers::cases(scene)?);
    Ok(cases)
}

fn case<P>(scene: Scene, name: &'static str, policy: P) -> Case
where
    P: Policy<u64, CallError> + Clone + 'static,
{
    let behaviour = scene.behaviour();
    Case::new(scene, name, Side::Ours, policy, async move |policy: &mut P, turn| {
        policy.run(|| behaviour.call(turn)).await
    })
}

/// Three attempts, or the last one of all where calls fail, because a wait is not what is measured.
fn retry(scene: Scene) -> Result<Retry, ConfigError> {
    let attempts = if scene.behaviour() == Behaviour::Succeeds { 3 } else { 1 };
    RetryPolicy::new().with_max_attempts(attempts).build()
}
