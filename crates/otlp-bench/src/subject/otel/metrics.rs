//! Measurements, bound counters and collections of the peer.

use std::ops::Range;

use opentelemetry::{
    KeyValue,
    metrics::{BoundCounter as PeerBoundCounter, Counter, Histogram, Meter, MeterProvider as _},
};
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use tokio::runtime::Runtime;

use super::{BoundCounter, NEVER, Producer, Protocol, Setup, resource, runtime, until_flushed};
use crate::{
    Failure,
    content::{
        COUNTER, COUNTER_SERIES, HISTOGRAM, METHOD, METHOD_KEY, ROUTE_KEY, SCOPE, STATUS, STATUS_KEY, duration, route,
    },
    stopwatch::Stopwatch,
};

struct Pipeline {
    meter: Meter,
    provider: SdkMeterProvider,
    _runtime: Runtime,
}

impl Pipeline {
    fn new(protocol: Protocol, setup: &Setup) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let url = format!("http://{}", setup.receiver);
        let exporter = match protocol {
            Protocol::Grpc => {
                let _guard = runtime.enter();
                MetricExporter::builder().with_tonic().with_endpoint(url).build()?
            }
            Protocol::Http => MetricExporter::builder().with_http().with_endpoint(url + "/v1/metrics").build()?,
        };
        // Its limit of 2,000 series would fold most of the collection workload into one.
        let unlimited =
            |_: &Instrument| Stream::builder().with_cardinality_limit(2 * COUNTER_SERIES as usize).build().ok();
        let provider = SdkMeterProvider::builder()
            .with_reader(PeriodicReader::builder(exporter).with_interval(NEVER).build())
            .with_resource(resource())
            .with_view(unlimited)
            .build();
        Ok(Pipeline { meter: provider.meter(SCOPE), provider, _runtime: runtime })
    }

    fn counter(&self) -> Counter<u64> {
        self.meter.u64_counter(COUNTER).build()
    }

    fn histogram(&self) -> Histogram<f64> {
        self.meter.f64_histogram(HISTOGRAM).with_unit("ms").build()
    }

    fn flush(&self) -> Result<(), Failure> {
        until_flushed(|| self.provider.force_flush())
    }
}

#[inline]
fn attributes(index: u64) -> [KeyValue; 3] {
    [KeyValue::new(ROUTE_KEY, route(index)), KeyValue::new(METHOD_KEY, METHOD), KeyValue::new(STATUS_KEY, STATUS)]
}

pub(super) struct Additions {
    counter: Counter<u64>,
    pipeline: Pipeline,
}

impl Additions {
    pub(super) fn new(protocol: Protocol, setup: &Setup) -> Result<Self, Failure> {
        let pipeline = Pipeline::new(protocol, setup)?;
        Ok(Additions { counter: pipeline.counter(), pipeline })
    }
}

impl Producer for Additions {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        for index in indices {
            self.counter.add(1, &attributes(index));
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.pipeline.flush()
    }
}

pub(super) struct Recordings {
    histogram: Histogram<f64>,
    pipeline: Pipeline,
}

impl Recordings {
    pub(super) fn new(protocol: Protocol, setup: &Setup) -> Result<Self, Failure> {
        let pipeline = Pipeline::new(protocol, setup)?;
        Ok(Recordings { histogram: pipeline.histogram(), pipeline })
    }
}

impl Producer for Recordings {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        for index in indices {
            self.histogram.record(duration(index), &attributes(index));
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.pipeline.flush()
    }
}

pub(super) struct Series {
    counter: Counter<u64>,
    histogram: Histogram<f64>,
    pipeline: Pipeline,
}

impl Series {
    pub(super) fn new(protocol: Protocol, setup: &Setup) -> Result<Self, Failure> {
        let pipeline = Pipeline::new(protocol, setup)?;
        Ok(Series { counter: pipeline.counter(), histogram: pipeline.histogram(), pipeline })
    }
}

impl Producer for Series {
    fn produce(&mut self, indices: Range<u64>, _: &mut Stopwatch) {
        for index in indices {
            let attributes = [
                KeyValue::new(ROUTE_KEY, format!("/api/resource/{index}")),
                KeyValue::new(METHOD_KEY, METHOD),
                KeyValue::new(STATUS_KEY, STATUS),
            ];
            if index < COUNTER_SERIES {
                self.counter.add(1, &attributes);
            } else {
                self.histogram.record(duration(index), &attributes);
            }
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.pipeline.flush()
    }
}

pub(super) struct Bound {
    counter: PeerBoundCounter<u64>,
    _pipeline: Pipeline,
}

impl Bound {
    pub(super) fn new(setup: &Setup) -> Result<Self, Failure> {
        let pipeline = Pipeline::new(Protocol::Grpc, setup)?;
        Ok(Bound { counter: pipeline.counter().bind(&attributes(0)), _pipeline: pipeline })
    }
}

impl BoundCounter for Bound {
    fn add(&self, times: u64) {
        for _ in 0..times {
            self.counter.add(1);
        }
    }
}
