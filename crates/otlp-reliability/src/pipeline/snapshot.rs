//! The figures of a pipeline.

use crate::{NamedSnapshot, Snapshot};

/// The figures of a pipeline: those of its stages.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PipelineSnapshot {
    /// How the pipeline is called.
    pub name: String,
    /// The stages, outermost first, without those that were left out.
    pub stages: Vec<NamedSnapshot>,
}

impl PipelineSnapshot {
    /// The figures of the stage called `name`.
    pub fn stage(&self, name: &str) -> Option<&Snapshot> {
        self.stages.iter().find(|stage| stage.name == name).map(|stage| &stage.snapshot)
    }
}
