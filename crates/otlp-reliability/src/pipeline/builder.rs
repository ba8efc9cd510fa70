//! How a pipeline is put together: policy by policy, and its names checked at the end.

use std::{fmt, sync::Arc};

use super::{Pipeline, core::Core, stage::Stage};
use crate::{ConfigError, Control, Controlled, Observer, registry};

/// A pipeline that is being put together. Begun by [`Pipeline::builder`].
#[must_use]
pub struct PipelineBuilder<P, O = ()> {
    name: String,
    policies: P,
    stages: Vec<Stage>,
    observer: O,
}

impl PipelineBuilder<()> {
    pub(super) fn new(name: String) -> Self {
        PipelineBuilder { name, policies: (), stages: Vec::new(), observer: () }
    }
}

impl<P, O> PipelineBuilder<P, O> {
    /// Adds a policy inside of those that are already there.
    ///
    /// The policy is one of this crate, an `Option` of one (`None` for a policy that the configuration left out), another
    /// pipeline, or anything that implements [`Controlled`] and [`Policy`](crate::Policy).
    pub fn with<Q: Controlled>(mut self, name: impl Into<String>, policy: Q) -> PipelineBuilder<(P, Q), O> {
        self.stages.push(Stage::new(name.into(), policy.control()));
        PipelineBuilder {
            name: self.name,
            policies: (self.policies, policy),
            stages: self.stages,
            observer: self.observer,
        }
    }

    /// Adds the controls of something that no call passes through by itself, such as the budget that the stages share: it
    /// has a name, figures and reloads as a stage has.
    pub fn with_control(mut self, name: impl Into<String>, policy: &(impl Controlled + ?Sized)) -> Self {
        self.stages.push(Stage::new(name.into(), policy.control()));
        self
    }

    /// Reports to `observer` what happens to the pipeline as a whole:
    /// [`Event::Reloaded`](crate::Event::Reloaded). Each policy has an observer of its own for its calls.
    pub fn with_observer<Q: Observer>(self, observer: Q) -> PipelineBuilder<P, Q> {
        PipelineBuilder { name: self.name, policies: self.policies, stages: self.stages, observer }
    }
}

impl<P, O: Observer + 'static> PipelineBuilder<P, O> {
    /// The pipeline.
    ///
    /// # Errors
    ///
    /// A name that is empty, a stage's name that another stage has already, or `kind` as a stage's name, which in a
    /// configuration file stands for something else.
    pub fn build(self) -> Result<Pipeline<P, O>, ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "", "a name that is not empty"));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let accepted = if stage.name.is_empty() {
                "a name that is not empty"
            } else if stage.name == "kind" {
                "any name but this one, which configuration files use for the kind of a policy"
            } else if self.stages[..index].iter().any(|other| other.name == stage.name) {
                "a name that no other stage has"
            } else {
                continue;
            };
            return Err(ConfigError::new("stage", &stage.name, accepted).within(&self.name));
        }
        let core = Arc::new(Core::new(self.name, self.stages, self.observer));
        let control: Arc<dyn Control> = core.clone();
        registry::announce_as(core.name(), Arc::downgrade(&control));
        Ok(Pipeline { policies: self.policies, core })
    }
}

impl<P, O> fmt::Debug for PipelineBuilder<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.stages.iter().map(|stage| &stage.name).collect();
        f.debug_struct("PipelineBuilder").field("name", &self.name).field("stages", &names).finish_non_exhaustive()
    }
}
