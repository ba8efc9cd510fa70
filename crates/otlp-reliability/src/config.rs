//! The error of settings that cannot work, told when a policy is built or reloaded and never later.

use std::fmt;

/// A setting that was refused: where it stands, which one it is, what it was, and what is accepted.
///
/// ```
/// use otlp_reliability::{Pipeline, PipelineConfig, RetryPolicy};
///
/// let pipeline = Pipeline::builder("payments").with("retry", RetryPolicy::new().build()?).build()?;
/// let error = pipeline.reload(&PipelineConfig::new().with("retry", RetryPolicy::new().with_max_attempts(0)));
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "payments.retry.max_attempts = 0 is not accepted: it takes 1 or more, or None for no limit"
/// );
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    field: &'static str,
    value: String,
    accepted: &'static str,
    nearest: Option<String>,
}

impl ConfigError {
    /// The refusal of `value` for the setting `field`, which takes what `accepted` says.
    pub fn new(field: &'static str, value: impl fmt::Debug, accepted: &'static str) -> Self {
        ConfigError { path: String::new(), field, value: format!("{value:?}"), accepted, nearest: None }
    }

    /// The same refusal, of a setting inside of what is called `name`.
    pub(crate) fn within(mut self, name: &str) -> Self {
        if !self.path.is_empty() {
            self.path.insert(0, '.');
        }
        self.path.insert_str(0, name);
        self
    }

    /// The same refusal, naming the accepted value that is most like the given one.
    pub(crate) fn with_nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_owned);
        self
    }

    /// Where the setting stands: the pipeline and the stage, with dots between. Empty for a policy on its own.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name of the setting.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The value that was given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What would have been accepted.
    pub fn accepted(&self) -> &'static str {
        self.accepted
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}.", self.path)?;
        }
        write!(f, "{} = {} is not accepted: it takes {}", self.field, self.value, self.accepted)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; the nearest is {nearest:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}
