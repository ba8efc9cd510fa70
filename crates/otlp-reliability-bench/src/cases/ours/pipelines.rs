//! Policies together.

use otlp_reliability::{Bulkhead, Timeout};

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
    let three = (retry(scene)?, (bulkhead(), Timeout::new(LONG)));
    Ok(vec![case(scene, "pipeline of retry, bulkhead, timeout", three)])
}
