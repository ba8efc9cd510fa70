//! The bounded store: what arrived, per arrival, to be asked by id, name, service and count.
//!
//! Each arrival is an entry of its own, so an item that was sent twice is here twice. When a cap is reached the oldest
//! entries go, and are counted as evicted. Queries copy nothing but reference counts.

mod counts;
mod shelf;
mod size;

use std::{collections::HashMap, sync::Arc, time::Duration};

use otlp_core::{
    Signal, SpanId, TraceId,
    data::{LogData, MetricData, SpanData},
};
use parking_lot::Mutex;

pub use self::counts::{Counts, SignalCounts};
use self::shelf::Shelf;
use crate::{
    Identity,
    changes::{Changes, WaitTimeout},
    items::Items,
};

/// How much a store keeps of each signal before the oldest items make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCapacity {
    /// Items per signal; a metric counts as many as it has points.
    pub items: u64,
    /// Approximate bytes of memory per signal.
    pub bytes: usize,
}

impl Default for StoreCapacity {
    /// A million items and 256 MiB per signal.
    fn default() -> Self {
        StoreCapacity { items: 1_000_000, bytes: 256 << 20 }
    }
}

/// A handle to what a receiver took, or to what it rejected. Clones share the content.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    content: Mutex<Content>,
    changes: Arc<Changes>,
}

struct Content {
    spans: Shelf<SpanData>,
    metrics: Shelf<MetricData>,
    logs: Shelf<LogData>,
    arrived: [u64; 3],
}

impl Store {
    pub(crate) fn new(capacity: StoreCapacity, changes: Arc<Changes>) -> Self {
        let content = Content {
            spans: Shelf::new(capacity),
            metrics: Shelf::new(capacity),
            logs: Shelf::new(capacity),
            arrived: [0; 3],
        };
        Store { shared: Arc::new(Shared { content: Mutex::new(content), changes }) }
    }

    pub(crate) fn put(&self, items: Items) {
        let mut content = self.shared.content.lock();
        content.arrived[items.signal().index()] += items.count();
        match items {
            Items::Spans(spans) => spans.into_iter().for_each(|span| content.spans.put(span, 1)),
            Items::Logs(logs) => logs.into_iter().for_each(|log| content.logs.put(log, 1)),
            Items::Metrics(metrics) => {
                for metric in metrics {
                    let points = metric.point_count() as u64;
                    content.metrics.put(metric, points);
                }
            }
            Items::Counted(..) => {}
        }
        drop(content);
        self.shared.changes.record();
    }

    /// All spans that are kept, oldest arrival first.
    pub fn spans(&self) -> Vec<Arc<SpanData>> {
        self.spans_where(|_| true)
    }

    /// The spans for which `matches` holds, oldest arrival first. The store is locked meanwhile: `matches` must not
    /// ask it anything.
    pub fn spans_where(&self, matches: impl FnMut(&SpanData) -> bool) -> Vec<Arc<SpanData>> {
        self.shared.content.lock().spans.matching(matches)
    }

    /// Each arrival of the span with this id.
    pub fn spans_by_id(&self, span_id: SpanId) -> Vec<Arc<SpanData>> {
        self.spans_where(|span| span.span_id == span_id)
    }

    /// The spans of a trace.
    pub fn spans_of_trace(&self, trace_id: TraceId) -> Vec<Arc<SpanData>> {
        self.spans_where(|span| span.trace_id == trace_id)
    }

    /// The spans of this name.
    pub fn spans_named(&self, name: &str) -> Vec<Arc<SpanData>> {
        self.spans_where(|span| span.name == name)
    }

    /// The spans of the service of this name.
    pub fn spans_of_service(&self, service: &str) -> Vec<Arc<SpanData>> {
        self.spans_where(|span| span.resource.service_name() == Some(service))
    }

    /// All log records that are kept, oldest arrival first.
    pub fn logs(&self) -> Vec<Arc<LogData>> {
        self.logs_where(|_| true)
    }

    /// The log records for which `matches` holds, oldest arrival first. The store is locked meanwhile: `matches` must
    /// not ask it anything.
    pub fn logs_where(&self, matches: impl FnMut(&LogData) -> bool) -> Vec<Arc<LogData>> {
        self.shared.content.lock().logs.matching(matches)
    }

    /// The log records that were made within this trace.
    pub fn logs_of_trace(&self, trace_id: TraceId) -> Vec<Arc<LogData>> {
        self.logs_where(|log| log.trace_id == Some(trace_id))
    }

    /// The log records that were made within this span.
    pub fn logs_of_span(&self, span_id: SpanId) -> Vec<Arc<LogData>> {
        self.logs_where(|log| log.span_id == Some(span_id))
    }

    /// The log records of this event name.
    pub fn logs_named(&self, event_name: &str) -> Vec<Arc<LogData>> {
        self.logs_where(|log| log.event_name == event_name)
    }

    /// The log records of the service of this name.
    pub fn logs_of_service(&self, service: &str) -> Vec<Arc<LogData>> {
        self.logs_where(|log| log.resource.service_name() == Some(service))
    }

    /// All metrics that are kept, oldest arrival first.
    pub fn metrics(&self) -> Vec<Arc<MetricData>> {
        self.metrics_where(|_| true)
    }

    /// The metrics for which `matches` holds, oldest arrival first. The store is locked meanwhile: `matches` must not
    /// ask it anything.
    pub fn metrics_where(&self, matches: impl FnMut(&MetricData) -> bool) -> Vec<Arc<MetricData>> {
        self.shared.content.lock().metrics.matching(matches)
    }

    /// The metrics of this name.
    pub fn metrics_named(&self, name: &str) -> Vec<Arc<MetricData>> {
        self.metrics_where(|metric| metric.name == name)
    }

    /// The metrics of the service of this name.
    pub fn metrics_of_service(&self, service: &str) -> Vec<Arc<MetricData>> {
        self.metrics_where(|metric| metric.resource.service_name() == Some(service))
    }

    /// How many items of `signal` arrived, duplicates and evicted ones included.
    pub fn count(&self, signal: Signal) -> u64 {
        self.shared.content.lock().arrived[signal.index()]
    }

    /// How many items of each signal arrived, are kept and were evicted.
    pub fn counts(&self) -> Counts {
        fn of<T: size::ApproximateSize>(arrived: u64, shelf: &Shelf<T>) -> SignalCounts {
            SignalCounts { arrived, kept: shelf.items(), evicted: shelf.evicted(), bytes: shelf.bytes() }
        }
        let content = self.shared.content.lock();
        let [traces, metrics, logs] = content.arrived;
        Counts::new([of(traces, &content.spans), of(metrics, &content.metrics), of(logs, &content.logs)])
    }

    /// How often each item of `signal` that is kept arrived.
    pub fn arrivals(&self, signal: Signal) -> HashMap<Identity, u64> {
        let mut arrivals = HashMap::new();
        let mut count = |identity| *arrivals.entry(identity).or_default() += 1;
        let content = self.shared.content.lock();
        match signal {
            Signal::Traces => content.spans.iter().map(Identity::of_span).for_each(&mut count),
            Signal::Metrics => content.metrics.iter().flat_map(Identity::of_points).for_each(&mut count),
            Signal::Logs => content.logs.iter().map(Identity::of_log).for_each(&mut count),
        }
        arrivals
    }

    /// The items of `signal` that arrived more than once, and how often, in the order of their identities.
    pub fn duplicates(&self, signal: Signal) -> Vec<(Identity, u64)> {
        let mut duplicates: Vec<_> = self.arrivals(signal).into_iter().filter(|(_, times)| *times > 1).collect();
        duplicates.sort();
        duplicates
    }

    /// Forgets everything, the counts too.
    pub fn clear(&self) {
        let mut content = self.shared.content.lock();
        content.spans.clear();
        content.metrics.clear();
        content.logs.clear();
        content.arrived = [0; 3];
        drop(content);
        self.shared.changes.record();
    }

    /// Waits until `holds` of this store, for at most `within`. The condition is evaluated at the start and after each
    /// change of the receiver; it may query the store. Cancelling it has no effect on anything.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first; it says what had arrived.
    pub async fn wait_for(&self, mut holds: impl FnMut(&Store) -> bool, within: Duration) -> Result<(), WaitTimeout> {
        self.shared.changes.wait(|| holds(self), within, || self.counts().to_string()).await
    }

    /// As [`Store::wait_for`], for threads that may block.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub fn wait_for_blocking(
        &self,
        mut holds: impl FnMut(&Store) -> bool,
        within: Duration,
    ) -> Result<(), WaitTimeout> {
        self.shared.changes.wait_blocking(|| holds(self), within, || self.counts().to_string())
    }

    /// Waits until at least `items` of `signal` have arrived.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub async fn wait_for_items(&self, signal: Signal, items: u64, within: Duration) -> Result<(), WaitTimeout> {
        self.wait_for(|store| store.count(signal) >= items, within).await
    }

    /// As [`Store::wait_for_items`], for threads that may block.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub fn wait_for_items_blocking(&self, signal: Signal, items: u64, within: Duration) -> Result<(), WaitTimeout> {
        self.wait_for_blocking(|store| store.count(signal) >= items, within)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8, name: &str) -> SpanData {
        SpanData { span_id: SpanId::from_bytes([id; 8]), name: name.into(), ..SpanData::default() }
    }

    fn store(items: u64, bytes: usize) -> Store {
        Store::new(StoreCapacity { items, bytes }, Arc::default())
    }

    #[test]
    fn the_oldest_items_make_room_and_are_counted() {
        let store = store(2, usize::MAX);
        store.put(Items::Spans(vec![span(1, "a"), span(2, "b"), span(3, "c")]));
        let names: Vec<_> = store.spans().iter().map(|span| span.name.clone()).collect();
        assert_eq!(names, ["b", "c"]);
        let counts = store.counts().of(Signal::Traces);
        assert_eq!((counts.arrived, counts.kept, counts.evicted), (3, 2, 1));
    }

    #[test]
    fn the_cap_in_bytes_counts_what_an_item_owns() {
        let store = store(u64::MAX, 10_000);
        store.put(Items::Spans(vec![span(1, &"x".repeat(8_000))]));
        assert_eq!(store.counts().of(Signal::Traces).kept, 1);
        store.put(Items::Spans(vec![span(2, &"y".repeat(8_000))]));
        assert_eq!(store.spans_by_id(SpanId::from_bytes([1; 8])).len(), 0);
        assert!(store.counts().of(Signal::Traces).bytes <= 10_000);
        store.put(Items::Spans(vec![span(3, &"z".repeat(20_000))]));
        assert_eq!(store.counts().of(Signal::Traces).kept, 0, "an item above the cap is not kept either");
        store.clear();
        assert_eq!(store.counts(), Counts::default());
    }

    #[test]
    fn an_item_that_arrives_again_is_there_again_and_a_duplicate() {
        let store = store(10, usize::MAX);
        store.put(Items::Spans(vec![span(1, "a"), span(2, "b")]));
        assert_eq!(store.duplicates(Signal::Traces), []);
        store.put(Items::Spans(vec![span(2, "b")]));
        assert_eq!(store.duplicates(Signal::Traces), [(Identity::of_span(&span(2, "b")), 2)]);
        assert_eq!(store.spans_by_id(SpanId::from_bytes([2; 8])).len(), 2);
    }
}
