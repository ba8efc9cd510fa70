//! The parts of a configuration beside those of production, as settings of the builder.

use std::sync::Arc;

use otlp_batch::{BatchLimits, MemoryPoolConfig};
use otlp_core::{KeyValue, Signal};
use otlp_transport::{Auth, KeepAlive};

use crate::{
    ClientBuilder,
    config::{
        AlertsConfig, ClientConfig, DeliveryConfig, FieldError, HealthConfig, KeepAliveConfig, PropagatorName,
        ReceiversConfig, TelemetryConfig, TlsDetails,
    },
};

impl ClientBuilder {
    /// Sets all that `config` says beside production, whose parts are set already. Its references have been followed.
    pub(super) fn apply_beside(&mut self, config: ClientConfig) -> Result<(), FieldError> {
        let ClientConfig { production, resource_attributes, batch_limits, memory_pool, disk_queue, .. } = config;
        let ClientConfig { receivers, service_discovery, load_balancer, circuit_breaker, telemetry, .. } = config;
        let ClientConfig { delivery, health, alerts, kafka, .. } = config;
        let attributes = resource_attributes.into_iter().map(|(name, value)| KeyValue::new(name, value));
        self.resource_attributes.extend(attributes);
        // What has its default may have been left out, and then what code said before counts.
        if batch_limits != BatchLimits::default() {
            self.limits = batch_limits;
        }
        if memory_pool != MemoryPoolConfig::default() {
            self.memory = memory_pool;
        }
        self.disk_queue = disk_queue.or(self.disk_queue.take());
        self.apply_receivers(receivers);
        if let Some(discovery) = service_discovery {
            let discovery = discovery.discovery("service_discovery", &production.service_name)?;
            self.receivers.discovery = Some(discovery);
        }
        if let Some(balancer) = load_balancer {
            self.receivers.balancer = Some(balancer.balancer());
        }
        if let Some(breaker) = circuit_breaker {
            self.circuit_breaker = breaker.settings();
        }
        self.apply_telemetry(telemetry);
        if let Some(DeliveryConfig { console, drop_deadline }) = delivery {
            self.console = console;
            self.drop_deadline = Some(drop_deadline);
        }
        let HealthConfig { public, endpoints_required } = health;
        self.monitoring.is_public |= public;
        self.monitoring.endpoints_required |= endpoints_required;
        if let Some(alerts) = alerts {
            self.apply_alerts(&alerts);
        }
        #[cfg(feature = "kafka")]
        if let Some(kafka) = kafka {
            self.kafka = Some(kafka.exporter());
        }
        #[cfg(not(feature = "kafka"))]
        drop(kafka);
        Ok(())
    }

    fn apply_receivers(&mut self, receivers: ReceiversConfig) {
        let ReceiversConfig { endpoints, mut signal_endpoints, signals, headers, auth_token_file, tls, keep_alive } =
            receivers;
        if !endpoints.is_empty() {
            self.receivers.endpoints = Some(endpoints);
        }
        for (signal, url) in signal_endpoints.each_mut() {
            self.export.signal_endpoints[signal.index()] = Some(std::mem::take(url));
        }
        if let Some(signals) = signals {
            let mut chosen = [false; 3];
            signals.into_iter().for_each(|signal| chosen[Signal::from(signal).index()] = true);
            self.otlp_signals = Some(chosen);
        }
        // What code said before.
        let is_configured = |name: &str| headers.0.keys().any(|set| set.eq_ignore_ascii_case(name));
        self.export.headers.retain(|(name, _)| !is_configured(name));
        self.export.configured_headers.replace(headers);
        if let Some(path) = auth_token_file {
            self.export.auth = Some(Auth::bearer_file(path));
        }
        if tls != TlsDetails::default() {
            let TlsDetails { server_name, min_version, system_roots } = tls;
            let mut options = self.export.tls.take().unwrap_or_default().with_min_version(min_version);
            if let Some(name) = server_name {
                options = options.with_server_name(name);
            }
            self.export.tls = Some(if system_roots { options.with_system_roots() } else { options });
        }
        if keep_alive != KeepAliveConfig::default() {
            let KeepAliveConfig { enabled, min_connections, ping_interval, ping_timeout, ping_while_idle } = keep_alive;
            self.export.pool.keep_alive = enabled;
            self.export.pool.min_connections = min_connections;
            let pings = KeepAlive { interval: ping_interval, timeout: ping_timeout, while_idle: ping_while_idle };
            self.export.pings = enabled.then_some(pings);
        }
    }

    fn apply_telemetry(&mut self, telemetry: TelemetryConfig) {
        self.sampler = telemetry.sampler().or(self.sampler.take());
        let TelemetryConfig { propagators, span_limits, log_limits, temporality, .. } = telemetry;
        let TelemetryConfig { cardinality_limit, log_aggregation, .. } = telemetry;
        if let Some(names) = propagators {
            self.propagator = Some(Arc::new(PropagatorName::composite(&names)));
        }
        self.span_limits = span_limits.or(self.span_limits);
        self.log_limits = log_limits.or(self.log_limits);
        self.temporality = temporality.or(self.temporality);
        self.metrics.cardinality_limit = cardinality_limit.unwrap_or(self.metrics.cardinality_limit);
        self.log_aggregation = log_aggregation.or(self.log_aggregation);
    }

    fn apply_alerts(&mut self, alerts: &AlertsConfig) {
        let settings = &mut self.monitoring.alerts;
        settings.rules = alerts.rules().or(settings.rules.take());
        settings.sinks.extend(alerts.sinks());
        settings.are_watched = true;
    }
}

#[cfg(test)]
mod tests {
    use otlp_transport::{TlsOptions, TlsVersion};

    use super::*;
    use crate::{
        EnhancedOtlpClient,
        config::{ProductionConfig, TlsConfig},
    };

    #[test]
    fn tls_is_what_production_and_its_details_say_together() {
        let mut config = ClientConfig::from(ProductionConfig::new("https://127.0.0.1:1", "shop"));
        let built = |config: &ClientConfig| EnhancedOtlpClient::builder().with_client_config(config.clone()).export.tls;
        assert_eq!(built(&config), None);
        let tls = &mut config.receivers.tls;
        (tls.server_name, tls.min_version) = (Some("collector.test".to_owned()), TlsVersion::Tls13);
        let options = TlsOptions::new().with_server_name("collector.test").with_min_version(TlsVersion::Tls13);
        assert_eq!(built(&config), Some(options.clone()));
        config.receivers.tls.system_roots = true;
        config.production.transport.tls_config = Some(TlsConfig { ca_file: "/ca.pem".into(), ..TlsConfig::default() });
        assert_eq!(built(&config), Some(options.with_ca_file("/ca.pem").with_system_roots()));
    }

    #[test]
    fn what_a_file_leaves_out_is_left_as_code_said_before() {
        let config = ClientConfig::from(ProductionConfig::new("http://127.0.0.1:1", "shop"));
        let limits = BatchLimits { max_in_flight: 7, ..BatchLimits::default() };
        let memory = MemoryPoolConfig { max_size: 64 << 20, ..MemoryPoolConfig::default() };
        let builder = EnhancedOtlpClient::builder()
            .with_header("x-tenant", "seven")
            .without_circuit_breaker()
            .with_cardinality_limit(7)
            .with_monitoring_public(true)
            .with_console_exporter()
            .with_batch_limits(limits)
            .with_memory_pool_config(memory)
            .with_client_config(config);
        assert_eq!((builder.limits, builder.memory), (limits, memory));
        assert_eq!(builder.export.headers, [("x-tenant".to_owned(), "seven".to_owned())]);
        assert!(builder.circuit_breaker.is_none() && builder.monitoring.is_public && builder.console);
        assert_eq!(builder.metrics.cardinality_limit, 7);
    }
}
