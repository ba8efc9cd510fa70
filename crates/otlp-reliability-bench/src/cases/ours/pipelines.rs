//! Policies together.

use otlp_reliability::{Bulkhead, Pipeline, Timeout};

use super::{case, retry};
use crate::{
    Failure,
    case::{Case, Scene},
    cases::{CONCURRENT, LONG},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    if scene == Scene::Rejected {
        return Ok(Vec::new());
    }
    let bulkhead = || Bulkhead::new(CONCURRENT as u32);
    let three = Pipeline::builder("three")
        .with("retry", retry(scene)?)
        .with("bulkhead", bulkhead())
        .with("timeout", Timeout::new(LONG))
        .build()?;
    Ok(vec![case(scene, "pipeline of retry, bulkhead, timeout", three)])
}
