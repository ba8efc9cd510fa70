//! The registry of the process, for services that want to see every policy and name none.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Metrics, Registry};
use crate::{Control, Controlled};

/// Why the registry of the process did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is none: nobody has called [`init`], or somebody has called [`shutdown`] since.
    NotInitialized,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegistryError::NotInitialized => f.write_str("the registry of policies is not initialised"),
        }
    }
}

impl std::error::Error for RegistryError {}

static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);

/// Whether there may be one, so that policies made without a registry need no lock. Only a hint: the lock decides.
static RUNNING: AtomicBool = AtomicBool::new(false);

fn registry() -> MutexGuard<'static, Option<Registry>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the registry of the process: every policy that is made from now on is listed in it, under its kind and a
/// number (`circuit_breaker-1`); a pipeline under its name. [`register`] gives a policy another name.
///
/// Where it is running already, it goes on as it is. Nothing else in the crate needs it.
///
/// # Errors
///
/// None today.
///
/// ```
/// use otlp_reliability::{self as reliability, RetryPolicy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// reliability::init().await?;
/// let retry = RetryPolicy::new().build()?;
/// println!("{:?}", reliability::get_metrics().await?);
/// reliability::shutdown().await?;
/// # drop(retry);
/// # Ok(())
/// # }
/// ```
pub async fn init() -> Result<(), RegistryError> {
    let mut registry = registry();
    registry.get_or_insert_with(Registry::new);
    RUNNING.store(true, Ordering::Relaxed);
    Ok(())
}

/// The figures of all policies in the registry of the process.
///
/// # Errors
///
/// [`RegistryError::NotInitialized`].
pub async fn get_metrics() -> Result<Metrics, RegistryError> {
    // A clone, so that no policy is read under the lock of all.
    let running = registry().clone();
    running.map(|registry| registry.metrics()).ok_or(RegistryError::NotInitialized)
}

/// Ends the registry of the process and forgets all names. The policies themselves go on.
///
/// # Errors
///
/// [`RegistryError::NotInitialized`] if none was running.
pub async fn shutdown() -> Result<(), RegistryError> {
    let ended = {
        let mut registry = registry();
        RUNNING.store(false, Ordering::Relaxed);
        registry.take()
    };
    ended.map(drop).ok_or(RegistryError::NotInitialized)
}

/// Lists a policy in the registry of the process under `name`, as [`Registry::register`] does: for a policy that was made
/// before [`init`], or deserves a better name than its kind and a number.
///
/// # Errors
///
/// [`RegistryError::NotInitialized`].
pub fn register(name: impl Into<String>, policy: &(impl Controlled + ?Sized)) -> Result<(), RegistryError> {
    let running = registry().clone();
    running.map(|registry| registry.register(name, policy)).ok_or(RegistryError::NotInitialized)
}

/// What the handles of a policy share, listed in the registry of the process: every policy is made by way of this.
pub(crate) fn announced<C: Control + 'static>(core: C) -> Arc<C> {
    let core = Arc::new(core);
    let control: Weak<C> = Arc::downgrade(&core);
    announce_to_running(None, control);
    core
}

/// Called by every pipeline when it is made.
pub(crate) fn announce_as(name: &str, control: Weak<dyn Control>) {
    announce_to_running(Some(name), control);
}

fn announce_to_running(name: Option<&str>, control: Weak<dyn Control>) {
    if RUNNING.load(Ordering::Relaxed)
        && let Some(registry) = registry().clone()
    {
        registry.announce(name, control);
    }
}
