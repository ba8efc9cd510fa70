//! A counter and a histogram in two locked maps, encoded by hand when collected.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ops::Range,
    sync::{Mutex, PoisonError},
};

use super::{Chunks, Kind, Producer, now, wire};
use crate::{
    Failure,
    content::{COUNTER, COUNTER_SERIES, HISTOGRAM, METHOD, METHOD_KEY, ROUTE_KEY, STATUS, STATUS_KEY, duration, route},
    stopwatch::Stopwatch,
};

/// The bounds that the OpenTelemetry specification gives a histogram by default.
const BOUNDS: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0, 7_500.0, 10_000.0];

pub(super) struct Measurements {
    kind: Kind,
    chunks: Chunks,
    start: u64,
    counters: Mutex<Map<Count>>,
    histograms: Mutex<Map<Distribution>>,
}

/// Keyed by a hash of 64 bits of the attributes; that two sets share one is a risk that a floor takes.
type Map<T> = HashMap<u64, T, BuildHasherDefault<IsHash>>;

struct Count {
    attributes: Attributes,
    sum: u64,
}

struct Distribution {
    attributes: Attributes,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    buckets: [u64; BOUNDS.len() + 1],
}

struct Attributes {
    route: String,
    method: String,
    status: i64,
}

impl Measurements {
    pub(super) fn new(kind: Kind, chunks: Chunks) -> Self {
        Measurements { kind, chunks, start: now(), counters: Mutex::default(), histograms: Mutex::default() }
    }

    #[inline]
    fn add(&self, value: u64, route: &str, method: &str, status: i64) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters
            .entry(hash(route, method, status))
            .or_insert_with(|| Count { attributes: Attributes::new(route, method, status), sum: 0 })
            .sum += value;
    }

    #[inline]
    fn record(&self, value: f64, route: &str, method: &str, status: i64) {
        let mut histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let of_attributes = histograms.entry(hash(route, method, status)).or_insert_with(|| Distribution {
            attributes: Attributes::new(route, method, status),
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            buckets: [0; BOUNDS.len() + 1],
        });
        of_attributes.count += 1;
        of_attributes.sum += value;
        of_attributes.min = of_attributes.min.min(value);
        of_attributes.max = of_attributes.max.max(value);
        of_attributes.buckets[BOUNDS.iter().filter(|&&bound| bound < value).count()] += 1;
    }

    fn collect(&self, out: &mut Vec<u8>) {
        let time = now();
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        if !counters.is_empty() {
            wire::nested::<4>(out, 0x12, |out| {
                wire::bytes(out, 0x0a, COUNTER.as_bytes());
                wire::nested::<4>(out, 0x3a, |out| {
                    counters.values().for_each(|count| count.encode(out, self.start, time));
                    // Cumulative, monotonic.
                    out.extend_from_slice(&[0x10, 2, 0x18, 1]);
                });
            });
        }
        if !histograms.is_empty() {
            wire::nested::<4>(out, 0x12, |out| {
                wire::bytes(out, 0x0a, HISTOGRAM.as_bytes());
                wire::bytes(out, 0x1a, b"ms");
                wire::nested::<4>(out, 0x4a, |out| {
                    histograms.values().for_each(|distribution| distribution.encode(out, self.start, time));
                    out.extend_from_slice(&[0x10, 2]);
                });
            });
        }
    }
}

impl Producer for Measurements {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        match self.kind {
            Kind::Recordings => {
                for index in indices {
                    self.record(duration(index), route(index), METHOD, STATUS);
                }
            }
            Kind::Series => {
                for index in indices {
                    let route = format!("/api/resource/{index}");
                    if index < COUNTER_SERIES {
                        self.add(1, &route, METHOD, STATUS);
                    } else {
                        self.record(duration(index), &route, METHOD, STATUS);
                    }
                }
            }
            _ => {
                for index in indices {
                    self.add(1, route(index), METHOD, STATUS);
                }
            }
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let mut items = std::mem::take(&mut self.chunks.open);
        self.collect(&mut items);
        self.chunks.open = items;
        self.chunks.flush()
    }
}

impl Attributes {
    fn new(route: &str, method: &str, status: i64) -> Self {
        Attributes { route: route.to_owned(), method: method.to_owned(), status }
    }

    fn encode(&self, out: &mut Vec<u8>, tag: wire::Tag) {
        wire::text_attribute(out, tag, ROUTE_KEY, &self.route);
        wire::text_attribute(out, tag, METHOD_KEY, &self.method);
        wire::int_attribute(out, tag, STATUS_KEY, self.status);
    }
}

impl Count {
    fn encode(&self, out: &mut Vec<u8>, start: u64, time: u64) {
        wire::nested::<2>(out, 0x0a, |out| {
            wire::fixed64(out, 0x11, start);
            wire::fixed64(out, 0x19, time);
            wire::fixed64(out, 0x31, self.sum);
            self.attributes.encode(out, 0x3a);
        });
    }
}

impl Distribution {
    fn encode(&self, out: &mut Vec<u8>, start: u64, time: u64) {
        wire::nested::<2>(out, 0x0a, |out| {
            wire::fixed64(out, 0x11, start);
            wire::fixed64(out, 0x19, time);
            wire::fixed64(out, 0x21, self.count);
            wire::fixed64(out, 0x29, self.sum.to_bits());
            wire::nested::<2>(out, 0x32, |out| {
                self.buckets.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
            });
            wire::nested::<1>(out, 0x3a, |out| {
                BOUNDS.iter().for_each(|bound| out.extend_from_slice(&bound.to_le_bytes()));
            });
            self.attributes.encode(out, 0x4a);
            wire::fixed64(out, 0x59, self.min.to_bits());
            wire::fixed64(out, 0x61, self.max.to_bits());
        });
    }
}

/// Mixes the attributes, eight bytes at a time.
#[inline]
fn hash(route: &str, method: &str, status: i64) -> u64 {
    let mut hash = status as u64;
    for text in [ROUTE_KEY, route, METHOD_KEY, method, STATUS_KEY] {
        let mut words = text.as_bytes().chunks_exact(8);
        for word in &mut words {
            // `chunks_exact` gives eight bytes.
            hash = mix(hash, u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let mut tail = [0; 8];
        tail[..words.remainder().len()].copy_from_slice(words.remainder());
        hash = mix(hash, u64::from_le_bytes(tail) ^ (text.len() as u64) << 56);
    }
    hash
}

#[inline]
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (product as u64 ^ (product >> 64) as u64).rotate_left(23).wrapping_add(0x9e37_79b9_7f4a_7c15)
}

/// The key of the maps is a hash already.
#[derive(Default)]
struct IsHash(u64);

impl Hasher for IsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0 << 8 | u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::floor::sender::Sender;
    use opentelemetry_proto::tonic::metrics::v1::{ScopeMetrics, metric::Data, number_data_point::Value};
    use prost::Message;

    #[test]
    fn the_official_types_read_what_was_measured() {
        let sender = Sender::new(Kind::Series, "127.0.0.1:1").unwrap();
        let mut measurements = Measurements::new(Kind::Additions, Chunks { open: Vec::new(), sender });
        measurements.produce(0..24, &mut Stopwatch::off());
        measurements.kind = Kind::Recordings;
        measurements.produce(0..3, &mut Stopwatch::off());
        let mut out = Vec::new();
        measurements.collect(&mut out);
        let metrics = ScopeMetrics::decode(&out[..]).unwrap().metrics;
        let (Some(Data::Sum(sum)), Some(Data::Histogram(histogram))) = (&metrics[0].data, &metrics[1].data) else {
            panic!("{metrics:?}");
        };
        assert_eq!((sum.data_points.len(), sum.aggregation_temporality, sum.is_monotonic), (8, 2, true));
        assert!(
            sum.data_points.iter().all(|point| point.value == Some(Value::AsInt(3)) && point.attributes.len() == 3)
        );
        assert_eq!(histogram.data_points.len(), 3);
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.explicit_bounds.len()), (1, 15));
        assert_eq!(
            (point.bucket_counts.len(), point.bucket_counts.iter().sum::<u64>(), point.bucket_counts[1]),
            (16, 1, 1)
        );
        assert_eq!((point.min, point.max), (point.sum, point.sum));
    }
}
