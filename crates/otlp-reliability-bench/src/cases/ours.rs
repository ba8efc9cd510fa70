//! otlp-reliability: each policy by itself, and together.

use otlp_reliability::{RetryPolicy, Timeout};

use super::LONG;
use crate::{
    Failure,
    call::Behaviour,
    case::{Case, Scene, Side},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    if scene == Scene::Rejected {
        return Ok(Vec::new());
    }
    let behaviour = scene.behaviour();
    let attempts = if behaviour == Behaviour::Succeeds { 3 } else { 1 };
    let retry = RetryPolicy::new().with_max_attempts(attempts).build()?;
    let timeout = Timeout::new(LONG);
    Ok(vec![
        Case::new(scene, "retry", Side::Ours, retry, async move |p, turn| p.execute(|| behaviour.call(turn)).await),
        Case::new(scene, "timeout", Side::Ours, timeout, async move |p, turn| p.execute(|| behaviour.call(turn)).await),
    ])
}
