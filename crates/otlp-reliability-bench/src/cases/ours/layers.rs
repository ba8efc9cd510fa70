//! The layers for tower's services.

use otlp_reliability::{
    Bulkhead, Timeout,
    tower::{BulkheadLayer, CircuitBreakerLayer, RetryLayer, TimeoutLayer},
};
use tower::{Layer, ServiceBuilder, service_fn};

use super::{breakers, retry};
use crate::{
    Failure,
    case::{Case, Scene, Side},
    cases::{CONCURRENT, LONG},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    let behaviour = scene.behaviour();
    let operation = service_fn(move |turn| behaviour.call(turn));
    let breaker = || -> Result<_, Failure> { Ok(CircuitBreakerLayer::new(breakers::counting()?)) };
    let bulkhead = BulkheadLayer::new(Bulkhead::new(CONCURRENT as u32));
    let timeout = TimeoutLayer::new(Timeout::new(LONG));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(retry(scene)?))
        .layer(breaker()?)
        .layer(bulkhead.clone())
        .layer(timeout.clone())
        .service(operation);
    let mut cases = vec![
        Case::service(scene, "layer: breaker, count window", Side::Ours, breaker()?.layer(operation)),
        Case::service(scene, "layers: retry, breaker, bulkhead, timeout", Side::Ours, stack),
    ];
    if scene != Scene::Rejected {
        cases.push(Case::service(scene, "layer: bulkhead", Side::Ours, bulkhead.layer(operation)));
        cases.push(Case::service(scene, "layer: timeout", Side::Ours, timeout.layer(operation)));
    }
    Ok(cases)
}
