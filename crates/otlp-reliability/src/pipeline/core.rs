//! What all clones of a pipeline share: its stages, and how they are looked at and reloaded. No call comes by here.

use std::sync::Arc;

use super::{OrderWarning, PipelineConfig, PipelineSnapshot, nearest::nearest, stage::Stage, warning};
use crate::{
    ConfigError, Control, Event, NamedSnapshot, Observer, PolicyConfig, Snapshot,
    sync::{Mutex, lock},
};

/// Settings, and the stage that accepts them.
struct Accepted<'a> {
    stage: &'a str,
    control: &'a Arc<dyn Control>,
    settings: &'a PolicyConfig,
}

pub(super) struct Core<O> {
    name: String,
    stages: Vec<Stage>,
    observer: O,
    /// One reload at a time: of two, the stages all end with the settings of the later one.
    reloading: Mutex<()>,
}

impl<O> Core<O> {
    pub(super) fn new(name: String, stages: Vec<Stage>, observer: O) -> Self {
        Core { name, stages, observer, reloading: Mutex::new(()) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().map(|stage| stage.name.as_str())
    }

    pub(super) fn snapshot(&self) -> PipelineSnapshot {
        let figures = |stage: &Stage| {
            let snapshot = stage.control.as_ref()?.snapshot();
            Some(NamedSnapshot { name: stage.name.clone(), snapshot })
        };
        PipelineSnapshot { name: self.name.clone(), stages: self.stages.iter().filter_map(figures).collect() }
    }

    pub(super) fn warnings(&self) -> Vec<OrderWarning> {
        warning::warnings(&self.stages)
    }

    /// The controls that each of the settings is for, if every one of them accepts its settings. Errors begin with the
    /// stage: how the pipeline is called, whoever has it knows, and a pipeline that is a stage has another name there.
    fn accepted<'a>(&'a self, settings: &'a PipelineConfig) -> Result<Vec<Accepted<'a>>, ConfigError> {
        settings
            .stages()
            .map(|(stage, settings)| {
                let control = self.control_of(stage)?;
                control.accepts(settings).map_err(|error| error.within(stage))?;
                Ok(Accepted { stage, control, settings })
            })
            .collect()
    }

    fn control_of(&self, name: &str) -> Result<&Arc<dyn Control>, ConfigError> {
        let Some(stage) = self.stages.iter().find(|stage| stage.name == name) else {
            let nearest = nearest(name, self.names());
            return Err(ConfigError::new("stage", name, "the name of a stage").with_nearest(nearest));
        };
        stage.control.as_ref().ok_or_else(|| ConfigError::new("stage", name, "a stage that has settings"))
    }
}

impl<O: Observer> Core<O> {
    pub(super) fn reload_stages(&self, settings: &PipelineConfig) -> Result<(), ConfigError> {
        let reloading = lock(&self.reloading);
        for Accepted { stage, control, settings } in self.accepted(settings)? {
            control.reload(settings).map_err(|error| error.within(stage))?;
        }
        drop(reloading);
        self.observer.on_event(Event::Reloaded);
        Ok(())
    }
}

impl<O: Observer> Control for Core<O> {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Pipeline(Core::snapshot(self))
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        match settings {
            PolicyConfig::Pipeline(settings) => self.reload_stages(settings),
            other => Err(other.not_for("pipeline")),
        }
    }

    fn accepts(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        match settings {
            PolicyConfig::Pipeline(settings) => self.accepted(settings).map(drop),
            other => Err(other.not_for("pipeline")),
        }
    }

    fn parts(&self) -> Vec<Arc<dyn Control>> {
        self.stages.iter().filter_map(|stage| stage.control.clone()).collect()
    }
}
