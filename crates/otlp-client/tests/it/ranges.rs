//! Every number and duration that code gives a client, at both ends of its range and one beyond each: what is within is
//! accepted, what is beyond is refused when the client is built, by an error that names the setting, the value and the
//! range. Those of files are in `config/ranges.rs`.

use std::{fmt::Debug, path::PathBuf, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DiskQueueConfig, Durability, MemoryPoolConfig};
use otlp_client::{
    ClientBuilder,
    config::{MonitoringConfig, RetryConfig},
    discovery::{ConsulConfig, DnsConfig, LoadBalancer, ServiceDiscovery},
    monitoring::{AlertMetric, AlertRule, AlertSink, Comparison, Webhook},
};
use otlp_reliability::{BreakDuration, CircuitBreakerConfig, RetryPolicy, Window};
use otlp_sdk::logs::LogAggregation;
use otlp_transport::{ConnectionPoolConfig, KeepAlive};

use crate::setup::builder;

const NS: Duration = Duration::from_nanos(1);
const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const WEEKS: Duration = Duration::from_secs(1 << 30);

/// Each value that is accepted builds, and each that is refused is named.
fn check<T: Copy + Debug>(
    name: &str,
    set: impl Fn(ClientBuilder, T) -> ClientBuilder,
    accepted: &[T],
    refused: &[T],
    range: &str,
) {
    let built = |value| set(builder("http://127.0.0.1:1").0, value).with_drop_deadline(Duration::ZERO).build_blocking();
    for value in accepted {
        let client = built(*value).unwrap_or_else(|error| panic!("{name}: {value:?}: {error}"));
        client.shutdown_blocking(Duration::ZERO);
    }
    for value in refused {
        let Err(error) = built(*value) else { panic!("{name}: {value:?} was accepted") };
        let error = error.to_string();
        assert!(error.contains(name) && error.contains(range), "{name}: {value:?}: {error}");
        // What `Debug` writes with its type around it, the error may write without.
        let shown = format!("{value:?}");
        assert!(error.contains(shown.trim_end_matches(".0")), "{name}: {value:?}: {error}");
    }
}

/// A setter of one field of a structure that has defaults.
macro_rules! with {
    ($set:ident, $of:ident, $field:ident $(, $other:ident = $value:expr)*) => {
        |builder: ClientBuilder, value| builder.$set($of { $field: value, $($other: $value,)* ..$of::default() })
    };
}

#[test]
fn of_connections() {
    let set = with!(with_connection_pool_config, ConnectionPoolConfig, max_connections);
    check("max_connections", set, &[1, 10_000], &[0, 10_001], "1 to 10000");
    let set = with!(with_connection_pool_config, ConnectionPoolConfig, min_connections, max_connections = 2);
    check("min_connections", set, &[0, 2], &[3], "0 to max_connections");
    let set = with!(with_connection_pool_config, ConnectionPoolConfig, connection_timeout);
    check("connection_timeout", set, &[NS, HOUR], &[Duration::ZERO, HOUR + NS], "more than zero, at most an hour");
    let set = with!(with_connection_pool_config, ConnectionPoolConfig, idle_timeout);
    check("idle_timeout", set, &[NS, DAY], &[Duration::ZERO, DAY + NS], "more than zero, at most a day");
    let set = with!(with_keep_alive_pings, KeepAlive, interval);
    check("keep-alive interval", set, &[MS, DAY], &[MS - NS, DAY + NS], "1 ms to 1 day");
    let set = with!(with_keep_alive_pings, KeepAlive, timeout);
    check("keep-alive timeout", set, &[MS, DAY], &[MS - NS, DAY + NS], "1 ms to 1 day");
    check("timeout", |it, value| it.with_timeout(value), &[Duration::ZERO, Duration::MAX], &[], "");
    check("idle", |it, value| it.with_max_idle_connections(value), &[0, usize::MAX], &[], "");
}

#[test]
fn of_batches_and_memory() {
    let set = with!(with_batch_config, BatchConfig, max_batch_size, max_queue_size = 1_000_000);
    check("max_batch_size", set, &[1, 1_000_000], &[0, 1_000_001], "1 to 1000000 items");
    let set = with!(with_batch_config, BatchConfig, batch_timeout);
    check("batch_timeout", set, &[MS, HOUR], &[MS - NS, HOUR + NS], "1 ms to 1 h");
    let set = with!(with_batch_config, BatchConfig, max_queue_size, max_batch_size = 1);
    check("max_queue_size", set, &[1, 1_000_000_000], &[0, 1_000_000_001], "1 to 1000000000 items");
    let set = with!(with_batch_limits, BatchLimits, max_batch_bytes);
    check("max_batch_bytes", set, &[1 << 10, 64 << 20], &[1023, (64 << 20) + 1], "1024 to 67108864 bytes");
    let set = with!(with_batch_limits, BatchLimits, max_record_bytes);
    check("max_record_bytes", set, &[1 << 10, 64 << 20], &[1023, (64 << 20) + 1], "1024 to 67108864 bytes");
    let set = with!(with_batch_limits, BatchLimits, max_in_flight);
    check("max_in_flight", set, &[1, 1024], &[0, 1025], "1 to 1024 batches");
    let set = |it: ClientBuilder, value| {
        it.with_batch_limits(BatchLimits { catch_up_percent: Some(value), ..BatchLimits::default() })
    };
    check("catch_up_percent", set, &[110, 100_000], &[109, 100_001], "110 to 100000 percent");

    let set = with!(with_memory_pool_config, MemoryPoolConfig, initial_size, max_size = 1 << 20);
    check("initial_size", set, &[64 << 10, 1 << 20], &[65_535, 1_048_577], "chunk_size to max_size");
    let set = with!(with_memory_pool_config, MemoryPoolConfig, max_size, initial_size = 64 << 10);
    check("max_size", set, &[256 << 10, 64 << 30], &[262_143, (64 << 30) + 1], "262144 to 68719476736 bytes");
    let set =
        with!(with_memory_pool_config, MemoryPoolConfig, chunk_size, initial_size = 16 << 20, max_size = 64 << 20);
    check("chunk_size", set, &[4 << 10, 16 << 20], &[4095, (16 << 20) + 1], "4096 to 16777216 bytes");
    let set = with!(with_memory_pool_config, MemoryPoolConfig, growth_factor);
    check("growth_factor", set, &[1.001, 16.0], &[1.0, 16.1, f64::NAN, f64::INFINITY], "more than 1, at most 16");
    let set = with!(with_memory_pool_config, MemoryPoolConfig, gc_threshold);
    check("gc_threshold", set, &[0.001, 1.0], &[0.0, 1.001, f64::NAN], "more than 0, at most 1");
}

#[test]
fn of_the_disk_queue() {
    let folder = std::env::temp_dir().join(format!("otlp-ranges-{}", std::process::id()));
    let directory = || -> PathBuf { folder.join(format!("{:016x}", unique())) };
    let set = |it: ClientBuilder, value| {
        it.with_disk_queue(DiskQueueConfig::new(directory()).with_durability(Durability::Interval(value)))
    };
    let minute = Duration::from_secs(60);
    check("disk_queue.durability", set, &[10 * MS, minute], &[9 * MS, minute + NS], "10 ms to 1 minute");
    let set = |it: ClientBuilder, value| {
        it.with_disk_queue(DiskQueueConfig::new(directory()).with_segment_bytes(64 << 10).with_max_bytes(value))
    };
    check("disk_queue.max_bytes", set, &[4 << 20, 1 << 50], &[(4 << 20) - 1, (1 << 50) + 1], "4194304 bytes to 1 PiB");
    let set = |it: ClientBuilder, value| {
        it.with_disk_queue(DiskQueueConfig::new(directory()).with_max_bytes(4 << 30).with_segment_bytes(value))
    };
    let range = "65536 to 1073741824 bytes";
    check("disk_queue.segment_bytes", set, &[64 << 10, 1 << 30], &[65_535, (1 << 30) + 1], range);
    let set = |it: ClientBuilder, value| it.with_disk_queue(DiskQueueConfig::new(directory()).with_max_age(value));
    check("disk_queue.max_age", set, &[1000 * MS, Duration::MAX], &[999 * MS], "1 second or more");
    let set =
        |it: ClientBuilder, value| it.with_disk_queue(DiskQueueConfig::new(directory()).with_dead_letter_bytes(value));
    let range = "0, or 1048576 bytes to 1 TiB";
    check("disk_queue.dead_letter_bytes", set, &[0, 1 << 20, 1 << 40], &[1, (1 << 20) - 1, (1 << 40) + 1], range);
    let _ = std::fs::remove_dir_all(&folder);
}

/// A name that no other queue of this process has.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn of_retries_and_circuit_breakers() {
    let set = with!(with_retry_config, RetryConfig, max_attempts);
    check("retry.max_attempts", set, &[1, RetryConfig::UNLIMITED], &[0], "1 or more attempts");
    let set = with!(with_retry_config, RetryConfig, initial_interval, max_interval = DAY);
    check("retry.initial_interval", set, &[MS, DAY], &[MS - NS, DAY + NS], "1 ms to 1 day");
    let set = with!(with_retry_config, RetryConfig, max_interval, initial_interval = 2 * MS);
    check("retry.max_interval", set, &[2 * MS, DAY], &[MS, DAY + NS], "initial_interval to 1 day");
    let set = with!(with_retry_config, RetryConfig, multiplier);
    check("retry.multiplier", set, &[1.0, 1000.0], &[0.999, 1000.1, f64::NAN, f64::INFINITY], "1.0 to 1000.0");
    let set = with!(with_retry_config, RetryConfig, randomization_factor);
    check("retry.randomization_factor", set, &[0.0, 1.0], &[-0.1, 1.1, f64::NAN], "0.0 to 1.0");
    let set = |it: ClientBuilder, value| it.with_retry_policy(RetryPolicy::new().with_max_attempts(value));
    check("max_attempts", set, &[1, u32::MAX], &[0], "1 or more");

    let breaker = CircuitBreakerConfig::new;
    let set = |it: ClientBuilder, value| it.with_circuit_breaker(breaker().with_consecutive_failures(value));
    check("consecutive_failures", set, &[1, u32::MAX], &[0], "1 or more");
    let set = |it: ClientBuilder, value| it.with_circuit_breaker(breaker().with_failure_rate(value));
    check("failure_rate", set, &[0.000_001, 1.0], &[0.0, 1.1, f64::NAN], "0.000001 to 1.0");
    let set = |it: ClientBuilder, value| it.with_circuit_breaker(breaker().with_minimum_calls(value));
    check("minimum_calls", set, &[1, 100], &[0, 101], "1 to ");
    let set = |it: ClientBuilder, value| it.with_circuit_breaker(breaker().with_half_open_probes(value));
    check("half_open_probes", set, &[1, 1023], &[0, 1024], "1 to 1,023");
    let set = |it: ClientBuilder, value| {
        it.with_circuit_breaker(breaker().with_minimum_calls(1).with_window(Window::Count(value)))
    };
    check("window", set, &[1, 10_000], &[0, 10_001], "Count of 1 to 10,000");
    let set = |it: ClientBuilder, length| it.with_circuit_breaker(breaker().with_window(Window::Time { length }));
    check("window", set, &[10 * MS, 10 * HOUR], &[10 * MS - NS, 10 * HOUR + NS], "Time of 10 ms to 10 h");
    let set = |it: ClientBuilder, value| {
        it.with_circuit_breaker(breaker().with_break_duration(BreakDuration::from(MS).with_jitter(value)))
    };
    check("break_duration.jitter", set, &[0.0, 1.0], &[-0.1, 1.1, f64::NAN], "0.0 to 1.0");
}

#[test]
fn of_discovery_and_balancing() {
    let found = || ServiceDiscovery::new().with_dns("a", "a.test", 1);
    let set = |it: ClientBuilder, value| {
        let balancer = LoadBalancer::new().with_health_check_interval(value);
        it.with_service_discovery(found()).with_load_balancer(balancer)
    };
    check("health_check_interval", set, &[NS, DAY], &[Duration::ZERO, DAY + NS], "more than zero and at most a day");
    let set = |it: ClientBuilder, value| {
        let balancer = LoadBalancer::new().with_health_check_timeout(value);
        it.with_service_discovery(found()).with_load_balancer(balancer)
    };
    check("health_check_timeout", set, &[NS, Duration::MAX], &[Duration::ZERO], "more than zero");
    let set = |it: ClientBuilder, value| {
        it.with_service_discovery(found().with_dns_config(DnsConfig::new().with_ttl_bounds(value, DAY)))
    };
    check("dns_min_ttl", set, &[NS, DAY], &[Duration::ZERO], "more than zero");
    let set = |it: ClientBuilder, value| {
        it.with_service_discovery(found().with_dns_config(DnsConfig::new().with_ttl_bounds(2 * MS, value)))
    };
    check("dns_max_ttl", set, &[2 * MS, DAY], &[MS, DAY + NS], "dns_min_ttl to a day");
    let set = |it: ClientBuilder, value| {
        it.with_service_discovery(found().with_dns_config(DnsConfig::new().with_timeout(value)))
    };
    let minutes = Duration::from_secs(300);
    check("dns_timeout", set, &[NS, minutes], &[Duration::ZERO, minutes + NS], "more than zero and at most 5 minutes");
    let set =
        |it: ClientBuilder, value| it.with_service_discovery(ServiceDiscovery::new().with_dns("a", "a.test", value));
    check("dns_port", set, &[1, u16::MAX], &[0], "1 to 65535");
    let consul = || ConsulConfig::new("http://127.0.0.1:1");
    let set = |it: ClientBuilder, value| {
        it.with_service_discovery(ServiceDiscovery::new().with_consul(consul().with_wait(value)))
    };
    let (second, ten) = (1000 * MS, Duration::from_secs(600));
    check("consul_wait", set, &[second, ten], &[second - NS, ten + NS], "1 second to 10 minutes");
    let set = |it: ClientBuilder, value| {
        let consul = consul().with_stale_reads(true).with_max_staleness(value);
        it.with_service_discovery(ServiceDiscovery::new().with_consul(consul))
    };
    check("consul_max_staleness", set, &[Duration::ZERO, DAY], &[DAY + NS], "day");
}

#[test]
fn of_what_is_recorded_and_told() {
    let set = |it: ClientBuilder, value| it.with_metric_interval(value);
    check("metric_interval", set, &[MS, DAY], &[MS - NS, DAY + NS], "1 ms to 1 day");
    let set = with!(with_monitoring, MonitoringConfig, metrics_export_interval);
    check("metrics_export_interval", set, &[MS, DAY], &[MS - NS, DAY + NS], "1 ms to 1 day");
    let set = |it: ClientBuilder, value| it.with_cardinality_limit(value);
    check("cardinality_limit", set, &[1, usize::MAX], &[0], "1 or more series");
    let set = with!(with_log_aggregation, LogAggregation, interval);
    check("log_aggregation.interval", set, &[MS, HOUR], &[MS - NS, HOUR + NS], "1 ms to 1 h");
    let set = with!(with_log_aggregation, LogAggregation, max_records);
    check("log_aggregation.max_records", set, &[1, 1_000_000], &[0, 1_000_001], "1 to 1000000 records");
    let set = with!(with_log_aggregation, LogAggregation, max_bytes);
    check("log_aggregation.max_bytes", set, &[1024, 1 << 30], &[1023, (1 << 30) + 1], "1024 to 1073741824 bytes");
    check("drop", |it, value| it.with_drop_deadline(value), &[Duration::ZERO, Duration::MAX], &[], "");

    let rule = |threshold| AlertRule::new("a", AlertMetric::PendingItems, Comparison::Above, threshold);
    let set = |it: ClientBuilder, value| it.with_alert_rules([rule(value)]);
    check("threshold", set, &[f64::MIN, f64::MAX], &[f64::NAN, f64::INFINITY], "a finite number");
    let set = |it: ClientBuilder, value| it.with_alert_rules([rule(1.0).with_clear_threshold(value)]);
    check("clear_threshold", set, &[f64::MIN, 1.0], &[f64::NEG_INFINITY, 1.1], "not above the threshold");
    let set = |it: ClientBuilder, value| it.with_alert_rules([rule(1.0).with_for(value)]);
    check("for", set, &[Duration::ZERO, DAY], &[DAY + NS, WEEKS], "0 to 1 day");
    let set = |it: ClientBuilder, value| it.with_alert_rules([rule(1.0).with_keep_firing_for(value)]);
    check("keep_firing_for", set, &[Duration::ZERO, DAY], &[DAY + NS, WEEKS], "0 to 1 day");
    let webhook = || Webhook::new("http://127.0.0.1:1");
    let set = |it: ClientBuilder, value| it.with_alert_sink(AlertSink::webhook(webhook().with_timeout(value)));
    let minutes = Duration::from_secs(300);
    check("webhook timeout", set, &[MS, minutes], &[MS - NS, minutes + NS], "1 ms to 5 min");
}
