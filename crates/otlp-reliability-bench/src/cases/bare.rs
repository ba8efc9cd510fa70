//! The operation without a policy: what every other figure is taken above.

use crate::case::{Case, Scene, Side};

pub(super) fn cases(scene: Scene) -> Option<Case> {
    // Nothing is there that could reject: the cost of a rejection stands for itself.
    let behaviour = scene.behaviour();
    (scene != Scene::Rejected)
        .then(|| Case::new(scene, "bare call", Side::Bare, (), async move |(), turn| behaviour.call(turn).await))
}
