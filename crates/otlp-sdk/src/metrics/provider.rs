//! [`MeterProvider`]: makes meters, and reports what their instruments measured.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use otlp_batch::{Intake, Producer};
use otlp_core::data::{MetricData, Resource, Scope};
use parking_lot::RwLock;

use super::{
    Meter, MetricsConfig,
    provider_state::ProviderState,
    sink::{IntakeSink, Sink},
};
use crate::clock::Clock;

/// Makes meters, and reports what their instruments measured. Clones are cheap and mean the same provider.
///
/// It reports when it is asked to: registered with an [`Intake`] as a [`Producer`], at each metric interval and flush.
///
/// A cumulative point starts when its instrument was made. A delta point starts where the collection before ended, and
/// a series without a change has none. A gauge's point has no start.
#[derive(Clone)]
pub struct MeterProvider {
    inner: Arc<Inner>,
}

struct Inner {
    state: Arc<ProviderState>,
    /// In order of creation.
    meters: RwLock<Vec<Meter>>,
}

impl MeterProvider {
    /// A provider for the resource of `intake`.
    pub fn new(intake: Intake, clock: Arc<Clock>, config: MetricsConfig) -> Self {
        MeterProvider::with_resource(Arc::clone(intake.resource()), clock, config)
    }

    /// A provider without a way to exporters, whose metrics are read within the program ([`MeterProvider::read`]).
    pub fn with_resource(resource: Arc<Resource>, clock: Arc<Clock>, config: MetricsConfig) -> Self {
        let state = Arc::new(ProviderState::new(resource, clock, config));
        MeterProvider { inner: Arc::new(Inner { state, meters: RwLock::default() }) }
    }

    /// The meter of the scope of this name.
    pub fn meter(&self, name: impl Into<String>) -> Meter {
        self.meter_with_scope(Scope { name: name.into(), ..Scope::default() })
    }

    /// The meter of `scope`. Meters of equal scopes are one.
    pub fn meter_with_scope(&self, scope: Scope) -> Meter {
        let find = |meters: &[Meter]| meters.iter().find(|meter| **meter.scope() == scope).cloned();
        if let Some(meter) = find(&self.inner.meters.read()) {
            return meter;
        }
        let mut meters = self.inner.meters.write();
        find(&meters).unwrap_or_else(|| {
            let meter = Meter::new(scope, Arc::clone(&self.inner.state));
            meters.push(meter.clone());
            meter
        })
    }

    /// All metrics as they are now. Callbacks are called; what the next collection reports stays the same. Instruments
    /// without a measurement are left out.
    ///
    /// Within a callback nothing can be read.
    pub fn read(&self) -> Vec<MetricData> {
        let read = |time| self.meters().iter().flat_map(|meter| meter.read_at(time)).collect();
        self.inner.state.collection(|time, _| read(time)).unwrap_or_default()
    }

    /// How many measurements were ignored because they were not finite, or negative where the instrument only counts
    /// up.
    pub fn ignored_measurements(&self) -> u64 {
        self.inner.state.ignored.load(Ordering::Relaxed)
    }

    /// Reports all metrics, those of each scope to the sink that `sink_of` gives for it. Does nothing within a callback.
    pub(super) fn collect<S: Sink>(&self, mut sink_of: impl FnMut(&Scope) -> S) {
        self.inner.state.collection(|time, buffers| {
            for meter in self.meters() {
                meter.collect(time, buffers, &mut sink_of(meter.scope()));
            }
        });
    }

    /// A copy, so that no lock is held while callbacks run.
    fn meters(&self) -> Vec<Meter> {
        self.inner.meters.read().clone()
    }
}

impl Producer for MeterProvider {
    fn produce(&self, intake: &Intake) {
        self.collect(|scope| IntakeSink::new(intake, intake.scope(scope)));
    }
}

impl fmt::Debug for MeterProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterProvider").field("config", &self.inner.state.config).finish_non_exhaustive()
    }
}
