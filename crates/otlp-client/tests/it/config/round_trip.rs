//! The parts beside production, written to YAML and read back: as the same, whatever they hold.

use std::time::Duration;

use otlp_client::{
    config::{
        AlertRuleConfig, AlertsConfig, BreakerConfig, ClientConfig, ConsulAgent, DeliveryConfig, DiscoveryConfig,
        DnsLookups, HealthConfig, KeepAliveConfig, LoadBalancerConfig, PropagatorName, ReceiversConfig, Registration,
        SamplerName, SecretValues, ServiceSource, SignalEndpoints, SignalName, StaticEndpoint, TelemetryConfig,
        TlsDetails, WebhookConfig,
    },
    discovery::LoadBalancingStrategy,
    monitoring::{AlertMetric, AlertSeverity, Comparison},
};
use otlp_sdk::{
    logs::{LogAggregation, LogLimits},
    metrics::TemporalityPreference,
    trace::SpanLimits,
};
use otlp_transport::TlsVersion;
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::{select, subsequence},
};

use super::{
    files::{HOUR, MS, duration, name, text},
    full,
};

prop_compose! {
    fn receivers()(
        urls in option::of((name(), name(), name())),
        signals in option::of(subsequence(vec![SignalName::Traces, SignalName::Metrics, SignalName::Logs], 0..=3)),
        headers in btree_map("[a-z][a-z0-9-]{0,8}", text(), 0..3),
        file in option::of(name()),
        server_name in option::of(text()),
        version in select(vec![TlsVersion::Tls12, TlsVersion::Tls13]),
        system_roots in any::<bool>(),
        min_connections in 0..=100usize,
        pings in (duration(MS..=HOUR), duration(MS..=HOUR), any::<bool>()),
    ) -> ReceiversConfig {
        let (traces, metrics, logs) = match urls {
            Some((traces, metrics, logs)) => (Some(traces), Some(metrics), Some(logs)),
            None => (None, None, None),
        };
        ReceiversConfig {
            endpoints: Vec::new(),
            signal_endpoints: SignalEndpoints { traces, metrics, logs },
            signals,
            headers: SecretValues(headers),
            auth_token_file: file,
            tls: TlsDetails { server_name, min_version: version, system_roots },
            keep_alive: KeepAliveConfig {
                enabled: true,
                min_connections,
                ping_interval: pings.0,
                ping_timeout: pings.1,
                ping_while_idle: pings.2,
            },
        }
    }
}

fn source() -> impl Strategy<Value = ServiceSource> {
    let endpoint =
        ("[a-z]{1,9}", 1..=u16::MAX, 0..=65_535u32, any::<u16>()).prop_map(|(host, port, weight, priority)| {
            StaticEndpoint { address: format!("{host}:{port}"), weight, priority }
        });
    let plain = ("[a-z]{1,9}", 1..=u16::MAX).prop_map(|(host, port)| format!("{host}:{port}").as_str().into());
    let endpoints = vec(prop_oneof![endpoint, plain], 0..3);
    prop_oneof![
        endpoints.prop_map(|endpoints| ServiceSource { endpoints: Some(endpoints), ..ServiceSource::default() }),
        Just(ServiceSource { dns: Some("a:1".into()), ..ServiceSource::default() }),
        text().prop_map(|name| ServiceSource { dns_srv: Some(name), ..ServiceSource::default() }),
    ]
}

prop_compose! {
    fn discovery()(
        services in btree_map(name(), source(), 0..3),
        servers in vec(select(vec!["10.0.0.1:53".to_owned(), "[::1]:53".to_owned(), "${DNS}".to_owned()]), 0..3),
        ttls in (duration(MS..=HOUR), duration(0..=HOUR)),
        timeout in duration(MS..=300_000 * MS),
        endpoint in name(),
        texts in vec(option::of(text()), 7),
        flags in any::<[bool; 2]>(),
        tags in vec(text(), 0..3),
        times in (duration(0..=HOUR), duration(1000 * MS..=600_000 * MS)),
        registration in option::of(option::of(text())),
    ) -> DiscoveryConfig {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().flatten();
        let mut consul = ConsulAgent::new(endpoint);
        consul.stale_reads = flags[0];
        consul.only_passing = flags[1];
        if flags[0] {
            consul.max_staleness = times.0;
        }
        consul.wait = times.1.max(Duration::from_secs(1));
        consul.tags = tags;
        (consul.token, consul.datacenter, consul.namespace, consul.partition) = (next(), next(), next(), next());
        consul.ca_file = next();
        (consul.cert_file, consul.key_file) = next().map(|file| (file.clone(), file)).unzip();
        // What nobody is asked by is refused.
        let is_asked = services.values().any(|source| source.dns.is_some() || source.dns_srv.is_some());
        let dns = DnsLookups { name_servers: servers, min_ttl: ttls.0, max_ttl: ttls.0 + ttls.1, timeout };
        DiscoveryConfig {
            receiver_service: next(),
            services,
            dns: if is_asked { dns } else { DnsLookups::default() },
            consul: Some(consul),
            registration: registration.map(|service_name| Registration { service_name, address: Some("a:1".into()) }),
        }
    }
}

prop_compose! {
    fn policies()(
        strategy in select(LoadBalancingStrategy::ALL.to_vec()),
        times in (duration(MS..=HOUR), duration(MS..=HOUR), duration(MS..=HOUR), duration(0..=HOUR)),
        check in option::of(option::of(1..=u16::MAX)),
        flags in any::<[bool; 2]>(),
        failures in option::of(1..=u32::MAX),
        rate in 0.000_001..=1.0f64,
        calls in option::of(1..=100u32),
        probes in 1..=1023u32,
        jitter in 0.0..=1.0f64,
    ) -> (LoadBalancerConfig, BreakerConfig) {
        let balancer = LoadBalancerConfig {
            strategy,
            health_check_interval: Some(times.0),
            health_check_timeout: times.1,
            health_check_path: check.map(|_| "/health".to_owned()),
            health_check_port: check.flatten(),
            passive_health: flags[0],
        };
        let breaker = BreakerConfig {
            enabled: true,
            consecutive_failures: failures,
            failure_rate: Some(rate),
            minimum_calls: calls,
            half_open_probes: probes,
            initial_break: times.2,
            max_break: times.2 + times.3,
            break_jitter: jitter,
        };
        // One that is off has nothing else to say.
        let off = BreakerConfig { enabled: false, ..BreakerConfig::default() };
        (balancer, if flags[1] { breaker } else { off })
    }
}

prop_compose! {
    fn telemetry()(
        sampler in option::of(option::of(0.0..=1.0f64)),
        propagators in option::of(subsequence({
            use PropagatorName::{B3, B3Multi, Baggage, Jaeger, TraceContext};
            vec![TraceContext, Baggage, B3, B3Multi, Jaeger]
        }, 0..=5)),
        limits in option::of(any::<[u32; 5]>()),
        length in option::of(any::<u32>()),
        temporality in option::of(select(vec![
            TemporalityPreference::Cumulative, TemporalityPreference::Delta, TemporalityPreference::LowMemory,
        ])),
        cardinality in option::of(1..=1_000_000usize),
        folding in option::of((duration(MS..=HOUR), 1..=1_000_000usize, 1024..=(1usize << 30))),
    ) -> TelemetryConfig {
        let value_length = length.map(|length| length as usize);
        TelemetryConfig {
            sampler: sampler.map(|_| SamplerName::ParentBasedTraceIdRatio),
            sampler_ratio: sampler.flatten(),
            propagators,
            span_limits: limits.map(|counts| SpanLimits {
                attribute_count: counts[0] as usize,
                event_count: counts[1] as usize,
                link_count: counts[2] as usize,
                attributes_per_event: counts[3] as usize,
                attributes_per_link: counts[4] as usize,
                value_length,
            }),
            log_limits: limits.map(|counts| LogLimits { attribute_count: counts[0] as usize, value_length }),
            temporality,
            cardinality_limit: cardinality,
            log_aggregation: folding
                .map(|(interval, max_records, max_bytes)| LogAggregation { interval, max_records, max_bytes }),
        }
    }
}

prop_compose! {
    fn alerts()(
        rules in option::of(vec((0..13usize, -1e300..=1e300f64, duration(0..=HOUR), any::<bool>(), text()), 0..4)),
        webhooks in vec((text(), btree_map(name(), text(), 0..3), duration(MS..=300_000 * MS), 1..=100u32), 1..3),
        log in any::<bool>(),
    ) -> AlertsConfig {
        use AlertMetric::{
            AcceptedPerSecond, AttemptFailureRatio, AttemptLatencyP50, AttemptLatencyP95, AttemptLatencyP99,
            DeliveredPerSecond, DiskQueuesDegraded, DroppedItems, EndpointsDown, MemoryUtilization, PendingItems,
            QueueUtilization, RejectedItems,
        };
        let metrics = [
            DroppedItems, RejectedItems, QueueUtilization, MemoryUtilization, PendingItems, EndpointsDown,
            DiskQueuesDegraded, AttemptFailureRatio, AttemptLatencyP50, AttemptLatencyP95, AttemptLatencyP99,
            AcceptedPerSecond, DeliveredPerSecond,
        ];
        let comparisons = [Comparison::Above, Comparison::AtLeast, Comparison::Below, Comparison::AtMost];
        let severities = [AlertSeverity::Info, AlertSeverity::Warning, AlertSeverity::Critical];
        let rule = |(index, (metric, threshold, wait, is_cleared, summary)): (usize, (usize, f64, _, _, _))| {
            let mut rule = AlertRuleConfig::new(format!("r {index}"), metrics[metric], comparisons[metric % 4], threshold);
            (rule.pending_for, rule.keep_firing_for, rule.summary) = (wait, wait, summary);
            rule.severity = severities[metric % 3];
            rule.clear_threshold = Some(threshold).filter(|_| is_cleared);
            rule
        };
        let webhook = |(tail, headers, timeout, attempts): (String, _, _, _)| {
            let mut webhook = WebhookConfig::new(format!("http://{tail}"));
            (webhook.headers, webhook.timeout, webhook.max_attempts) = (SecretValues(headers), timeout, attempts);
            webhook
        };
        AlertsConfig {
            rules: rules.map(|rules| rules.into_iter().enumerate().map(rule).collect()),
            log,
            webhooks: webhooks.into_iter().map(webhook).collect(),
        }
    }
}

proptest! {
    #[test]
    fn every_part_reads_back_as_the_same(
        receivers in option::of(receivers()),
        discovery in discovery(),
        policies in option::of(policies()),
        telemetry in telemetry(),
        delivery in option::of((any::<bool>(), duration(0..=HOUR))),
        health in any::<[bool; 2]>(),
        alerts in option::of(alerts()),
    ) {
        let mut config = ClientConfig::from(full());
        config.production.security.enable_authentication = false;
        config.receivers = receivers.unwrap_or_default();
        config.service_discovery = Some(discovery);
        if !config.receivers.signal_endpoints.is_empty() {
            // Receivers that are found have no endpoint for a signal.
            config.service_discovery = config.service_discovery.map(|found| DiscoveryConfig { receiver_service: None, ..found });
        }
        (config.load_balancer, config.circuit_breaker) = policies.unzip();
        config.telemetry = telemetry;
        config.delivery = delivery.map(|(console, drop_deadline)| DeliveryConfig { console, drop_deadline });
        config.health = HealthConfig { public: health[0], endpoints_required: health[1] };
        config.alerts = alerts;
        let yaml = config.to_yaml().unwrap();
        let read = ClientConfig::from_yaml_str(&yaml);
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{yaml}")), Ok(config));
    }

    #[test]
    fn so_do_several_endpoints_in_place_of_one(urls in vec("https://[a-z]{1,9}:[1-9][0-9]{3}", 1..4)) {
        let mut config = ClientConfig::from(full());
        config.production.endpoint = String::new();
        config.receivers.endpoints = urls;
        let yaml = config.to_yaml().unwrap();
        let read = ClientConfig::from_yaml_str(&yaml);
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{yaml}")), Ok(config));
    }
}
