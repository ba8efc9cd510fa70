//! What all clones of a retry share: the settings in force and the figures.
//!
//! What must hold: a call whose first attempt settles it takes no lock; it looks at one flag.

use std::sync::Arc;

use super::{RetryPolicy, snapshot::Counters};
use crate::{
    ConfigError, Control, PolicyConfig, Snapshot, registry,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        lock,
    },
};

#[derive(Debug)]
pub(super) struct Core {
    /// Read when the first attempt of a call has failed.
    settings: Mutex<RetryPolicy>,
    /// Whether calls have to note when they start.
    timed: AtomicBool,
    pub(super) counters: Counters,
}

impl Core {
    pub(super) fn announced(settings: RetryPolicy) -> Arc<Self> {
        registry::announced(Core {
            timed: AtomicBool::new(settings.max_elapsed().is_some()),
            settings: Mutex::new(settings),
            counters: Counters::default(),
        })
    }

    pub(super) fn settings(&self) -> RetryPolicy {
        lock(&self.settings).clone()
    }

    #[inline]
    pub(super) fn is_timed(&self) -> bool {
        self.timed.load(Relaxed)
    }
}

impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Retry(self.counters.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::Retry(settings) = settings else {
            return Err(settings.not_for("retry"));
        };
        settings.validate()?;
        let mut current = lock(&self.settings);
        *current = settings.clone();
        self.timed.store(settings.max_elapsed().is_some(), Relaxed);
        Ok(())
    }
}
