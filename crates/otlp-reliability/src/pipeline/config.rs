//! The settings of a whole pipeline: those of its stages, by name.

use std::collections::BTreeMap;

use crate::{ConfigError, PolicyConfig};

/// Settings for stages of a [`Pipeline`](crate::Pipeline), by the names that the stages have there.
///
/// The order of the stages is the pipeline's and no setting; stages that are not named keep what they have. In a
/// configuration file it is a map, and `kind` tells which policy each entry is for:
///
/// ```
/// # #[cfg(feature = "serde")] {
/// use otlp_reliability::{PipelineConfig, RetryPolicy};
///
/// let settings: PipelineConfig = serde_json::from_str(r#"{ "retry": { "kind": "retry", "max_attempts": 5 } }"#)?;
/// assert_eq!(settings, PipelineConfig::new().with("retry", RetryPolicy::new().with_max_attempts(5)));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[must_use]
pub struct PipelineConfig {
    stages: BTreeMap<String, PolicyConfig>,
}

impl PipelineConfig {
    /// Settings for no stage.
    pub fn new() -> Self {
        PipelineConfig::default()
    }

    /// With settings for one more stage, in place of those that it already has here.
    pub fn with(mut self, stage: impl Into<String>, settings: impl Into<PolicyConfig>) -> Self {
        self.stages.insert(stage.into(), settings.into());
        self
    }

    /// The stages and their settings, by name.
    pub fn stages(&self) -> impl Iterator<Item = (&str, &PolicyConfig)> {
        self.stages.iter().map(|(name, settings)| (name.as_str(), settings))
    }

    /// Whether the settings of every stage can work. Whether a pipeline has these stages, only the pipeline knows.
    ///
    /// # Errors
    ///
    /// The first setting that cannot, and whose it is.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.stages().try_for_each(|(name, settings)| settings.validate().map_err(|error| error.within(name)))
    }
}
