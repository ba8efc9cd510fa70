//! What a pipeline knows of a stage beside its type: its name and its controls.

use std::sync::Arc;

use crate::Control;

/// A policy's name and controls.
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) control: Option<Arc<dyn Control>>,
    /// The kind never changes, so nobody needs figures to learn it.
    kind: Option<&'static str>,
}

impl Stage {
    pub(super) fn new(name: String, control: Option<Arc<dyn Control>>) -> Self {
        let kind = control.as_ref().map(|control| control.snapshot().kind());
        Stage { name, control, kind }
    }

    pub(super) fn kind(&self) -> Option<&'static str> {
        self.kind
    }
}
