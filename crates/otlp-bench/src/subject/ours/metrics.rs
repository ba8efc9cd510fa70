//! Measurements, bound counters and collections of ours.

use std::ops::Range;

use otlp::{
    ValueRef,
    core::EnhancedOtlpClient,
    metrics::{BoundCounter as OurBoundCounter, Counter, Histogram},
};

use super::{BoundCounter, Producer, flush};
use crate::{
    Failure,
    content::{
        COUNTER, COUNTER_SERIES, HISTOGRAM, METHOD, METHOD_KEY, ROUTE_KEY, SCOPE, STATUS, STATUS_KEY, duration, route,
    },
    stopwatch::Stopwatch,
};

fn counter(client: &EnhancedOtlpClient) -> Counter<u64> {
    client.meter(SCOPE).u64_counter(COUNTER).init()
}

fn histogram(client: &EnhancedOtlpClient) -> Histogram<f64> {
    client.meter(SCOPE).f64_histogram(HISTOGRAM).with_unit("ms").init()
}

#[inline]
fn attributes(route: &str) -> [(&'static str, ValueRef<'_>); 3] {
    [(ROUTE_KEY, ValueRef::Str(route)), (METHOD_KEY, ValueRef::Str(METHOD)), (STATUS_KEY, ValueRef::I64(STATUS))]
}

pub(super) struct Additions {
    counter: Counter<u64>,
    client: EnhancedOtlpClient,
}

impl Additions {
    pub(super) fn new(client: EnhancedOtlpClient) -> Self {
        Additions { counter: counter(&client), client }
    }
}

impl Producer for Additions {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        for index in indices {
            self.counter.add(1, &attributes(route(index)));
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        flush(&self.client)
    }
}

pub(super) struct Recordings {
    histogram: Histogram<f64>,
    client: EnhancedOtlpClient,
}

impl Recordings {
    pub(super) fn new(client: EnhancedOtlpClient) -> Self {
        Recordings { histogram: histogram(&client), client }
    }
}

impl Producer for Recordings {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        for index in indices {
            self.histogram.record(duration(index), &attributes(route(index)));
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        flush(&self.client)
    }
}

pub(super) struct Series {
    counter: Counter<u64>,
    histogram: Histogram<f64>,
    client: EnhancedOtlpClient,
}

impl Series {
    pub(super) fn new(client: EnhancedOtlpClient) -> Self {
        Series { counter: counter(&client), histogram: histogram(&client), client }
    }
}

impl Producer for Series {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        for index in indices {
            let route = format!("/api/resource/{index}");
            if index < COUNTER_SERIES {
                self.counter.add(1, &attributes(&route));
            } else {
                self.histogram.record(duration(index), &attributes(&route));
            }
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        flush(&self.client)
    }
}

pub(super) struct Bound {
    counter: OurBoundCounter<u64>,
    _client: EnhancedOtlpClient,
}

impl Bound {
    pub(super) fn new(client: EnhancedOtlpClient) -> Self {
        Bound { counter: counter(&client).bind(&attributes(route(0))), _client: client }
    }
}

impl BoundCounter for Bound {
    fn add(&self, times: u64) {
        for _ in 0..times {
            self.counter.add(1);
        }
    }
}
