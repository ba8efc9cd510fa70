//! [`MetricWriter`]: encodes the points of one instrument as one `Metric` message, or as several if they are many.
//!
//! Points are encoded one after the other into a buffer that all collections share; when it is full, or at the end,
//! one `Metric` goes to the sink: the header and the trailer of the instrument, both encoded once at its creation,
//! around the points. The attributes of a point are copied as they were encoded at the creation of its series.

use otlp_core::{
    data::{Number, Temporality},
    wire::encode::{bytes_len, put_fixed64, put_len, put_string, put_uint},
};

use super::{InstrumentKind, aggregation::Distribution, sink::Sink};

/// The largest `Metric` that is written unless a single point is larger: far below what receivers accept, and small
/// enough to fill batches evenly.
const MAX_METRIC_BYTES: usize = 60 * 1024;

/// Tag and length of the fields around the points, generously.
const ENVELOPE_BYTES: usize = 32;

/// What all `Metric` messages of an instrument have in common.
pub(super) struct MetricFrame {
    /// Name, description and unit.
    header: Box<[u8]>,
    /// The field of `Metric` that the points are in.
    data_field: u32,
    /// What follows the points: temporality and monotonicity.
    trailer: Box<[u8]>,
    /// The bounds of a histogram, as a field of its points.
    bounds: Box<[u8]>,
}

impl MetricFrame {
    /// The frame of an instrument with this name, description and unit.
    pub(super) fn new(texts: [&str; 3], kind: InstrumentKind, temporality: Temporality, bounds: &[f64]) -> Self {
        let (mut header, mut trailer, mut bounds_field) = (Vec::new(), Vec::new(), Vec::new());
        for (field, text) in (1..).zip(texts) {
            put_string(&mut header, field, text);
        }
        let data_field = match kind {
            InstrumentKind::Gauge | InstrumentKind::ObservableGauge => 5,
            InstrumentKind::Histogram => 9,
            _ => 7,
        };
        // A gauge has neither, so nothing is written for it.
        put_uint(&mut trailer, 2, temporality as u64);
        put_uint(&mut trailer, 3, u64::from(kind.is_monotonic()));
        if !bounds.is_empty() {
            put_len(&mut bounds_field, 7, bounds.len() * 8);
            bounds.iter().for_each(|bound| bounds_field.extend_from_slice(&bound.to_le_bytes()));
        }
        MetricFrame {
            header: header.into_boxed_slice(),
            data_field,
            trailer: trailer.into_boxed_slice(),
            bounds: bounds_field.into_boxed_slice(),
        }
    }

    /// The field of a point that its attributes are in.
    pub(super) const fn attributes_field(kind: InstrumentKind) -> u32 {
        match kind {
            InstrumentKind::Histogram => 9,
            _ => 7,
        }
    }
}

/// The time that a point covers, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    /// Zero for a gauge.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Writes the points of one instrument.
pub(super) struct MetricWriter<'a, S: Sink> {
    frame: &'a MetricFrame,
    points: &'a mut Vec<u8>,
    items: u32,
    max_points_bytes: usize,
    sink: &'a mut S,
}

impl<'a, S: Sink> MetricWriter<'a, S> {
    /// A writer to `sink` that uses `points` as its buffer.
    pub(super) fn new(frame: &'a MetricFrame, points: &'a mut Vec<u8>, sink: &'a mut S) -> Self {
        let around = frame.header.len() + frame.trailer.len() + ENVELOPE_BYTES;
        let max_points_bytes = MAX_METRIC_BYTES.min(sink.max_bytes()).saturating_sub(around);
        points.clear();
        MetricWriter { frame, points, items: 0, max_points_bytes, sink }
    }

    /// Writes a `NumberDataPoint`.
    pub(super) fn number(&mut self, attributes: &[u8], interval: Interval, number: Number) {
        // Start, end and value take nine bytes each.
        self.begin_point(attributes, attributes.len() + if interval.start == 0 { 18 } else { 27 }, interval);
        match number {
            Number::F64(value) => put_fixed64(self.points, 4, value.to_bits()),
            Number::I64(value) => put_fixed64(self.points, 6, value as u64),
        }
    }

    /// Writes a `HistogramDataPoint` of `count` values, which is not zero.
    pub(super) fn histogram(&mut self, attributes: &[u8], interval: Interval, count: u64, values: &Distribution) {
        let sum = values.reported_sum();
        let buckets_len = values.buckets.len() * 8;
        let len = attributes.len()
            + bytes_len(6, buckets_len)
            + self.frame.bounds.len()
            // Start, end, count, minimum, maximum and the sum take nine bytes each.
            + if sum.is_some() { 54 } else { 45 };
        self.begin_point(attributes, len, interval);
        put_fixed64(self.points, 4, count);
        if let Some(sum) = sum {
            put_fixed64(self.points, 5, sum.to_bits());
        }
        put_len(self.points, 6, buckets_len);
        values.buckets.iter().for_each(|count| self.points.extend_from_slice(&count.to_le_bytes()));
        self.points.extend_from_slice(&self.frame.bounds);
        put_fixed64(self.points, 11, values.min.to_bits());
        put_fixed64(self.points, 12, values.max.to_bits());
    }

    /// Hands the last points to the sink.
    pub(super) fn finish(mut self) {
        self.close_metric();
    }

    /// Begins a point of `len` bytes, in another metric if this one would become too large.
    fn begin_point(&mut self, attributes: &[u8], len: usize, interval: Interval) {
        if self.points.len() + bytes_len(1, len) > self.max_points_bytes {
            self.close_metric();
        }
        self.items += 1;
        put_len(self.points, 1, len);
        self.points.extend_from_slice(attributes);
        if interval.start != 0 {
            put_fixed64(self.points, 2, interval.start);
        }
        put_fixed64(self.points, 3, interval.end);
    }

    fn close_metric(&mut self) {
        if self.items == 0 {
            return;
        }
        let (frame, points) = (self.frame, &*self.points);
        let data_len = points.len() + frame.trailer.len();
        let metric_len = frame.header.len() + bytes_len(frame.data_field, data_len);
        self.sink.append(self.items, bytes_len(2, metric_len), |out| {
            put_len(out, 2, metric_len);
            out.extend_from_slice(&frame.header);
            put_len(out, frame.data_field, data_len);
            out.extend_from_slice(points);
            out.extend_from_slice(&frame.trailer);
        });
        self.points.clear();
        self.items = 0;
    }
}
