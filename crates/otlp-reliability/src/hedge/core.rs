//! What all clones of a hedge share: the settings in force, how long calls took, and the figures.

use std::{sync::Arc, time::Duration};

use super::{HedgeConfig, HedgeSnapshot, latencies::Latencies};
use crate::{
    ConfigError, Control, PolicyConfig, Snapshot, registry,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
        lock,
    },
    timeline::nanos,
};

#[derive(Debug)]
pub(super) struct Core {
    settings: Mutex<HedgeConfig>,
    /// Whether the delay comes from a percentile, and calls have to be measured.
    pub(super) measuring: AtomicBool,
    delay_nanos: AtomicU64,
    pub(super) max_hedges: AtomicU32,
    latencies: Latencies,
    pub(super) hedged: AtomicU64,
    pub(super) hedges: AtomicU64,
    pub(super) won: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Core {
    pub(super) fn announced(settings: HedgeConfig) -> Arc<Self> {
        registry::announced(Core {
            measuring: AtomicBool::new(settings.percentile().is_some()),
            delay_nanos: AtomicU64::new(nanos(settings.first_delay())),
            max_hedges: AtomicU32::new(settings.max_hedges()),
            settings: Mutex::new(settings),
            latencies: Latencies::new(),
            hedged: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
            won: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    pub(super) fn settings(&self) -> HedgeConfig {
        lock(&self.settings).clone()
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_nanos(self.delay_nanos.load(Relaxed))
    }

    pub(super) fn measured(&self, latency: Duration) {
        if self.latencies.record(nanos(latency)) {
            let settings = lock(&self.settings);
            self.set_delay(&settings);
        }
    }

    /// The lock on the settings is held: one thread at a time looks at the percentile.
    fn set_delay(&self, settings: &HedgeConfig) {
        let measured = settings.percentile().and_then(|percentile| self.latencies.percentile(percentile));
        // At least a microsecond: calls that are mostly ready at once are not to be run twice for that.
        let delay = measured.map_or(nanos(settings.first_delay()), |measured| measured.max(1000));
        self.delay_nanos.store(delay, Relaxed);
    }

    pub(super) fn figures(&self) -> HedgeSnapshot {
        HedgeSnapshot {
            delay: self.delay(),
            hedged: self.hedged.load(Relaxed),
            hedges: self.hedges.load(Relaxed),
            won: self.won.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Hedge(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::Hedge(settings) = settings else {
            return Err(settings.not_for("hedge"));
        };
        settings.validate()?;
        let mut current = lock(&self.settings);
        self.set_delay(settings);
        self.measuring.store(settings.percentile().is_some(), Relaxed);
        self.max_hedges.store(settings.max_hedges(), Relaxed);
        *current = settings.clone();
        Ok(())
    }
}
