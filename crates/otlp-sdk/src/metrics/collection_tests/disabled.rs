//! A provider that is not enabled: nothing is recorded, asked, reported or warned of.

use super::*;

#[test]
fn a_provider_that_is_not_enabled_records_nothing_and_asks_nobody() {
    let rig = Rig::with_config(MetricsConfig { enabled: false, cardinality_limit: 3, ..MetricsConfig::default() });
    let meter = rig.provider.meter("test");
    let counter = meter.u64_counter("counter").init();
    let histogram = meter.f64_histogram("histogram").init();
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    meter
        .u64_observable_gauge("gauge")
        .with_callback(move |observer| {
            count.fetch_add(1, Ordering::Relaxed);
            observer.observe(1, &());
        })
        .init();
    for number in 0..100_u64 {
        counter.add(1, &[("number", number)]);
        counter.bind(&[("number", number)]).add(1);
        histogram.record(1.0, &[("number", number)]);
    }
    assert!(rig.provider.read().is_empty());
    assert!(rig.collect().is_empty());
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert!(rig.warnings.lock().is_empty(), "{:?}", rig.warnings.lock());
}
