//! Health checks on paused time: schedules, limits, thresholds, probes, and checks that misbehave.

mod rounds;
mod schedule;
mod settings;
mod status;

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_reliability::{Check, CheckConfig, HealthChecker, UnifiedError};

const SECOND: Duration = Duration::from_secs(1);

/// A dependency that a test takes down and brings back, and that counts how often it was looked at.
#[derive(Clone, Default)]
struct Dependency {
    down: Arc<AtomicBool>,
    looks: Arc<AtomicU32>,
}

impl Dependency {
    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    fn looks(&self) -> u32 {
        self.looks.load(Ordering::Relaxed)
    }

    fn look(&self) -> Result<(), UnifiedError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let down = self.down.load(Ordering::Relaxed);
        if down { Err(UnifiedError::Network("refused".to_string())) } else { Ok(()) }
    }

    fn check(&self, name: &'static str) -> Check {
        let dependency = self.clone();
        Check::new(name, move || ready(dependency.look())).with_jitter(0.0)
    }
}

fn every(interval: Duration) -> HealthChecker {
    HealthChecker::new().with_defaults(CheckConfig::new().with_interval(interval).with_jitter(0.0))
}
