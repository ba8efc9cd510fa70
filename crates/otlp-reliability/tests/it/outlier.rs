//! Outlier ejection on clocks: paused time, a clock that goes back, many threads, observers.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use otlp_reliability::{Clock, Endpoint, Event, OutlierDetector, OutlierDetectorConfig, TokioClock, Verdict};
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

fn detector() -> OutlierDetector<&'static str> {
    OutlierDetectorConfig::new().with_consecutive_failures(3).build().unwrap()
}

fn fail<K: Clock>(endpoint: &Endpoint<&'static str, K>) {
    for _ in 0..3 {
        endpoint.record(Verdict::Failure);
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_paused_time_ends_an_ejection() {
    let detector = detector();
    let ids = ["a", "b", "c"];
    detector.set_endpoints(ids);
    let a = detector.endpoint("a");
    fail(&a);
    assert!(a.is_ejected() && detector.is_ejected(&"a"));
    assert_eq!(detector.healthy(&ids), [&"b", &"c"]);
    advance(29 * SECOND).await;
    let snapshot = detector.snapshot();
    let of_a = snapshot.endpoints.iter().find(|endpoint| endpoint.id == "a").unwrap();
    assert_eq!(of_a.ejected_for, Some(SECOND));
    advance(SECOND).await;
    assert!(!a.is_ejected());
    assert_eq!(detector.healthy(&ids), [&"a", &"b", &"c"]);
}

#[tokio::test(start_paused = true)]
async fn observers_hear_of_each_ejection_and_return() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let record = heard.clone();
    let detector = detector().with_observer(move |endpoint: &&'static str, event: Event| {
        record.lock().unwrap().push((*endpoint, event));
    });
    let [a, b] = ["a", "b"].map(|id| detector.endpoint(id));
    fail(&a);
    fail(&b);
    advance(30 * SECOND).await;
    assert!(!b.is_ejected(), "never all");
    let ejected = Event::Ejected { duration: 30 * SECOND };
    assert_eq!(*heard.lock().unwrap(), [("a", ejected), ("a", Event::Restored)]);
    assert_eq!(detector.snapshot().prevented, 1);
}

#[tokio::test(start_paused = true)]
async fn endpoints_come_and_go_and_only_the_known_are_remembered() {
    let detector = detector();
    detector.set_endpoints(["a", "b", "c"]);
    let a = detector.endpoint("a");
    fail(&a);
    detector.set_endpoints(["a", "b"]);
    assert!(a.is_ejected(), "what is known stays");
    detector.set_endpoints(["b", "d"]);
    assert!(!a.is_ejected());
    fail(&a);
    detector.record(&"a", Verdict::Failure);
    assert!(!detector.is_ejected(&"a"));
    let mut known: Vec<_> = detector.snapshot().endpoints.into_iter().map(|endpoint| endpoint.id).collect();
    known.sort_unstable();
    assert_eq!(known, ["b", "d"]);
    assert!(detector.remove(&"d"));
    for _ in 0..3 {
        detector.record(&"b", Verdict::Failure);
    }
    assert!(!detector.is_ejected(&"b"), "the last one stays");
}

/// A clock that a test sets.
struct Set(Mutex<Instant>);

impl Clock for Set {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        TokioClock.sleep(duration)
    }
}

#[test]
fn pitfall_16_a_clock_that_goes_back_lets_no_time_pass() {
    let start = Instant::now() + 3600 * SECOND;
    let clock = Arc::new(Set(Mutex::new(start)));
    let detector = detector().with_clock(clock.clone());
    let [a, b] = ["a", "b"].map(|id| detector.endpoint(id));
    fail(&a);
    *clock.0.lock().unwrap() = start - 3000 * SECOND;
    assert!(a.is_ejected());
    fail(&b);
    assert_eq!(detector.snapshot().endpoints.len(), 2);
    *clock.0.lock().unwrap() = start + 30 * SECOND;
    assert!(!a.is_ejected());
}

#[test]
fn many_threads_eject_no_more_than_may_be() {
    let detector = OutlierDetectorConfig::new().with_consecutive_failures(2).build().unwrap();
    let endpoints: Vec<_> = (0..8).map(|id| detector.endpoint(id)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for endpoint in endpoints.iter().cycle().take(800) {
                    endpoint.record(Verdict::Failure);
                }
            });
        }
    });
    assert_eq!(endpoints.iter().filter(|endpoint| endpoint.is_ejected()).count(), 4);
    assert_eq!(detector.snapshot().ejections, 4);
}

#[tokio::test(start_paused = true)]
async fn other_settings_take_effect_at_once_and_keep_what_is_known() {
    let detector = detector();
    let [a, b, _c, _d] = ["a", "b", "c", "d"].map(|id| detector.endpoint(id));
    fail(&a);
    let stricter = detector.config().with_consecutive_failures(1).with_base_ejection_time(5 * SECOND);
    detector.reload(stricter.clone()).unwrap();
    assert!(a.is_ejected());
    b.record(Verdict::Failure);
    assert!(b.is_ejected());
    advance(5 * SECOND).await;
    assert!(a.is_ejected() && !b.is_ejected());
    assert!(detector.reload(stricter.clone().with_interval(Duration::ZERO)).is_err());
    assert_eq!(detector.config(), stricter);
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn a_snapshot_is_data() {
    let detector = detector();
    let [a, _b] = ["a", "b"].map(|id| detector.endpoint(id));
    fail(&a);
    let snapshot = serde_json::to_value(detector.snapshot()).unwrap();
    assert_eq!(snapshot["ejections"], 1);
    assert_eq!(snapshot["endpoints"].as_array().unwrap().len(), 2);
}
