//! Registries: which policies there are, by name, without keeping any of them alive.
//!
//! What must hold:
//!
//! - No policy needs a registry. Where none runs, a policy that is made pays one relaxed load, and a call pays nothing
//!   in any case.
//! - A registry holds policies weakly: whoever drops the last handle of a policy has also taken it out of here.
//! - A name stands for one policy.
//!
//! The locks are the standard library's and not those of `sync`: one of them is a global, which outlives a model that
//! loom runs, and what they guard is whole between any two statements.

mod entries;
mod global;
mod metrics;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use self::entries::Entries;
pub(crate) use self::global::{announce_as, announced};
pub use self::{
    global::{RegistryError, get_metrics, init, register, shutdown},
    metrics::Metrics,
};
use crate::{Control, Controlled, NamedSnapshot};

/// A list of policies by name, for whoever wants to show them: on an admin page, in a log line, in a metrics export.
///
/// A service can have one of its own, as here, or the one of the process, [`init`], where every policy announces itself.
/// Clones are the same registry.
///
/// ```
/// use otlp_reliability::{Registry, RetryPolicy};
///
/// let registry = Registry::new();
/// let retry = RetryPolicy::new().build()?;
/// registry.register("payments.retry", &retry);
/// assert!(registry.metrics().policy("payments.retry").is_some());
///
/// drop(retry);
/// assert!(registry.metrics().policies.is_empty());
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<Mutex<Entries>>,
}

impl Registry {
    /// A registry without policies.
    pub fn new() -> Self {
        Registry::default()
    }

    /// Lists a policy under `name`, in place of the name that it had. If another policy has the name, that one gets a
    /// number after it: of two policies made one after the other for the same purpose, the newer is meant.
    ///
    /// A policy that was left out (`None`) is not listed.
    pub fn register(&self, name: impl Into<String>, policy: &(impl Controlled + ?Sized)) {
        if let Some(control) = policy.control() {
            self.entries().register(name.into(), Arc::downgrade(&control));
        }
    }

    /// The figures of all policies that are still there, in the order in which they came. A stage of a listed pipeline
    /// is shown in the pipeline only, unless it was registered itself.
    pub fn metrics(&self) -> Metrics {
        // The policies' own locks are taken after the registry's was given back.
        let living = self.entries().living();
        let parts: Vec<_> = living.iter().flat_map(|policy| policy.control.parts()).collect();
        let addresses: HashSet<_> = parts.iter().map(address).collect();
        let is_part = |control| addresses.contains(&address(control));
        let shown = living.iter().filter(|policy| policy.is_registered || !is_part(&policy.control));
        let figures =
            shown.map(|policy| NamedSnapshot { name: policy.name.clone(), snapshot: policy.control.snapshot() });
        Metrics { policies: figures.collect() }
    }

    /// Lists a policy that nobody registered: under `name`, which a pipeline has, or under its kind and a number.
    fn announce(&self, name: Option<&str>, control: Weak<dyn Control>) {
        let Some(kind) = control.upgrade().map(|control| control.snapshot().kind()) else { return };
        self.entries().announce(name, kind, control);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What two handles of one policy have in common.
fn address(control: &Arc<dyn Control>) -> *const () {
    Arc::as_ptr(control).cast()
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let living = self.entries().living();
        f.debug_list().entries(living.iter().map(|policy| &policy.name)).finish()
    }
}
