//! [`Meter`]: makes the instruments of one scope.

use std::{fmt, sync::Arc};

use otlp_core::data::{MetricData, Scope};
use parking_lot::RwLock;

use super::{
    Counter, Gauge, Histogram, InstrumentBuilder, InstrumentKind, MetricsWarning, ObservableCounter, ObservableGauge,
    ObservableUpDownCounter, UpDownCounter,
    aggregation::Aggregation,
    config::are_valid_boundaries,
    instrument::{Callback, Description, Instrument},
    instrument_kind::is_valid_name,
    provider_state::{CollectionBuffers, ProviderState},
    sink::Sink,
};

/// Makes the instruments of one scope. Clones are cheap and make the same instruments.
#[derive(Clone)]
pub struct Meter {
    inner: Arc<Inner>,
}

struct Inner {
    scope: Arc<Scope>,
    /// In order of creation.
    instruments: RwLock<Vec<Arc<Instrument>>>,
    provider: Arc<ProviderState>,
}

macro_rules! instruments {
    ($($(#[$doc:meta])* $method:ident => $instrument:ty),* $(,)?) => {
        impl Meter {
            $(
                $(#[$doc])*
                pub fn $method(&self, name: impl Into<String>) -> InstrumentBuilder<$instrument> {
                    InstrumentBuilder::new(self.clone(), name.into())
                }
            )*
        }
    };
}

instruments! {
    /// A counter of integers.
    u64_counter => Counter<u64>,
    /// A counter of doubles.
    f64_counter => Counter<f64>,
    /// An up-down counter of integers.
    i64_up_down_counter => UpDownCounter<i64>,
    /// An up-down counter of doubles.
    f64_up_down_counter => UpDownCounter<f64>,
    /// A histogram of integers.
    u64_histogram => Histogram<u64>,
    /// A histogram of doubles.
    f64_histogram => Histogram<f64>,
    /// A gauge of unsigned integers.
    u64_gauge => Gauge<u64>,
    /// A gauge of signed integers.
    i64_gauge => Gauge<i64>,
    /// A gauge of doubles.
    f64_gauge => Gauge<f64>,
    /// A counter of integers that callbacks observe.
    u64_observable_counter => ObservableCounter<u64>,
    /// A counter of doubles that callbacks observe.
    f64_observable_counter => ObservableCounter<f64>,
    /// An up-down counter of integers that callbacks observe.
    i64_observable_up_down_counter => ObservableUpDownCounter<i64>,
    /// An up-down counter of doubles that callbacks observe.
    f64_observable_up_down_counter => ObservableUpDownCounter<f64>,
    /// A gauge of unsigned integers that callbacks observe.
    u64_observable_gauge => ObservableGauge<u64>,
    /// A gauge of signed integers that callbacks observe.
    i64_observable_gauge => ObservableGauge<i64>,
    /// A gauge of doubles that callbacks observe.
    f64_observable_gauge => ObservableGauge<f64>,
}

impl Meter {
    pub(super) fn new(scope: Scope, provider: Arc<ProviderState>) -> Self {
        Meter { inner: Arc::new(Inner { scope: Arc::new(scope), instruments: RwLock::default(), provider }) }
    }

    /// The scope of its instruments.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.inner.scope
    }

    /// The metrics of this scope as they are now. Callbacks are called; what the next collection reports stays the
    /// same. Instruments without a measurement are left out.
    ///
    /// Within a callback nothing can be read.
    pub fn read(&self) -> Vec<MetricData> {
        self.inner.provider.collection(|time, _| self.read_at(time)).unwrap_or_default()
    }

    /// The metrics of this scope at `time`, to be called within a collection.
    pub(super) fn read_at(&self, time: u64) -> Vec<MetricData> {
        self.instruments().iter().filter_map(|instrument| instrument.read(time, &self.inner.scope)).collect()
    }

    /// Reports all instruments to `sink`.
    pub(super) fn collect<S: Sink>(&self, time: u64, buffers: &mut CollectionBuffers, sink: &mut S) {
        for instrument in self.instruments() {
            instrument.collect(time, buffers, sink);
        }
    }

    /// A copy, so that no lock is held while callbacks run.
    fn instruments(&self) -> Vec<Arc<Instrument>> {
        self.inner.instruments.read().clone()
    }

    /// The instrument of this description, which is made if the scope has none.
    pub(super) fn instrument(
        &self,
        description: Description,
        boundaries: Option<Vec<f64>>,
        callbacks: Vec<Callback>,
    ) -> Arc<Instrument> {
        let (instrument, warnings) = self.find_or_make(description, boundaries);
        instrument.add_callbacks(callbacks);
        warnings.iter().for_each(|warning| self.inner.provider.config.warn(warning));
        instrument
    }

    fn find_or_make(
        &self,
        description: Description,
        boundaries: Option<Vec<f64>>,
    ) -> (Arc<Instrument>, Vec<MetricsWarning>) {
        let find = |instruments: &[Arc<Instrument>]| {
            instruments.iter().find(|instrument| instrument.description.is_same(&description)).cloned()
        };
        if let Some(instrument) = find(&self.inner.instruments.read()) {
            return (instrument, Vec::new());
        }
        let mut instruments = self.inner.instruments.write();
        if let Some(instrument) = find(&instruments) {
            return (instrument, Vec::new());
        }
        let mut warnings = Vec::new();
        let name = || description.name.clone();
        if !is_valid_name(&description.name) {
            warnings.push(MetricsWarning::InvalidName { name: name() });
        }
        if let Some(other) = instruments.iter().find(|other| other.description.has_same_name(&description)) {
            let (kind, existing) = (description.kind, other.description.kind);
            warnings.push(MetricsWarning::ConflictingInstrument { name: name(), kind, existing });
        }
        let boundaries = boundaries.and_then(|boundaries| {
            let valid = are_valid_boundaries(&boundaries);
            if !valid {
                let boundaries = boundaries.clone();
                warnings.push(MetricsWarning::InvalidBoundaries { name: Some(name()), boundaries });
            }
            valid.then_some(boundaries)
        });
        let aggregation = self.aggregation(description.kind, boundaries);
        let instrument = Arc::new(Instrument::new(description, aggregation, Arc::clone(&self.inner.provider)));
        instruments.push(Arc::clone(&instrument));
        (instrument, warnings)
    }

    /// The default aggregation of instruments of `kind`, as the metrics SDK specification has it.
    fn aggregation(&self, kind: InstrumentKind, boundaries: Option<Vec<f64>>) -> Aggregation {
        match kind {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Aggregation::Sum,
            InstrumentKind::Gauge => Aggregation::LastValue,
            InstrumentKind::Histogram => Aggregation::ExplicitHistogram(match boundaries {
                Some(boundaries) => boundaries.into(),
                None => self.inner.provider.config.histogram_boundaries.as_slice().into(),
            }),
            InstrumentKind::ObservableCounter
            | InstrumentKind::ObservableUpDownCounter
            | InstrumentKind::ObservableGauge => Aggregation::Observed,
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("scope", &self.inner.scope).finish_non_exhaustive()
    }
}
