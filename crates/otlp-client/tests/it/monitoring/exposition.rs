//! The page `/metrics`, read as strictly as the format says.

use std::collections::{BTreeMap, HashSet};

use otlp_client::{EnhancedOtlpClient, MonitoringConfig};
use otlp_exporters::{ExportResult, Exporter, async_trait};

use super::{get, served};
use crate::setup::{DEADLINE, builder, receiver, spans};

/// A page as read: samples by name and labels, as they stand there.
type Page = BTreeMap<String, f64>;

/// Reads the text format: each family once, with help and type before its samples, which stand together; names and labels
/// by their grammar; no series twice; counters end in `_total` and are not negative; histograms are cumulative and whole.
fn read(page: &str) -> Page {
    assert!(page.ends_with('\n'), "the last line ends");
    let mut samples = Page::new();
    let mut families = HashSet::new();
    let mut family: Option<(String, String)> = None;
    let mut helped = None;
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').expect("a name and a text");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            assert!(!text.is_empty());
            helped = Some(name.to_owned());
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert_eq!(helped.take().as_deref(), Some(name), "help and type follow each other");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family = Some((name.to_owned(), kind.to_owned()));
            continue;
        }
        assert!(!line.starts_with('#') && !line.is_empty(), "{line:?}");
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let value: f64 = value.parse().expect("a number");
        let name = series.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'), "{line}");
        labels(series);
        let (of, kind) = family.as_ref().expect("a type comes first");
        match kind.as_str() {
            "histogram" => {
                let suffix = name.strip_prefix(of.as_str()).expect("samples stand with their family");
                assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}");
            }
            _ => assert_eq!(name, of, "samples stand with their family"),
        }
        assert!(kind != "counter" || value >= 0.0 && value.is_finite(), "{line}");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
    }
    histograms(page, &samples);
    samples
}

/// Checks the labels of a series.
fn labels(series: &str) {
    let Some((_, labels)) = series.split_once('{') else { return };
    let mut rest = labels.strip_suffix('}').expect("labels end");
    let mut names = HashSet::new();
    loop {
        let (name, after) = rest.split_once("=\"").expect("a value in quotes");
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        assert!(!name.is_empty() && name.bytes().all(is_valid) && !name.starts_with(|c: char| c.is_ascii_digit()));
        assert!(names.insert(name), "{name} is there twice in {series}");
        let mut escaped = false;
        let end = after.char_indices().find(|(_, character)| {
            let is_end = *character == '"' && !escaped;
            assert!(!escaped || matches!(character, '"' | '\\' | 'n'), "{series}");
            escaped = *character == '\\' && !escaped;
            is_end
        });
        let (end, _) = end.expect("the value ends");
        match &after[end + 1..] {
            "" => return,
            more => rest = more.strip_prefix(',').expect("a comma between labels"),
        }
    }
}

/// Checks that the buckets of each histogram grow to the count.
fn histograms(page: &str, samples: &Page) {
    let mut last: Option<(String, f64, f64)> = None;
    for line in page.lines().filter(|line| line.contains("_bucket{")) {
        let (series, count) = line.rsplit_once(' ').unwrap();
        let count: f64 = count.parse().unwrap();
        let (base, le) = series.rsplit_once(",le=\"").expect("le comes last here");
        let le = le.trim_end_matches("\"}");
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
        if let Some((before, bound, below)) = &last
            && before == base
        {
            assert!(le > *bound && count >= *below, "{line}");
        }
        if le == f64::INFINITY {
            let total = format!("{}}}", base.replace("_bucket", "_count"));
            assert_eq!(samples[&total], count, "{line}");
            last = None;
        } else {
            last = Some((base.to_owned(), le, count));
        }
    }
    assert_eq!(last, None, "each histogram ends with +Inf");
}

/// An exporter whose name does all that a name can do to a page.
struct Awkward;

type Fate = Result<ExportResult, Box<dyn std::error::Error + Send + Sync>>;

#[async_trait]
impl Exporter for Awkward {
    fn name(&self) -> String {
        "awk\"ward\\\nname{}".to_owned()
    }

    async fn export_spans(&self, _: Vec<otlp_core::data::SpanData>) -> Fate {
        Ok(ExportResult::Success)
    }

    async fn export_metrics(&self, _: Vec<otlp_core::data::MetricData>) -> Fate {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<otlp_core::data::LogData>) -> Fate {
        Ok(ExportResult::Success)
    }
}

fn page(client: &EnhancedOtlpClient) -> Page {
    let answer = get(client.monitoring_address().unwrap(), "/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", answer.head);
    // For `promtool check metrics`, where there is one.
    if let Ok(path) = std::env::var("OTLP_KEEP_METRICS_PAGE") {
        std::fs::write(path, &answer.body).unwrap();
    }
    read(&answer.body)
}

#[test]
fn a_scraper_finds_the_figures_of_the_ledger_and_counters_only_grow() {
    let receiver = receiver();
    let config = MonitoringConfig { enable_performance_metrics: true, enable_resource_metrics: true, ..served() };
    let client = builder(receiver.grpc_endpoint())
        .0
        .with_grpc_transport()
        .with_custom_exporter(Box::new(Awkward))
        .with_custom_exporter(Box::new(Awkward))
        .with_console_exporter()
        .with_monitoring(config)
        .build_blocking()
        .unwrap();
    let before = page(&client);
    spans(&client, 25);
    assert!(client.flush_blocking(DEADLINE).complete);
    let after = page(&client);
    let of = |name: &str| after[&format!("{name}{{destination=\"otlp (grpc)\",signal=\"traces\"}}")];
    assert_eq!(of("otlp_items_accepted_total"), 25.0);
    assert_eq!(of("otlp_items_delivered_total"), 25.0);
    assert_eq!(of("otlp_items_pending"), 0.0);
    assert_eq!(of("otlp_attempt_duration_seconds_count"), 1.0);
    assert!(of("otlp_attempt_duration_seconds_sum") > 0.0);
    assert_eq!(of("otlp_queue_capacity_items"), 262_144.0);
    let closed = format!("otlp_circuit_breaker_state{{endpoint=\"{}\",state=\"closed\"}}", receiver.grpc_endpoint());
    assert_eq!(after[&closed], 1.0);
    assert!(after.contains_key("otlp_memory_limit_bytes"));
    let awkward = "otlp_items_delivered_total{destination=\"awk\\\"ward\\\\\\nname{} (2)\",signal=\"traces\"}";
    assert_eq!(after[awkward], 25.0, "{:?}", after.keys());
    if cfg!(target_os = "linux") {
        assert!(after["process_resident_memory_bytes"] > 1e6);
        assert!(after["process_open_fds"] >= 3.0);
        assert!(after["process_start_time_seconds"] > 1.6e9);
    }
    for (series, value) in before.iter().filter(|(series, _)| series.contains("_total")) {
        assert!(after[series] >= *value, "{series} fell");
    }
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "the series are fixed");
}

#[test]
fn what_is_switched_off_is_not_shown() {
    let client = builder("http://127.0.0.1:1").0.with_monitoring(served()).build_blocking().unwrap();
    assert_eq!(get(client.monitoring_address().unwrap(), "/metrics").body, "");
    let config = MonitoringConfig { enable_resource_metrics: true, ..served() };
    let client = builder("http://127.0.0.1:1").0.with_monitoring(config).build_blocking().unwrap();
    let page = get(client.monitoring_address().unwrap(), "/metrics").body;
    assert!(!page.contains("otlp_"), "{page}");
    assert_eq!(page.contains("process_cpu_seconds_total"), cfg!(target_os = "linux"));
}
