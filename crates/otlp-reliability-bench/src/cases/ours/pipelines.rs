//! Policies together.

use otlp_reliability::{Bulkhead, Pipeline, Timeout};

use super::{breakers, case, retry};
use crate::{
    Failure,
    case::{Case, Scene},
    cases::{CONCURRENT, LONG},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    let bulkhead = || Bulkhead::new(CONCURRENT as u32);
    let timeout = || Timeout::new(LONG);
    let four = Pipeline::builder("four")
        .with("retry", retry(scene)?)
        .with("breaker", breakers::counting()?)
        .with("bulkhead", bulkhead())
        .with("timeout", timeout())
        .build()?;
    let nested = (retry(scene)?, (breakers::counting()?, (bulkhead(), timeout())));
    let mut cases = vec![
        case(scene, "pipeline of retry, breaker, bulkhead, timeout", four),
        case(scene, "the same as nested tuples", nested),
    ];
    // Without a breaker nothing in it turns calls away.
    if scene != Scene::Rejected {
        let three = Pipeline::builder("three")
            .with("retry", retry(scene)?)
            .with("bulkhead", bulkhead())
            .with("timeout", timeout())
            .build()?;
        cases.push(case(scene, "pipeline of retry, bulkhead, timeout", three));
    }
    Ok(cases)
}
