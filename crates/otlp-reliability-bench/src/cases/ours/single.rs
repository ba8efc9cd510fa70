//! Each policy by itself.

use otlp_reliability::{Bulkhead, Timeout};

use super::{case, retry};
use crate::{
    Failure,
    case::{Case, Scene},
    cases::{CONCURRENT, LONG},
};

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    Ok(match scene {
        Scene::Rejected => vec![case(scene, "bulkhead", full_bulkhead())],
        _ => vec![
            case(scene, "retry", retry(scene)?),
            case(scene, "timeout", Timeout::new(LONG)),
            case(scene, "bulkhead", Bulkhead::new(CONCURRENT as u32)),
        ],
    })
}

/// One that nobody has left, nor will.
fn full_bulkhead() -> Bulkhead {
    Bulkhead::new(0)
}
