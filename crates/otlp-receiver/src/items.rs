//! The items of one request, decoded or merely counted, between the wire and the store.
//!
//! OTLP counts data points, not metrics: whatever counts or splits here does so by points.

use otlp_core::{
    Signal,
    data::{LogData, MetricData, MetricPoints, SpanData},
};

use crate::Identity;

#[derive(Debug)]
pub(crate) enum Items {
    Spans(Vec<SpanData>),
    Metrics(Vec<MetricData>),
    Logs(Vec<LogData>),
    /// So many, undecoded.
    Counted(Signal, u64),
}

impl Items {
    pub(crate) fn signal(&self) -> Signal {
        match self {
            Items::Spans(_) => Signal::Traces,
            Items::Metrics(_) => Signal::Metrics,
            Items::Logs(_) => Signal::Logs,
            Items::Counted(signal, _) => *signal,
        }
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Items::Spans(spans) => spans.len() as u64,
            Items::Metrics(metrics) => metrics.iter().map(|metric| metric.point_count() as u64).sum(),
            Items::Logs(logs) => logs.len() as u64,
            Items::Counted(_, count) => *count,
        }
    }

    /// One identity per item, in order; none if the items were merely counted.
    pub(crate) fn identities(&self) -> Vec<Identity> {
        match self {
            Items::Spans(spans) => spans.iter().map(Identity::of_span).collect(),
            Items::Metrics(metrics) => metrics.iter().flat_map(Identity::of_points).collect(),
            Items::Logs(logs) => logs.iter().map(Identity::of_log).collect(),
            Items::Counted(..) => Vec::new(),
        }
    }

    /// Takes the items out that `chosen` names by their index in the request: what stays, and what was taken.
    pub(crate) fn split(self, mut chosen: impl FnMut(u64) -> bool) -> (Items, Items) {
        let mut index = 0;
        let mut next = || {
            index += 1;
            chosen(index - 1)
        };
        match self {
            Items::Spans(spans) => {
                let (taken, kept) = spans.into_iter().partition(|_| next());
                (Items::Spans(kept), Items::Spans(taken))
            }
            Items::Logs(logs) => {
                let (taken, kept) = logs.into_iter().partition(|_| next());
                (Items::Logs(kept), Items::Logs(taken))
            }
            Items::Metrics(metrics) => {
                let (mut kept, mut taken) = (Vec::new(), Vec::new());
                for mut metric in metrics {
                    let points = take_points(&mut metric.points, &mut next);
                    let of_taken = MetricData { points, ..metric.clone_without_points() };
                    kept.extend(Some(metric).filter(|metric| metric.point_count() > 0));
                    taken.extend(Some(of_taken).filter(|metric| metric.point_count() > 0));
                }
                (Items::Metrics(kept), Items::Metrics(taken))
            }
            Items::Counted(signal, count) => {
                let taken = (0..count).filter(|_| next()).count() as u64;
                (Items::Counted(signal, count - taken), Items::Counted(signal, taken))
            }
        }
    }
}

trait CloneWithoutPoints {
    fn clone_without_points(&self) -> Self;
}

impl CloneWithoutPoints for MetricData {
    fn clone_without_points(&self) -> Self {
        MetricData {
            name: self.name.clone(),
            description: self.description.clone(),
            unit: self.unit.clone(),
            metadata: self.metadata.clone(),
            points: MetricPoints::Empty,
            resource: self.resource.clone(),
            scope: self.scope.clone(),
        }
    }
}

/// Moves the points for which `chosen` holds out of `from`, into points of the same type.
fn take_points(from: &mut MetricPoints, chosen: &mut impl FnMut() -> bool) -> MetricPoints {
    match from {
        MetricPoints::Empty => MetricPoints::Empty,
        MetricPoints::Gauge { points } => MetricPoints::Gauge { points: take(points, chosen) },
        MetricPoints::Sum { points, temporality, monotonic } => {
            MetricPoints::Sum { points: take(points, chosen), temporality: *temporality, monotonic: *monotonic }
        }
        MetricPoints::Histogram { points, temporality } => {
            MetricPoints::Histogram { points: take(points, chosen), temporality: *temporality }
        }
        MetricPoints::ExponentialHistogram { points, temporality } => {
            MetricPoints::ExponentialHistogram { points: take(points, chosen), temporality: *temporality }
        }
        MetricPoints::Summary { points } => MetricPoints::Summary { points: take(points, chosen) },
    }
}

fn take<T>(points: &mut Vec<T>, chosen: &mut impl FnMut() -> bool) -> Vec<T> {
    let (taken, kept) = std::mem::take(points).into_iter().partition(|_| chosen());
    *points = kept;
    taken
}

#[cfg(test)]
mod tests {
    use otlp_core::data::NumberPoint;

    use super::*;

    fn gauge(name: &str, points: u64) -> MetricData {
        let points = (0..points).map(|time| NumberPoint { time, ..NumberPoint::default() }).collect();
        MetricData { name: name.into(), points: MetricPoints::Gauge { points }, ..MetricData::default() }
    }

    #[test]
    fn metrics_are_counted_and_split_by_points() {
        let items = Items::Metrics(vec![gauge("a", 3), gauge("b", 2)]);
        assert_eq!(items.count(), 5);
        let (kept, taken) = items.split(|index| index == 1 || index >= 3);
        assert_eq!((kept.count(), taken.count()), (2, 3));
        let Items::Metrics(taken) = taken else { panic!("a signal changed") };
        assert_eq!(taken.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let Items::Metrics(kept) = kept else { panic!("a signal changed") };
        assert_eq!(kept.len(), 1, "a metric that lost all points is not kept");
    }
}
