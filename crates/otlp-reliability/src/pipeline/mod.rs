//! Pipelines: policies around one another, each with a name, in one value that can be run, looked at and reloaded.
//!
//! What must hold:
//!
//! - The order of the names is the order of the policies: the first is outermost, and nothing stands between two.
//! - A call pays for its policies and for nothing else. The policies are nested tuples, so the compiler sees through
//!   them: no box, no table, no lock. The names and controls stand beside them and are touched by nobody who calls.
//! - A reload changes all the stages that it names or none, and only their settings: counters, states and calls under
//!   way go on.

mod builder;
mod config;
mod core;
mod nearest;
mod snapshot;
mod stage;
mod warning;

use std::{fmt, future::Future, sync::Arc};

use self::core::Core;
pub use self::{
    builder::PipelineBuilder,
    config::PipelineConfig,
    snapshot::PipelineSnapshot,
    warning::{Misorder, OrderWarning},
};
use crate::{BlockingPolicy, ConfigError, Control, Controlled, Observer, Policy};

/// Named policies in a named order, as one policy.
///
/// [`Pipeline::builder`] takes them from the outermost to the innermost. Operations run under it by
/// [`execute`](Pipeline::execute) (or by [`Policy::run`], which is the same), closures without futures by
/// [`call`](Pipeline::call). Clones share everything.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Error, Pipeline, RetryPolicy, Timeout};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let payments = Pipeline::builder("payments")
///     .with("total", Timeout::new(Duration::from_secs(5)))
///     .with("retry", RetryPolicy::new().with_max_attempts(3).build()?)
///     .with("attempt", Timeout::new(Duration::from_secs(1)))
///     .build()?;
/// assert!(payments.names().eq(["total", "retry", "attempt"]));
///
/// let receipt = payments.execute(|| async { Ok::<_, Error<std::io::Error>>("paid") }).await?;
/// assert_eq!(receipt, "paid");
/// # Ok(())
/// # }
/// ```
///
/// A closure runs on the calling thread, which nobody can cancel. So a pipeline with a [`Timeout`](crate::Timeout) or a
/// [`Hedge`](crate::Hedge) in it has no `call`, and the compiler says so:
///
/// ```compile_fail,E0277
/// # use std::{io, time::Duration};
/// # use otlp_reliability::{Error, Pipeline, Timeout};
/// let pipeline = Pipeline::builder("payments").with("total", Timeout::new(Duration::from_secs(1))).build()?;
/// let receipt = pipeline.call(|| Ok::<_, Error<io::Error>>("paid"));
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
pub struct Pipeline<P, O = ()> {
    policies: P,
    core: Arc<Core<O>>,
}

impl Pipeline<()> {
    /// Begins a pipeline. `name` is how its errors, its figures and its place in a registry are called.
    pub fn builder(name: impl Into<String>) -> PipelineBuilder<()> {
        PipelineBuilder::new(name.into())
    }
}

impl<P, O> Pipeline<P, O> {
    /// How the pipeline is called.
    pub fn name(&self) -> &str {
        self.core.name()
    }

    /// How the stages are called, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.core.names()
    }

    /// What all stages have done so far, and how they stand.
    pub fn snapshot(&self) -> PipelineSnapshot {
        self.core.snapshot()
    }

    /// Orders that rarely mean what they do. They are no errors: somebody may want just that.
    pub fn warnings(&self) -> Vec<OrderWarning> {
        self.core.warnings()
    }
}

impl<P, O: Observer> Pipeline<P, O> {
    /// Gives the named stages other settings; the others keep theirs. Counters and states stay, calls under way end
    /// under the settings that they have read. A call that starts during a reload may meet one stage before and one
    /// after it.
    ///
    /// # Errors
    ///
    /// A name that no stage has, settings of another kind than the stage, or settings that cannot work. The error says
    /// where; no stage has then changed.
    pub fn reload(&self, settings: &PipelineConfig) -> Result<(), ConfigError> {
        self.core.reload_stages(settings).map_err(|error| error.within(self.name()))
    }
}

impl<P, O: Sync + Send> Pipeline<P, O> {
    /// Runs `operation` under all policies, as often as they say. Its futures are `Send`, and so is the one of the call:
    /// it can be spawned ([`Policy`] tells why).
    ///
    /// Dropping the future drops the operation's future and gives back whatever the policies hold for it.
    ///
    /// # Errors
    ///
    /// The operation's own, or the rejection of one of the policies converted into it.
    pub fn execute<T, E, F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        P: Policy<T, E>,
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.policies.run(operation)
    }

    /// Runs a closure without futures under all policies; the calling thread waits where they wait.
    ///
    /// ```
    /// use otlp_reliability::{Bulkhead, Error, Pipeline, RetryPolicy};
    ///
    /// let parsing = Pipeline::builder("parsing")
    ///     .with("retry", RetryPolicy::new().build()?)
    ///     .with("limit", Bulkhead::new(4))
    ///     .build()?;
    /// let number = parsing.call(|| "42".parse::<u32>().map_err(Error::Inner));
    /// assert_eq!(number.ok(), Some(42));
    /// # Ok::<(), otlp_reliability::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's own, or the rejection of one of the policies converted into it.
    pub fn call<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        P: BlockingPolicy<T, E>,
        F: Fn() -> Result<T, E>,
    {
        self.policies.call(operation)
    }
}

impl<T, E, P: Policy<T, E>, O: Send + Sync> Policy<T, E> for Pipeline<P, O> {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.policies.run(operation)
    }
}

impl<T, E, P: BlockingPolicy<T, E>, O: Send + Sync> BlockingPolicy<T, E> for Pipeline<P, O> {
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        self.policies.call(operation)
    }
}

/// The controls of the whole: settings are a [`PipelineConfig`]. This is how pipelines nest.
impl<P, O: Observer + 'static> Controlled for Pipeline<P, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}

impl<P: Clone, O> Clone for Pipeline<P, O> {
    fn clone(&self) -> Self {
        Pipeline { policies: self.policies.clone(), core: Arc::clone(&self.core) }
    }
}

impl<P, O> fmt::Debug for Pipeline<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.debug_struct("Pipeline").field("name", &self.name()).field("stages", &names).finish_non_exhaustive()
    }
}
