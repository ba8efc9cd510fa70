//! The receiver that the children send to: in the parent, so that it outlives them, and as unreliable as a scenario
//! wants it.

use std::time::Duration;

use otlp_core::{
    Attributes, Value,
    data::{LogData, MetricData, MetricPoints, Number, SpanData},
};
use otlp_receiver::{Fault, FaultMix, GrpcCode, Receiver, StoreCapacity};

use crate::{
    Failure,
    item::{COUNTER, FILLING, Item, NAME, RUN},
};

/// How the backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// It takes everything.
    Clear,
    /// Nobody listens.
    Down,
    /// It says that it is not available to two of three requests.
    Failing,
    /// It answers late.
    Slow,
    /// It takes everything and breaks off one of three answers.
    LosesAnswers,
}

/// The receiver.
pub(crate) struct Backend {
    receiver: Receiver,
    seed: u64,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrival {
    /// A span or a log record, and when the child says that it recorded it, in nanoseconds since the Unix epoch.
    Item(Item, u64),
    /// A point of the counter: the run, and how much it had recorded.
    Count(u32, u64),
    /// Something that no child of this round made, or that was not left as it was made.
    Strange(String),
}

impl Backend {
    /// A receiver on a port that the kernel gives.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(seed: u64) -> Result<Self, Failure> {
        // What arrives is taken out after each run; none may be evicted before.
        let capacity = StoreCapacity { items: 20_000_000, bytes: 4 << 30 };
        Ok(Backend { receiver: Receiver::builder().store_capacity(capacity).start_blocking()?, seed })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.receiver.grpc_endpoint()
    }

    /// Changes the weather. Whatever it was, what has arrived stays.
    ///
    /// # Errors
    /// If the port was lost to another program.
    pub(crate) fn set(&self, weather: Weather) -> Result<(), Failure> {
        let faults = self.receiver.faults();
        faults.clear();
        let sometimes = |chance, fault| FaultMix::new(chance, self.seed, vec![fault]);
        match weather {
            Weather::Clear => {}
            Weather::Failing => faults.inject(sometimes(0.66, Fault::grpc(GrpcCode::Unavailable))),
            Weather::Slow => faults.inject(Fault::delay(Duration::from_millis(40))),
            Weather::LosesAnswers => faults.inject(sometimes(0.33, Fault::lost_acknowledgement())),
            Weather::Down => {
                self.receiver.kill_blocking();
                return Ok(());
            }
        }
        Ok(self.receiver.restart_blocking()?)
    }

    /// Takes out all that has arrived. Nobody is listening afterwards, until the weather changes.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        // Nothing can arrive between the look and the clearing.
        self.receiver.kill_blocking();
        let arrivals = self.look(&mut Looked::default());
        self.receiver.store().clear();
        arrivals
    }

    /// What has arrived since the last look, and stays.
    pub(crate) fn look(&self, looked: &mut Looked) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let store = self.receiver.store();
        store.spans_where(unseen(&mut looked.spans, |span: &SpanData| arrivals.push(of_span(span, self.seed))));
        store.logs_where(unseen(&mut looked.logs, |log: &LogData| arrivals.push(of_log(log, self.seed))));
        store.metrics_where(unseen(&mut looked.metrics, |metric: &MetricData| of_metric(metric, &mut arrivals)));
        arrivals
    }
}

/// How much of what arrived was seen before.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    spans: usize,
    logs: usize,
    metrics: usize,
}

/// A match for a store, which shows all it has, oldest arrival first: hands over what was not `seen` before, and matches
/// nothing.
fn unseen<T>(seen: &mut usize, mut hand_over: impl FnMut(&T)) -> impl FnMut(&T) -> bool {
    let before = std::mem::take(seen);
    move |item| {
        *seen += 1;
        if *seen > before {
            hand_over(item);
        }
        false
    }
}

fn of_span(span: &SpanData, seed: u64) -> Arrival {
    match whole(&span.attributes, seed) {
        Some(item) if span.name == "torture" => Arrival::Item(item, span.end_time),
        _ => Arrival::Strange(format!("{span:?}")),
    }
}

fn of_log(log: &LogData, seed: u64) -> Arrival {
    match whole(&log.attributes, seed) {
        Some(item) if log.body == Value::from("torture") => Arrival::Item(item, log.timestamp),
        _ => Arrival::Strange(format!("{log:?}")),
    }
}

/// The item that these attributes make, if they are exactly what a child gave it.
fn whole(attributes: &Attributes, seed: u64) -> Option<Item> {
    let text = |key| match attributes.get(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let item = Item::of_name(text(NAME)?, seed)?;
    (attributes.len() == 2 && *text(FILLING)? == item.filling(seed)).then_some(item)
}

fn of_metric(metric: &MetricData, arrivals: &mut Vec<Arrival>) {
    let MetricPoints::Sum { points, .. } = &metric.points else {
        return arrivals.push(Arrival::Strange(format!("{metric:?}")));
    };
    for point in points {
        let run = match point.attributes.get(RUN) {
            Some(Value::String(run)) => run.parse().ok(),
            _ => None,
        };
        arrivals.push(match (run, point.value) {
            (Some(run), Some(Number::I64(value))) if metric.name == COUNTER && value >= 0 => {
                Arrival::Count(run, value.unsigned_abs())
            }
            _ => Arrival::Strange(format!("{metric:?}")),
        });
    }
}
