//! The metrics of a shop: counters, histograms and gauges with attributes, a bound counter for the hot path, a gauge that
//! is asked for its value, and the aggregates read back in the program itself.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use otlp::{
    Value,
    core::EnhancedOtlpClient,
    data::{MetricData, MetricPoints, Number, Temporality},
    metrics::{AtomicF64, Counter, Gauge, Histogram, Meter, Unit},
};
use otlp_receiver::Receiver;

/// The instruments of the shop, made once.
struct ShopMetrics {
    logins: Counter<u64>,
    transactions: Counter<u64>,
    amount: Histogram<f64>,
    requests: Counter<u64>,
    response_time: Histogram<f64>,
    health: Gauge<f64>,
    active_users: Gauge<u64>,
    total_transactions: AtomicU64,
    total_revenue: AtomicF64,
}

/// What the shop knows of itself without asking any backend.
#[derive(Debug)]
struct Aggregated {
    transactions: u64,
    revenue: f64,
    /// `None` while there is no transaction: never a division by zero.
    average: Option<f64>,
}

impl ShopMetrics {
    fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, description: &'static str| {
            meter.u64_counter(name).with_description(description).with_unit(Unit::new("1")).init()
        };
        ShopMetrics {
            logins: counter("user_actions_total", "What users did"),
            transactions: counter("transactions_total", "Payments taken"),
            requests: counter("api_requests_total", "Calls of the interface"),
            amount: meter
                .f64_histogram("transaction_amount")
                .with_description("How much was paid")
                .with_unit(Unit::new("USD"))
                .init(),
            response_time: meter
                .f64_histogram("api_response_time_seconds")
                .with_description("From request to answer")
                .with_unit(Unit::new("s"))
                .init(),
            health: meter.f64_gauge("system_health_score").with_unit(Unit::new("1")).init(),
            active_users: meter.u64_gauge("active_users").with_unit(Unit::new("1")).init(),
            total_transactions: AtomicU64::new(0),
            total_revenue: AtomicF64::new(0.0),
        }
    }

    fn login(&self, platform: &str) {
        let mut attributes = HashMap::new();
        attributes.insert("action".to_string(), "login".into());
        attributes.insert("platform".to_string(), platform.into());
        self.logins.add(1, &attributes);
        self.active_users.record(100 + fastrand::u64(0..50), &attributes);
    }

    fn payment(&self, amount: f64, method: &'static str) {
        let attributes = [("method", method), ("currency", "USD")];
        self.transactions.add(1, &attributes);
        self.amount.record(amount, &attributes);
        self.total_transactions.fetch_add(1, Ordering::Relaxed);
        self.total_revenue.fetch_add(amount, Ordering::Relaxed);
    }

    fn call(&self, endpoint: &str, status: u16, took: Duration) {
        let attributes =
            [("endpoint", Value::from(endpoint.to_owned())), ("status_code", Value::from(i64::from(status)))];
        self.requests.add(1, &attributes);
        self.response_time.record(took.as_secs_f64(), &attributes);
    }

    fn aggregated(&self) -> Aggregated {
        let transactions = self.total_transactions.load(Ordering::Relaxed);
        let revenue = self.total_revenue.load(Ordering::Relaxed);
        let average = (transactions > 0).then(|| revenue / transactions as f64);
        Aggregated { transactions, revenue, average }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start().await?;
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.grpc_endpoint())
        .with_grpc_transport()
        .with_service_name("advanced-metrics-demo")
        .build()
        .await?;
    let meter = client.meter("shop");
    let shop = ShopMetrics::new(&meter);
    println!("before the first payment: {:?}", shop.aggregated());

    // Asked once per collection: nothing is counted at the call site.
    let stock = Arc::new(AtomicU64::new(500));
    let left = Arc::clone(&stock);
    let _stock = meter
        .u64_observable_gauge("stock_items")
        .with_callback(move |observer| observer.observe(left.load(Ordering::Relaxed), &[("warehouse", "north")]))
        .init();
    // Bound to its attributes: as cheap as an atomic add.
    let cache_hits = meter.u64_counter("cache_hits_total").init().bind(&[("cache", "prices")]);

    for number in 0..100_u32 {
        shop.login(if number % 2 == 0 { "web" } else { "app" });
        shop.payment(150.0 + f64::from(number), "credit_card");
        shop.call(
            "/api/users",
            if number % 20 == 0 { 503 } else { 200 },
            Duration::from_millis(50 + u64::from(number)),
        );
        if number % 10 == 0 {
            shop.health.record(0.8 + f64::from(number) * 0.001, &[("component", "overall")]);
        }
        stock.fetch_sub(1, Ordering::Relaxed);
        cache_hits.add(3);
    }

    let here = shop.aggregated();
    println!("counted by the program: {here:?}");
    assert_eq!((here.transactions, here.revenue, here.average), (100, 19_950.0, Some(199.5)));
    // The same from the client's own aggregation, without a backend.
    let read_back = client.read_metrics();
    assert_eq!(sum_of(named(&read_back, "transactions_total")?), 100.0);

    let report = client.shutdown(Duration::from_secs(5)).await;
    print!("{report}");

    let arrived: Vec<MetricData> = receiver.store().metrics().iter().map(|metric| (**metric).clone()).collect();
    for metric in &arrived {
        println!("{:<28} {:<4} {:?}", metric.name, metric.unit, metric.points);
    }
    for (name, sum) in [("user_actions_total", 100.0), ("api_requests_total", 100.0), ("cache_hits_total", 300.0)] {
        assert_eq!(sum_of(named(&arrived, name)?), sum, "{name}");
    }
    let amount = named(&arrived, "transaction_amount")?;
    let MetricPoints::Histogram { temporality, points } = &amount.points else { return Err("a histogram".into()) };
    assert_eq!((amount.unit.as_str(), *temporality), ("USD", Temporality::Cumulative));
    assert_eq!((points[0].count, points[0].sum), (100, Some(19_950.0)));
    assert!(points[0].start_time > 0 && points[0].start_time <= points[0].time);
    let MetricPoints::Gauge { points } = &named(&arrived, "stock_items")?.points else { return Err("a gauge".into()) };
    assert_eq!(points[0].value, Some(Number::I64(400)));
    let MetricPoints::Gauge { points } = &named(&arrived, "system_health_score")?.points else {
        return Err("a gauge".into());
    };
    assert_eq!(points[0].value, Some(Number::F64(0.89)), "a gauge holds what was recorded last");
    Ok(())
}

fn named<'a>(metrics: &'a [MetricData], name: &str) -> Result<&'a MetricData, String> {
    metrics.iter().find(|metric| metric.name == name).ok_or_else(|| format!("{name} is missing"))
}

/// The sum over all series of a counter.
fn sum_of(metric: &MetricData) -> f64 {
    let MetricPoints::Sum { points, .. } = &metric.points else { return f64::NAN };
    points
        .iter()
        .map(|point| match point.value {
            Some(Number::I64(value)) => value as f64,
            Some(Number::F64(value)) => value,
            None => 0.0,
        })
        .sum()
}
