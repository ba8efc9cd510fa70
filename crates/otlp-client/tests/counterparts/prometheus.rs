//! Prometheus, which takes OTLP metrics over HTTP, and scrapes what our monitoring endpoint serves.

use std::{
    fs,
    path::Path,
    thread,
    time::{Instant, SystemTime},
};

use otlp_client::{EnhancedOtlpClient, MonitoringConfig};
use otlp_core::Signal;
use otlp_sdk::metrics::TemporalityPreference;
use otlp_transport::{Compression, Protocol};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{
    client::{DEADLINE, builder},
    http,
    server::{Server, Start, program, until},
};

/// Starts one that scrapes these targets; `None` if there is none.
fn prometheus(targets: &[String]) -> Option<Server> {
    let program = program("PROMETHEUS_BIN")?;
    Some(Server::start(program, |folder: &Path, [port]| {
        let config = json!({
            "scrape_configs": [{
                "job_name": "scraped",
                "scrape_interval": "200ms",
                "scrape_timeout": "200ms",
                "static_configs": [{ "targets": targets }],
            }],
        });
        // JSON is YAML.
        let path = folder.join("prometheus.yml");
        fs::write(&path, config.to_string()).unwrap();
        let arguments = [
            format!("--config.file={}", path.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--web.enable-otlp-receiver".to_owned(),
            "--enable-feature=exemplar-storage,otlp-deltatocumulative".to_owned(),
        ];
        Start { arguments: arguments.into(), health: (port, "/-/ready") }
    }))
}

/// A client that sends its metrics there.
fn client(server: &Server, protocol: Protocol, compression: Compression, service: &str) -> EnhancedOtlpClient {
    let (builder, _) = builder(format!("http://127.0.0.1:{}/api/v1/otlp", server.port(0)));
    builder
        .with_protocol(protocol)
        .with_compression(compression)
        .with_service_name(service)
        .with_otlp_signals([Signal::Metrics])
        .build_blocking()
        .unwrap()
}

/// Waits for the next millisecond: Prometheus knows no finer times, and refuses another value for the same time.
fn next_time() {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let (before, started) = (now(), Instant::now());
    while now() <= before {
        assert!(started.elapsed() < DEADLINE, "the clock stands still");
        thread::yield_now();
    }
}

/// The value of a query that has one.
fn value(server: &Server, query: &str) -> Option<f64> {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    let answer = http::json(server.port(0), &format!("/api/v1/query?query={query}"));
    let result = answer["data"]["result"].as_array()?;
    assert!(result.len() <= 1, "{answer}");
    result.first()?["value"][1].as_str()?.parse().ok()
}

#[test]
fn metrics_have_the_values_that_were_recorded() {
    let Some(server) = prometheus(&[]) else { return };
    for (protocol, compression, service) in [
        (Protocol::HttpProtobuf, Compression::None, "protobuf"),
        (Protocol::HttpProtobuf, Compression::Gzip, "gzip"),
        (Protocol::HttpJson, Compression::None, "json"),
    ] {
        let client = client(&server, protocol, compression, service);
        let meter = client.meter("shop");
        let orders = meter.u64_counter("orders").init();
        let open = meter.i64_up_down_counter("orders.open").init();
        let stock = meter.f64_gauge("stock").init();
        let latency = meter.f64_histogram("latency").with_unit("s").with_boundaries(vec![0.1, 0.5, 1.0]).init();
        // Two collections: the points of the second replace those of the first.
        for round in [1.0, 2.0] {
            orders.add(3, &[("region", "eu")]);
            orders.add(4, &[("region", "us")]);
            open.add(-2, &());
            stock.record(7.5 * round, &());
            [0.05, 0.3, 0.7, 5.0].iter().for_each(|seconds| latency.record(*seconds, &()));
            next_time();
            let report = client.flush_blocking(DEADLINE);
            assert!(report.complete && report.ledgers[0].lost() == 0, "{service}: {report}");
        }
        let job = |rest: &str| format!("{{job=\"{service}\"{rest}}}");
        let expected = [
            (format!("orders_total{}", job(",region=\"eu\"")), 6.0),
            (format!("orders_total{}", job(",region=\"us\"")), 8.0),
            (format!("orders_open{}", job("")), -4.0),
            (format!("stock{}", job("")), 15.0),
            (format!("latency_seconds_count{}", job("")), 8.0),
            (format!("latency_seconds_sum{}", job("")), 12.1),
            (format!("latency_seconds_bucket{}", job(",le=\"0.1\"")), 2.0),
            (format!("latency_seconds_bucket{}", job(",le=\"0.5\"")), 4.0),
            (format!("latency_seconds_bucket{}", job(",le=\"1\"")), 6.0),
            (format!("latency_seconds_bucket{}", job(",le=\"+Inf\"")), 8.0),
        ];
        for (query, expected) in expected {
            let found = value(&server, &query);
            assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{query}: {found:?}, not {expected}");
        }
        next_time();
        assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].lost(), 0);
    }
}

#[test]
fn deltas_add_up() {
    let Some(server) = prometheus(&[]) else { return };
    let (builder, said) = builder(format!("http://127.0.0.1:{}/api/v1/otlp", server.port(0)));
    let client = builder
        .with_http_transport()
        .with_service_name("delta")
        .with_otlp_signals([Signal::Metrics])
        .with_temporality(TemporalityPreference::Delta)
        .build_blocking()
        .unwrap();
    let orders = client.meter("shop").u64_counter("orders").init();
    for _ in 0..3 {
        orders.add(5, &());
        next_time();
        let report = client.flush_blocking(DEADLINE);
        assert!(report.complete && report.ledgers[0].lost() == 0, "{report}{:?}", said.lock());
    }
    assert_eq!(value(&server, "orders_total{job=\"delta\"}"), Some(15.0));
}

#[test]
fn what_it_does_not_take_is_refused_and_not_called_delivered() {
    let Some(server) = prometheus(&[]) else { return };
    let (builder, said) = builder(format!("http://127.0.0.1:{}/api/v1/otlp", server.port(0)));
    let client = builder.with_http_transport().build_blocking().unwrap();
    client.tracer("shop").start("pay").end();
    let report = client.shutdown_blocking(DEADLINE);
    let traces = &report.ledgers[0].traces;
    assert_eq!((traces.delivered, traces.rejected), (0, 1), "{report}");
    assert!(said.lock().join("\n").contains("404"), "{said:?}");
}

#[test]
fn it_scrapes_our_monitoring_endpoint_and_understands_every_line() {
    let Some(_) = program("PROMETHEUS_BIN") else { return };
    // What the client is to send is refused, so that drops and failures have figures as well.
    let monitoring = MonitoringConfig {
        health_check_endpoint: Some("http://127.0.0.1:0/health".to_owned()),
        ..MonitoringConfig::default()
    };
    let receiver = otlp_receiver::Receiver::builder().start_blocking().unwrap();
    receiver.faults().inject(otlp_receiver::Fault::reject(3));
    let (builder, _) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().with_monitoring(monitoring).build_blocking().unwrap();
    crate::telemetry::record(&client, 10);
    assert!(client.flush_blocking(DEADLINE).complete);
    let address = client.monitoring_address().unwrap();
    let Some(server) = prometheus(&[address.to_string()]) else { return };
    let target = until("the target was scraped", || {
        let targets = http::json(server.port(0), "/api/v1/targets");
        let target = targets["data"]["activeTargets"][0].clone();
        (target["health"] != "unknown" && target["health"] != Value::Null).then_some(target)
    });
    assert_eq!((&target["health"], &target["lastError"]), (&json!("up"), &json!("")), "{target}");
    let ledger = client.ledger().traces;
    assert_eq!((ledger.delivered, ledger.rejected), (27, 3));
    let exposed = http::get(address.port(), "/metrics").unwrap().1;
    let families: Vec<&str> =
        exposed.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(families.len() > 10, "{exposed}");
    let known = http::json(server.port(0), "/api/v1/metadata");
    for family in families {
        assert!(known["data"].get(family).is_some(), "{family} is not known to Prometheus");
    }
    // A figure that is known from elsewhere, and the number of samples that Prometheus found in a page of ours.
    let samples = exposed.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
    assert_eq!(value(&server, "scrape_samples_scraped{job=\"scraped\"}"), Some(samples as f64), "{exposed}");
}
