//! Configurations that cannot be: each is refused by an error that names the field, its value, and what is accepted.

use otlp_client::config::{ClientConfig, ProductionConfig};

/// A configuration with one more line.
pub(super) fn with(line: &str) -> String {
    format!("endpoint: https://a:4318\nservice_name: shop\n{line}\n")
}

#[test]
fn a_field_that_cannot_be_used_is_named_with_its_place_and_what_is_accepted() {
    for (line, expected) in [
        // Ranges.
        ("batch: {max_batch_size: 0}", "line 3, column 25: batch.max_batch_size is 0, but takes 1 to 1000000 items"),
        (
            "batch: {max_queue_size: 99999999999}",
            "batch.max_queue_size is 99999999999, but takes 1 to 1000000000 items",
        ),
        ("batch: {batch_timeout: 2days}", "batch.batch_timeout is 172800s, but takes 1 ms to 1 h"),
        (
            "batch: {max_batch_size: 1000, max_queue_size: 999}",
            "line 3, column 47: batch.max_queue_size is 999 with max_batch_size 1000, but takes at least max_batch_size, unless",
        ),
        ("connection: {connect_timeout: 0s}", "connection.connect_timeout is 0ns, but takes 1 ms to 1 h"),
        ("connection: {request_timeout: 1year}", "connection.request_timeout is 31557600s, but takes 1 ms to 1 h"),
        ("connection: {keep_alive_timeout: 0s}", "connection.keep_alive_timeout is 0ns"),
        ("connection: {max_connections: 0}", "connection.max_connections is 0, but takes 1 to 10000 connections"),
        (
            "connection: {max_connections: 9, max_idle_connections: 10}",
            "connection.max_idle_connections is 10, but takes 0 to max_connections",
        ),
        ("retry: {max_attempts: 0}", "retry.max_attempts is 0, but takes 1 or more attempts"),
        (
            "retry: {initial_interval: 2s, max_interval: 1s}",
            "retry.max_interval is 1s, but takes initial_interval to 1 day",
        ),
        ("retry: {multiplier: 0.5}", "retry.multiplier is 0.5, but takes 1.0 to 1000.0"),
        ("retry: {multiplier: .inf}", "line 3, column 21: "),
        ("retry: {randomization_factor: 1.5}", "retry.randomization_factor is 1.5, but takes 0.0 to 1.0"),
        (
            "monitoring: {health_check_endpoint: 'http://user:hunter2@localhost:80/health?key=hunter2'}",
            "monitoring.health_check_endpoint is http://localhost:80/health, but takes a URL without user, password and query",
        ),
        (
            "monitoring: {health_check_endpoint: 'https://localhost:80'}",
            "monitoring.health_check_endpoint is https://localhost:80, but takes a URL that begins with http://",
        ),
        ("monitoring: {metrics_export_interval: 0s}", "monitoring.metrics_export_interval is 0ns"),
        ("memory_pool: {max_size: 1KiB}", "memory_pool.max_size is 1024, but takes 262144 to 68719476736 bytes"),
        ("memory_pool: {growth_factor: 1}", "memory_pool.growth_factor is 1, but takes more than 1"),
        ("batch_limits: {max_in_flight: 0}", "batch_limits.max_in_flight is 0, but takes 1 to 1024 batches"),
        ("disk_queue: {directory: ''}", "disk_queue.directory is \"\", but takes the path of a directory"),
        (
            "disk_queue: {directory: /q, max_bytes: 1}",
            "line 3, column 40: disk_queue.max_bytes is 1, but takes 4194304 bytes to 1 PiB",
        ),
        ("disk_queue: {directory: /q, durability: 1h}", "disk_queue.durability is Interval(3600s)"),
        // Types.
        (
            "batch: {max_batch_size: many}",
            "batch.max_batch_size is the text \"many\", but takes a whole number from 0 to",
        ),
        ("batch: {max_batch_size: -1}", "batch.max_batch_size is -1, but takes a whole number"),
        ("batch: {max_batch_size: 1.5}", "batch.max_batch_size is 1.5, but takes a whole number"),
        ("batch: {max_batch_size: 99999999999999999999999}", "batch.max_batch_size is "),
        ("batch: {batch_timeout: 200}", "batch.batch_timeout is 200, but takes a duration with its unit, like 200ms"),
        (
            "batch: {batch_timeout: '200'}",
            "batch.batch_timeout is the text \"200\", but takes a duration with its unit",
        ),
        ("batch: {batch_timeout: -5s}", "batch.batch_timeout is the text \"-5s\", but takes a duration"),
        ("batch: {batch_timeout: 99999999999999999999years}", "batch.batch_timeout is the text"),
        ("batch: {batch_timeout: 9999999999999years}", "batch.batch_timeout is the text"),
        ("batch: {max_batch_size: 1e400}", "batch.max_batch_size is inf, but takes a whole number"),
        ("batch: {max_batch_size: 18446744073709551616}", "batch.max_batch_size is "),
        (
            "batch: {max_batch_size: 18446744073709551615}",
            "batch.max_batch_size is 18446744073709551615, but takes 1 to",
        ),
        ("batch: {max_batch_size: -9223372036854775809}", "batch.max_batch_size is "),
        ("batch: {max_batch_size: 0x10000000000000000}", "batch.max_batch_size is "),
        ("batch: {max_batch_size: .inf}", "batch.max_batch_size is inf, but takes a whole number"),
        ("batch: {max_batch_size: '7'}", "batch.max_batch_size is the text \"7\", but takes a whole number"),
        (
            "batch: {max_batch_size: '${SIZE:-7}'}",
            "batch.max_batch_size is the text \"${SIZE:-7}\", but takes a whole number from 0 to 18446744073709551615; references \
             stand for text alone",
        ),
        (
            "retry: {max_attempts: 4294967295}",
            "retry.max_attempts is 4294967295, but takes a number of attempts from 1",
        ),
        ("retry: {max_attempts: -1}", "retry.max_attempts is -1, but takes a number of attempts from 1"),
        ("retry: {max_attempts: ∞}", "retry.max_attempts is the text \"∞\", but takes a number of attempts from 1"),
        ("retry: {multiplier: .nan}", "retry.multiplier is NaN, but takes 1.0 to 1000.0"),
        ("retry: {multiplier: 1e400}", "retry.multiplier is inf, but takes 1.0 to 1000.0"),
        ("memory_pool: {gc_threshold: .nan}", "memory_pool.gc_threshold is NaN, but takes the idle share"),
        ("memory_pool: {max_size: -1}", "memory_pool.max_size is -1, but takes a size"),
        ("memory_pool: {max_size: 1.5MiB}", "memory_pool.max_size is the text \"1.5MiB\", but takes a size"),
        ("memory_pool: {max_size: 99999999999TiB}", "memory_pool.max_size is the text"),
        ("circuit_breaker: {failure_rate: .nan}", "circuit_breaker.failure_rate is NaN, but takes 0.000001 to 1.0"),
        ("circuit_breaker: {break_jitter: -.inf}", "circuit_breaker.break_jitter is -inf, but takes 0.0 to 1.0"),
        (
            "circuit_breaker: {enabled: false, consecutive_failures: 3}",
            "circuit_breaker.enabled: it is false, and the fields beside it are set",
        ),
        (
            "{load_balancer: {health_check_path: /a, health_check_interval: 1s, health_check_port: 70000}, service_discovery: {}}",
            "load_balancer.health_check_port is 70000, but takes a whole number from 0 to 65535",
        ),
        (
            "service_discovery: {services: {a: {endpoints: [{address: 'b:1', priority: -1}]}}}",
            "service_discovery.services.a.endpoints[0].priority is -1, but takes a whole number from 0 to 65535",
        ),
        (
            "service_discovery: {dns: {min_ttl: 1s}, services: {a: {endpoints: ['b:1']}}}",
            "service_discovery.dns: it is set, and no service has dns or dns_srv",
        ),
        (
            "{connection: {max_idle_connections: 1}, receivers: {keep_alive: {min_connections: 2}}}",
            "receivers.keep_alive.min_connections is 2, but takes 0 to connection.max_idle_connections, which is 1",
        ),
        (
            "alerts: {rules: [{name: a, metric: dropped_items, comparison: above, threshold: .inf}]}",
            "alerts.rules[0].threshold is inf, but takes a finite number",
        ),
        (
            "batch: {batch_timeout: 5 fortnights}",
            "batch.batch_timeout is the text \"5 fortnights\", but takes a duration",
        ),
        ("batch: [1]", "batch is a list, but takes a part with fields: max_batch_size, batch_timeout"),
        ("retry: {retryable_errors: network}", "retry.retryable_errors is the text \"network\", but takes a list"),
        (
            "monitoring: {enable_custom_metrics: on}",
            "monitoring.enable_custom_metrics is the text \"on\", but takes true or false",
        ),
        ("service_version: 1.0", "service_version is 1.0, but takes text; in quotes"),
        ("environment: ", "environment is empty, but takes text"),
        (
            "memory_pool: {chunk_size: 64 apples}",
            "memory_pool.chunk_size is the text \"64 apples\", but takes a size, like 64KiB",
        ),
        ("resource_attributes: {a: 1}", "resource_attributes.a is 1, but takes text"),
        (
            "resource_attributes: {service.name: x}",
            "resource_attributes.service.name: service_name says it as well: leave one of them out",
        ),
        (
            "{service_version: '1', resource_attributes: {service.version: '2'}}",
            "resource_attributes.service.version: service_version says it as well",
        ),
        (
            "{environment: a, resource_attributes: {deployment.environment.name: b}}",
            "resource_attributes.deployment.environment.name: environment says it as well",
        ),
        ("disk_queue: {}", "disk_queue.directory is missing"),
        // Choices.
        (
            "transport: {protocol: htpp}",
            "transport.protocol is the text \"htpp\", but takes http, http_json, grpc; the nearest is http",
        ),
        (
            "transport: {compression: brotli}",
            "transport.compression is the text \"brotli\", but takes none, gzip, zstd",
        ),
        (
            "retry: {retryable_errors: [network, refused]}",
            "line 3, column 37: retry.retryable_errors[1] is the text \"refused\", but takes network, timeout",
        ),
        ("retry: {max_attempts: lots}", "retry.max_attempts is the text \"lots\", but takes a number of attempts"),
        ("logging: {log_level: 3}", "logging.log_level is 3, but takes trace, debug, info, warn, error, off"),
        (
            "batch_limits: {on_full: drop}",
            "batch_limits.on_full is the text \"drop\", but takes drop_newest, drop_oldest, block",
        ),
        // Names.
        (
            "batsh: {}",
            "line 3, column 1: batsh is not known; the nearest is \"batch\"; accepted: endpoint, service_name",
        ),
        ("disk_que: {}", "disk_que is not known; the nearest is \"disk_queue\""),
        (
            "batch: {max_batchsize: 5}",
            "line 3, column 9: batch.max_batchsize is not known; the nearest is \"max_batch_size\"; accepted: max_",
        ),
        ("transport: {tls_config: {ca: x}}", "transport.tls_config.ca is not known"),
        ("zzzzzzzzzz: 1", "zzzzzzzzzz is not known; accepted: endpoint"),
        ("1: 2", "names of fields"),
        ("service_name: twice", "line 3, column 1: the field \"service_name\" is there twice"),
        ("batch: {max_batch_size: 1, max_batch_size: 2}", "the field \"max_batch_size\" is there twice"),
        // Contradictions.
        (
            "transport: {tls_config: {enabled: false}}",
            "transport.tls_config.enabled: it is false, and the endpoint is https://",
        ),
        (
            "transport: {tls_config: {cert_file: c}}",
            "line 3, column 37: transport.tls_config.cert_file: cert_file is set and key_file is not",
        ),
        (
            "transport: {tls_config: {key_file: k}}",
            "transport.tls_config.key_file: key_file is set and cert_file is not",
        ),
        (
            "security: {enable_authentication: true}",
            "security.auth_token: it is empty, and enable_authentication is true",
        ),
        // The parts beside production.
        (
            "receivers: {tls: {min_version: ssl3}}",
            "receivers.tls.min_version is the text \"ssl3\", but takes tls1.2, tls1.3",
        ),
        ("receivers: {header: {a: b}}", "receivers.header is not known; the nearest is \"headers\""),
        ("receivers: {headers: {a b: c}}", "receivers.headers is the name \"a b\", but takes names of HTTP headers"),
        (
            "receivers: {signals: [spans]}",
            "receivers.signals[0] is the text \"spans\", but takes traces, metrics, logs",
        ),
        ("receivers: {signal_endpoints: {logs: ''}}", "receivers.signal_endpoints.logs is empty, but takes a URL"),
        ("receivers: {auth_token_file: ''}", "receivers.auth_token_file is empty, but takes the path of a file"),
        (
            "receivers: {keep_alive: {ping_interval: 0s}}",
            "receivers.keep_alive.ping_interval is 0ns, but takes 1 ms to 1 day",
        ),
        (
            "receivers: {keep_alive: {enabled: false, min_connections: 1}}",
            "receivers.keep_alive.enabled: it is false, and the fields beside it are set",
        ),
        (
            "receivers: {keep_alive: {min_connections: 201}}",
            "receivers.keep_alive.min_connections is 201, but takes 0 to connection.max_connections, which is 200",
        ),
        ("receivers: {endpoints: ['https://b:1']}", "receivers.endpoints: endpoint is set as well"),
        ("receivers: {endpoints: ['']}", "receivers.endpoints[0] is empty"),
        ("receivers: {tls: {system_roots: true}}", "receivers.tls.system_roots: it is true, and there is no transport"),
        (
            "{receivers: {auth_token_file: /t}, security: {enable_authentication: true, auth_token: t}}",
            "receivers.auth_token_file: security.enable_authentication is true",
        ),
        (
            "{receivers: {signal_endpoints: {logs: 'https://b'}}, service_discovery: {receiver_service: a, services: {a: {dns: 'b:1'}}}}",
            "receivers.signal_endpoints: an endpoint of one signal is not balanced over",
        ),
        (
            "service_discovery: {receiver_service: a}",
            "service_discovery.receiver_service is \"a\", but takes a name among",
        ),
        ("service_discovery: {services: {a: {}}}", "service_discovery.services.a: a service has exactly one source"),
        (
            "service_discovery: {services: {a: {dns: 'b:1', dns_srv: c}}}",
            "service_discovery.services.a: a service has exactly one source",
        ),
        (
            "service_discovery: {services: {a: {dns: b}}}",
            "service_discovery.services.a.dns is \"b\", but takes host:port",
        ),
        (
            "service_discovery: {services: {a: {endpoints: ['b:1', {addres: 'c:1'}]}}}",
            "service_discovery.services.a.endpoints[1].addres is not known; the nearest is \"address\"",
        ),
        (
            "service_discovery: {services: {a: {endpoints: ['b:1', 7]}}}",
            "service_discovery.services.a.endpoints[1] is 7, but takes host:port, or a part with fields",
        ),
        (
            "service_discovery: {services: {a: {endpoints: [{address: 'b:1', weight: 70000}]}}}",
            "service_discovery.services.a.endpoints[0].weight is 70000, but takes 0 to 65535",
        ),
        (
            "service_discovery: {dns: {name_servers: [a]}}",
            "service_discovery.dns.name_servers[0] is \"a\", but takes an address",
        ),
        (
            "service_discovery: {dns: {min_ttl: 2m, max_ttl: 1m}}",
            "service_discovery.dns.max_ttl is 60s, but takes min_ttl",
        ),
        ("service_discovery: {consul: {}}", "service_discovery.consul.endpoint is missing"),
        (
            "service_discovery: {consul: {endpoint: 'http://a', token: b, token_file: c}}",
            "service_discovery.consul.token_file: token is set as well",
        ),
        (
            "service_discovery: {consul: {endpoint: 'http://a', cert_file: c}}",
            "service_discovery.consul.cert_file: cert_file is set and key_file is not",
        ),
        (
            "service_discovery: {consul: {endpoint: 'http://a', max_staleness: 1s}}",
            "service_discovery.consul.max_staleness: it does nothing without stale_reads",
        ),
        (
            "service_discovery: {consul: {endpoint: 'http://a', wait: 1h}}",
            "service_discovery.consul.wait is 3600s, but takes 1 s",
        ),
        (
            "service_discovery: {registration: {}}",
            "service_discovery.registration: it is registered at an agent of Consul",
        ),
        ("load_balancer: {}", "load_balancer: there is a single endpoint"),
        (
            "{load_balancer: {strategy: roundrobin}, service_discovery: {}}",
            "load_balancer.strategy is the text \"roundrobin\", but takes round_robin, random, weighted, least_loaded, \
             rendezvous; the nearest is round_robin",
        ),
        (
            "{load_balancer: {health_check_path: /a}, service_discovery: {}}",
            "load_balancer.health_check_path: it does nothing without health_check_interval",
        ),
        (
            "{load_balancer: {health_check_path: a, health_check_interval: 1s}, service_discovery: {}}",
            "load_balancer.health_check_path is \"a\", but takes a path, like /health",
        ),
        (
            "{load_balancer: {health_check_port: 1, health_check_interval: 1s}, service_discovery: {}}",
            "load_balancer.health_check_port: it does nothing without health_check_path",
        ),
        (
            "circuit_breaker: {consecutive_failures: 0}",
            "circuit_breaker.consecutive_failures is 0, but takes 1 or more",
        ),
        (
            "circuit_breaker: {consecutive_failures: null}",
            "circuit_breaker.consecutive_failures: it is null and there is no",
        ),
        ("circuit_breaker: {failure_rate: 2}", "circuit_breaker.failure_rate is 2.0, but takes 0.000001 to 1.0"),
        ("circuit_breaker: {minimum_calls: 5}", "circuit_breaker.minimum_calls: it does nothing without failure_rate"),
        ("circuit_breaker: {max_break: 1ms}", "circuit_breaker.max_break is 1ms, but takes initial_break to 1 day"),
        ("telemetry: {sampler: always}", "telemetry.sampler is the text \"always\", but takes always_on, always_off"),
        ("telemetry: {sampler_ratio: 0.5}", "telemetry.sampler_ratio: it does nothing without a sampler that takes it"),
        (
            "telemetry: {sampler: traceidratio, sampler_ratio: 1.5}",
            "telemetry.sampler_ratio is 1.5, but takes 0.0 to 1.0",
        ),
        (
            "telemetry: {propagators: [w3c]}",
            "telemetry.propagators[0] is the text \"w3c\", but takes tracecontext, baggage",
        ),
        ("telemetry: {propagators: [b3, b3]}", "telemetry.propagators[1]: it is there twice"),
        ("telemetry: {span_limits: {attributes: 5}}", "telemetry.span_limits.attributes is not known"),
        ("telemetry: {cardinality_limit: 0}", "telemetry.cardinality_limit is 0, but takes 1 to 1000000 series"),
        (
            "telemetry: {log_aggregation: {interval: 0s}}",
            "telemetry.log_aggregation.interval is 0ns, but takes 1 ms to 1 h",
        ),
        (
            "telemetry: {temporality: sum}",
            "telemetry.temporality is the text \"sum\", but takes cumulative, delta, low_memory",
        ),
        ("delivery: {drop_deadline: 2h}", "delivery.drop_deadline is 7200s, but takes 0 ms to 1 h"),
        ("health: {public: true}", "health.public: it is true, and nothing is served"),
        ("alerts: {log: false}", "alerts.log: it is false, and there are no webhooks"),
        ("alerts: {webhooks: [{}]}", "alerts.webhooks[0].url is missing"),
        (
            "alerts: {webhooks: [{url: 'ftp://hunter2'}]}",
            "alerts.webhooks[0].url is something else, which is not shown, but takes a URL that begins with http",
        ),
        (
            "alerts: {webhooks: [{url: 'http://a', timeout: 1h}]}",
            "alerts.webhooks[0].timeout is 3600s, but takes 1 ms to 5 min",
        ),
        ("alerts: {rules: [{name: a}]}", "alerts.rules[0].metric is missing"),
        (
            "alerts: {rules: [{name: a, metric: dropped, comparison: above, threshold: 1}]}",
            "alerts.rules[0].metric is the text \"dropped\", but takes dropped_items, rejected_items",
        ),
        (
            "alerts: {rules: [{name: a, metric: dropped_items, comparison: above, threshold: 1, clear_threshold: 2}]}",
            "alerts.rules[0].clear_threshold is 2, but takes a finite number that is not above the threshold",
        ),
        (
            "alerts: {rules: [{name: a, metric: dropped_items, comparison: above, threshold: 1, for: 2days}]}",
            "alerts.rules[0].for is 172800s, but takes 0 to 1 day",
        ),
        (
            "alerts: {rules: [{name: a, metric: dropped_items, comparison: above, threshold: 1}, \
             {name: a, metric: dropped_items, comparison: above, threshold: 1}]}",
            "alerts.rules[1].name is \"a\", but takes a name that no other rule has",
        ),
    ] {
        // Two parts on a line are written as one flow.
        let line = line.strip_prefix('{').and_then(|line| line.strip_suffix('}')).map_or_else(
            || with(line),
            |parts| format!("{{endpoint: 'https://a:4318',\nservice_name: shop,\n{parts}}}\n"),
        );
        let error = ClientConfig::from_yaml_str(&line).unwrap_err();
        assert!(error.to_string().contains(expected), "{line}\n  {error}\n  {expected}");
        assert!(error.place().is_some_and(|place| place.line == 3), "{line}: {error}");
    }
}

#[test]
fn plaintext_is_refused_where_encryption_is_asked_for() {
    let plain = "endpoint: http://a:4318\nservice_name: shop\n";
    for (line, field) in [
        ("security: {enable_encryption: true}", "security.enable_encryption"),
        ("transport: {tls_config: {}}", "transport.tls_config.enabled"),
    ] {
        let error = ProductionConfig::from_yaml_str(&format!("{plain}{line}")).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains("make that https://"), "{error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (text, expected) in [
        ("", "endpoint is missing, and has no default"),
        ("# nothing but a comment\n", "endpoint is missing"),
        ("---\n", "endpoint is missing"),
        ("{}", "endpoint is missing"),
        ("endpoint: http://a", "service_name is missing"),
        ("endpoint: ' '\nservice_name: a", "endpoint is empty, but takes a URL"),
        ("endpoint: http://a\nservice_name: ''", "service_name is empty, but takes a name"),
    ] {
        let error = ProductionConfig::from_yaml_str(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_parts_beside_production_are_not_part_of_it() {
    let error = ProductionConfig::from_yaml_str(&with("disk_queue: {directory: /q}")).unwrap_err().to_string();
    assert!(error.contains("disk_queue is not known"), "{error}");
    assert!(ClientConfig::from_yaml_str(&with("disk_queue: {directory: /q}")).is_ok());
    assert!(ClientConfig::from_yaml_str(&with("disk_queue:")).unwrap().disk_queue.is_none());
}
