//! Observers put together, and the ready-made ones against a real subscriber and a real recorder.

use std::time::Duration;

use otlp_reliability::{CircuitState, Event, GiveUp, Health, Observer, Rejection};

use crate::Record;

const SECOND: Duration = Duration::from_secs(1);

/// One event of each kind.
const EACH: [Event; 14] = [
    Event::Settled { attempts: 3 },
    Event::AttemptFailed { attempt: 2 },
    Event::Retrying { attempt: 3, delay: SECOND },
    Event::GaveUp { attempts: 3, reason: GiveUp::MaxAttempts },
    Event::TimedOut { after: SECOND },
    Event::Rejected(Rejection::Full),
    Event::StateChanged { from: CircuitState::Closed, to: CircuitState::Open },
    Event::LimitChanged { from: 10, to: 20 },
    Event::Hedged { attempt: 2 },
    Event::FellBack,
    Event::HealthChanged { from: Health::Healthy, to: Health::Unhealthy },
    Event::Ejected { duration: SECOND },
    Event::Restored,
    Event::Reloaded,
];

#[test]
fn two_observers_both_hear_every_event_and_one_that_was_left_out_hears_none() {
    let (left, right) = (Record::default(), Record::default());
    let observer = (left.clone(), (None::<Record>, Some(right.clone())));
    for event in EACH {
        observer.on_event(event);
    }
    assert_eq!(left.events(), EACH);
    assert_eq!(right.events(), EACH);
}

#[test]
fn each_event_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = EACH.iter().map(Event::name).collect();
    assert_eq!(names.len(), EACH.len());
}

#[cfg(feature = "tracing")]
mod tracing_observer {
    use std::{
        fmt,
        sync::{Arc, Mutex},
    };

    use otlp_reliability::{Policy, RetryPolicy, Timeout, TracingObserver};
    use tracing::{Level, Subscriber, field::Visit};
    use tracing_subscriber::{Layer, layer::Context, prelude::*};

    use super::*;

    /// Keeps each event as its level, target and fields.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields(event.metadata().target().to_owned());
            event.record(&mut fields);
            self.0.lock().unwrap().push((*event.metadata().level(), fields.0));
        }
    }

    struct Fields(String);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }

    fn written(write: impl FnOnce()) -> Vec<(Level, String)> {
        let lines = Lines::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), write);
        std::mem::take(&mut *lines.0.lock().unwrap())
    }

    #[test]
    fn each_event_is_written_at_its_level_with_its_details_as_fields() {
        let observer = TracingObserver::new("payments");
        let lines = written(|| EACH.into_iter().for_each(|event| observer.on_event(event)));
        let line = |level, rest: &str| {
            let (message, fields) = rest.split_once(':').unwrap();
            (level, format!("reliability message={message} policy=\"payments\"{fields}"))
        };
        assert_eq!(
            lines,
            [
                line(Level::TRACE, "settled: attempts=3"),
                line(Level::DEBUG, "attempt failed: attempt=2"),
                line(Level::DEBUG, "next attempt after a wait: attempt=3 delay=1s"),
                line(Level::WARN, "gave up: attempts=3 reason=MaxAttempts"),
                line(Level::WARN, "timed out: after=1s"),
                line(Level::INFO, "rejected: rejection=too many calls at once"),
                line(Level::WARN, "circuit opened: from=Closed to=Open"),
                line(Level::DEBUG, "limit changed: from=10 to=20"),
                line(Level::DEBUG, "another attempt beside: attempt=2"),
                line(Level::INFO, "fell back:"),
                line(Level::WARN, "health changed: from=Healthy to=Unhealthy"),
                line(Level::WARN, "ejected: duration=1s"),
                line(Level::INFO, "restored:"),
                line(Level::INFO, "reloaded:"),
            ]
        );
    }

    #[test]
    fn a_circuit_that_closes_and_a_dependency_that_recovers_are_no_warnings() {
        let observer = TracingObserver::new("payments");
        let lines = written(|| {
            observer.on_event(Event::StateChanged { from: CircuitState::HalfOpen, to: CircuitState::Closed });
            observer.on_event(Event::HealthChanged { from: Health::Unhealthy, to: Health::Healthy });
        });
        assert!(lines.iter().all(|(level, _)| *level == Level::INFO), "{lines:?}");
    }

    #[test]
    fn policies_put_together_write_under_names_of_their_own() {
        let retry = RetryPolicy::constant(Duration::ZERO).build().unwrap();
        let policy = (
            retry.with_observer(TracingObserver::new("payments.retry")),
            Timeout::new(Duration::ZERO).with_observer(TracingObserver::new("payments.attempt")),
        );
        let lines = written(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let result: Result<(), crate::Failure> = runtime.unwrap().block_on(policy.run(std::future::pending));
            assert!(result.is_err());
        });
        let count = |policy: &str| lines.iter().filter(|(_, line)| line.contains(policy)).count();
        assert_eq!(count("policy=\"payments.attempt\""), 3, "one for each attempt: {lines:?}");
        assert_eq!(count("policy=\"payments.retry\""), 6, "three failures, two waits, one end: {lines:?}");
    }
}

#[cfg(feature = "metrics")]
mod metrics_observer {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering},
    };

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use otlp_reliability::MetricsObserver;

    use super::*;

    /// Keeps the cell behind each figure, and how often each was asked for.
    #[derive(Default)]
    struct Figures {
        counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
        gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
        registered: AtomicU64,
    }

    impl Figures {
        fn cell(&self, cells: &Mutex<BTreeMap<String, Arc<AtomicU64>>>, key: &Key) -> Arc<AtomicU64> {
            self.registered.fetch_add(1, Ordering::Relaxed);
            let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let name = format!("{}{{{}}}", key.name(), labels.join(","));
            Arc::clone(cells.lock().unwrap().entry(name).or_default())
        }

        fn counter(&self, name: &str) -> Option<u64> {
            self.counters.lock().unwrap().get(name).map(|cell| cell.load(Ordering::Relaxed))
        }

        fn gauge(&self, name: &str) -> Option<f64> {
            self.gauges.lock().unwrap().get(name).map(|cell| f64::from_bits(cell.load(Ordering::Relaxed)))
        }
    }

    impl Recorder for Figures {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.cell(&self.counters, key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.cell(&self.gauges, key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn each_event_is_counted_under_its_name_and_figures_appear_with_their_first_event() {
        let figures = Figures::default();
        metrics::with_local_recorder(&figures, || {
            let observer = MetricsObserver::new("payments");
            assert_eq!(figures.registered.load(Ordering::Relaxed), 0);
            for event in EACH {
                observer.on_event(event);
                observer.clone().on_event(event);
            }
        });
        for event in EACH {
            let name = format!("reliability_events_total{{policy=payments,event={}}}", event.name());
            assert_eq!(figures.counter(&name), Some(2), "{name}");
        }
        assert_eq!(figures.counter("reliability_rejections_total{policy=payments,reason=full}"), Some(2));
        // 14 events, one reason, two circuit states, one limit, two states of health: each asked for once.
        assert_eq!(figures.registered.load(Ordering::Relaxed), 20);
    }

    #[test]
    fn gauges_show_the_state_that_holds() {
        let figures = Figures::default();
        metrics::with_local_recorder(&figures, || {
            let observer = MetricsObserver::new("payments");
            observer.on_event(Event::StateChanged { from: CircuitState::Closed, to: CircuitState::Open });
            observer.on_event(Event::StateChanged { from: CircuitState::Open, to: CircuitState::HalfOpen });
            observer.on_event(Event::LimitChanged { from: 10, to: 20 });
            observer.on_event(Event::LimitChanged { from: 20, to: 15 });
            observer.on_event(Event::HealthChanged { from: Health::Unknown, to: Health::Degraded });
        });
        let circuit =
            |state: &str| figures.gauge(&format!("reliability_circuit_state{{policy=payments,state={state}}}"));
        assert_eq!([circuit("closed"), circuit("open"), circuit("half_open")], [Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(circuit("isolated"), None);
        assert_eq!(figures.gauge("reliability_concurrency_limit{policy=payments}"), Some(15.0));
        assert_eq!(figures.gauge("reliability_health{policy=payments,state=degraded}"), Some(1.0));
        assert_eq!(figures.gauge("reliability_health{policy=payments,state=unknown}"), Some(0.0));
    }
}
