//! [`Instrument`]: what is behind every instrument of the API: its description, its series, and the way from a
//! measurement to its series.
//!
//! A measurement on a known series takes no lock and allocates nothing: its attributes are hashed as they were handed
//! in, the calling thread's cache has the series under that hash, and the series compares itself with the attributes.
//! Everything else goes through the table of series.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use otlp_core::{AttributeSet, data::Temporality};
use parking_lot::RwLock;

use super::{
    InstrumentKind, MetricsWarning,
    aggregation::{Aggregate, Aggregation},
    metric_writer::MetricFrame,
    number::{MetricNumber, NumberKind},
    provider_state::ProviderState,
    series::{
        Identity, Series, SeriesTable, attributes_len, distinct, has_repeated_key, hash_attributes, thread_cache,
    },
};

/// What observes the values of an instrument at each collection, whatever number they are.
pub(super) type Callback = Arc<dyn Fn(&Instrument) + Send + Sync>;

/// The attributes of the series that stands for all that are beyond the cardinality limit.
pub(super) const OVERFLOW: [(&str, bool); 1] = [("otel.metric.overflow", true)];

/// Series with larger attributes are counted as overflow: they could fill the memory, or make points that no receiver
/// takes.
const MAX_ATTRIBUTES_BYTES: usize = 32 * 1024;

/// Beyond this many attributes, looking for a repeated key pair by pair costs more than making them distinct.
const FEW_ATTRIBUTES: usize = 32;

/// What identifies an instrument within its scope, apart from the case of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) unit: String,
    pub(super) kind: InstrumentKind,
    pub(super) number: NumberKind,
}

impl Description {
    /// Whether the two mean the same instrument ("Duplicate instrument registration" of the metrics SDK).
    pub(super) fn is_same(&self, other: &Description) -> bool {
        self.has_same_name(other)
            && self.kind == other.kind
            && self.number == other.number
            && self.unit == other.unit
            && self.description == other.description
    }

    /// Whether the names are the same; they are case-insensitive.
    pub(super) fn has_same_name(&self, other: &Description) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// What is behind an instrument of the API.
pub struct Instrument {
    /// Unique in the process.
    id: u64,
    /// Whether it takes measurements for nothing.
    pub(super) is_disabled: bool,
    /// Makes the hashes of its attributes its own.
    seed: u64,
    overflow_hash: u64,
    pub(super) description: Description,
    pub(super) temporality: Temporality,
    pub(super) aggregation: Aggregation,
    pub(super) frame: MetricFrame,
    pub(super) series: RwLock<SeriesTable>,
    /// Replaced as a whole, so that callbacks run without a lock.
    pub(super) callbacks: RwLock<Arc<Vec<Callback>>>,
    /// Rounds of callbacks so far.
    pub(super) rounds: AtomicU64,
    /// Nanoseconds since the Unix epoch, as the next one.
    pub(super) created: u64,
    /// When it was last collected; at first, when it was created.
    pub(super) collected: AtomicU64,
    pub(super) provider: Arc<ProviderState>,
    warned: Warned,
}

/// What was warned of already.
#[derive(Default)]
struct Warned {
    cardinality: AtomicBool,
    size: AtomicBool,
    ignored: AtomicBool,
    panicked: AtomicBool,
}

impl Instrument {
    pub(super) fn new(description: Description, aggregation: Aggregation, provider: Arc<ProviderState>) -> Self {
        let id = ProviderState::next_instrument();
        let seed = provider.seed.wrapping_add(id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let temporality = provider.config.temporality.of(description.kind);
        let bounds: &[f64] = match &aggregation {
            Aggregation::ExplicitHistogram(bounds) => bounds,
            _ => &[],
        };
        let texts = [&*description.name, &*description.description, &*description.unit];
        let created = provider.clock.now().unix_nanos;
        Instrument {
            id,
            is_disabled: !provider.config.enabled,
            seed,
            overflow_hash: hash_attributes(seed, &OVERFLOW),
            frame: MetricFrame::new(texts, description.kind, temporality, bounds),
            description,
            temporality,
            aggregation,
            series: RwLock::default(),
            callbacks: RwLock::default(),
            rounds: AtomicU64::new(0),
            created,
            collected: AtomicU64::new(created),
            provider,
            warned: Warned::default(),
        }
    }

    /// Calls `apply` with the aggregate of the series of `attributes`.
    #[inline]
    pub(super) fn update<A: AttributeSet + ?Sized>(&self, attributes: &A, apply: impl Fn(&Aggregate)) {
        if self.is_disabled {
            return;
        }
        let hash = hash_attributes(self.seed, attributes);
        let hit = thread_cache::visit(hash, |series| {
            let is_it = self.is_it(series, hash, attributes);
            if is_it {
                apply(&series.aggregate);
            }
            is_it
        });
        if !hit {
            self.update_uncached(hash, attributes, apply);
        }
    }

    #[cold]
    fn update_uncached<A: AttributeSet + ?Sized>(&self, hash: u64, attributes: &A, apply: impl Fn(&Aggregate)) {
        let series = self.find_or_add(hash, attributes).series;
        if let Aggregate::Sum(sum) = &series.aggregate {
            sum.mark_measured();
        }
        apply(&series.aggregate);
        // The overflow, and a series that was found by distinct keys, would not be recognised under this hash.
        if series.hash == hash {
            thread_cache::remember(hash, series);
        }
    }

    /// The series of `attributes`, to be updated without looking for it again. It is not forgotten while it is held.
    pub(super) fn bind<A: AttributeSet + ?Sized>(&self, attributes: &A) -> Arc<Series> {
        if self.is_disabled {
            // One for all: nobody will ask what was recorded.
            return self.overflow(&mut self.series.write()).series;
        }
        self.find_or_add(hash_attributes(self.seed, attributes), attributes).series
    }

    /// Sets what a callback observed.
    pub(super) fn observe<A: AttributeSet + ?Sized>(&self, bits: u64, attributes: &A) {
        let found = self.find_or_add(hash_attributes(self.seed, attributes), attributes);
        if let Aggregate::Observed(observed) = &found.series.aggregate {
            let round = self.rounds.load(Ordering::Relaxed);
            if found.is_overflow && self.description.kind != InstrumentKind::ObservableGauge {
                observed.observe_more(self.description.number, bits, round);
            } else {
                observed.observe(bits, round);
            }
        }
    }

    #[inline]
    fn is_it<A: AttributeSet + ?Sized>(&self, series: &Series, hash: u64, attributes: &A) -> bool {
        series.hash == hash && series.instrument == self.id && series.identity.matches(attributes)
    }

    fn find_or_add<A: AttributeSet + ?Sized>(&self, hash: u64, attributes: &A) -> Found {
        if let Some(series) = self.find(hash, attributes) {
            return Found { series, is_overflow: false };
        }
        // Overflow goes on for as long as the series last, so it must not cost more than a series of its own. A
        // repeated key could still turn out to be a known series.
        if attributes.count() <= FEW_ATTRIBUTES
            && !has_repeated_key(attributes)
            && let Some(series) = self.find_overflow_if_full()
        {
            return Found { series, is_overflow: true };
        }
        self.add(attributes)
    }

    /// The series of `attributes`, compared outside the lock: an attribute set may be code of the caller, and that code
    /// may record metrics.
    fn find<A: AttributeSet + ?Sized>(&self, hash: u64, attributes: &A) -> Option<Arc<Series>> {
        // How many series of the same hash turned out to be others.
        let mut others = 0;
        loop {
            let mut seen = 0;
            let next = |_: &Series| {
                seen += 1;
                seen > others
            };
            let series = Arc::clone(self.series.read().find(hash, next)?);
            if series.identity.matches(attributes) {
                return Some(series);
            }
            others += 1;
        }
    }

    fn find_overflow_if_full(&self) -> Option<Arc<Series>> {
        let table = self.series.read();
        if self.is_full(&table) { self.find_overflow(&table).cloned() } else { None }
    }

    /// Adds the series of `attributes`, unless it is there under another form of them or may not be added.
    fn add<A: AttributeSet + ?Sized>(&self, attributes: &A) -> Found {
        let bytes = attributes_len(attributes);
        if bytes > MAX_ATTRIBUTES_BYTES {
            self.warn_once(&self.warned.size, |name| MetricsWarning::AttributesTooLarge { name, bytes });
            return self.overflow(&mut self.series.write());
        }
        let attributes = distinct(attributes);
        let hash = hash_attributes(self.seed, attributes.as_slice());
        let mut table = self.series.write();
        if let Some(series) = table.find(hash, |series| series.identity.matches(attributes.as_slice())) {
            return Found { series: Arc::clone(series), is_overflow: false };
        }
        if self.is_full(&table) {
            let found = self.overflow(&mut table);
            drop(table);
            let limit = self.provider.config.cardinality_limit;
            self.warn_once(&self.warned.cardinality, |name| MetricsWarning::CardinalityLimit { name, limit });
            return found;
        }
        Found { series: self.insert(&mut table, hash, &attributes), is_overflow: false }
    }

    /// Whether the next series has to be the overflow, which counts as one itself.
    fn is_full(&self, table: &SeriesTable) -> bool {
        table.len() + 1 >= self.provider.config.cardinality_limit
    }

    fn find_overflow<'a>(&self, table: &'a SeriesTable) -> Option<&'a Arc<Series>> {
        table.find(self.overflow_hash, |series| series.identity.matches(&OVERFLOW))
    }

    fn overflow(&self, table: &mut SeriesTable) -> Found {
        let series = match self.find_overflow(table) {
            Some(series) => Arc::clone(series),
            None => self.insert(table, self.overflow_hash, &distinct(&OVERFLOW)),
        };
        Found { series, is_overflow: true }
    }

    fn insert(&self, table: &mut SeriesTable, hash: u64, attributes: &[otlp_core::KeyValue]) -> Arc<Series> {
        let field = MetricFrame::attributes_field(self.description.kind);
        let identity = Identity::new(attributes, field);
        let series = Arc::new(Series { instrument: self.id, hash, identity, aggregate: self.aggregation.start() });
        table.insert(Arc::clone(&series));
        series
    }

    /// Whether the instrument takes the value; counts and warns if not.
    #[inline]
    pub(super) fn accepts<T: MetricNumber>(&self, value: T, may_be_negative: bool) -> bool {
        let bits = value.bits();
        let accepted = T::KIND.is_finite(bits) && (may_be_negative || !T::KIND.is_negative(bits));
        if !accepted {
            self.ignore(value.double());
        }
        accepted
    }

    #[cold]
    fn ignore(&self, value: f64) {
        self.provider.ignored.fetch_add(1, Ordering::Relaxed);
        self.warn_once(&self.warned.ignored, |name| MetricsWarning::IgnoredMeasurement { name, value });
    }

    /// Warns that a callback panicked.
    pub(super) fn warn_of_panic(&self) {
        self.warn_once(&self.warned.panicked, |name| MetricsWarning::CallbackPanicked { name });
    }

    fn warn_once(&self, warned: &AtomicBool, warning: impl FnOnce(String) -> MetricsWarning) {
        if !warned.swap(true, Ordering::Relaxed) {
            self.provider.config.warn(&warning(self.description.name.clone()));
        }
    }
}

/// A series, and whether it is only the overflow.
struct Found {
    series: Arc<Series>,
    is_overflow: bool,
}

impl fmt::Debug for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrument").field("description", &self.description).finish_non_exhaustive()
    }
}
