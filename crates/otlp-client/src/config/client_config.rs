//! All that a file may say of a client: the configuration of production, and what the client has beside it.

use std::{collections::BTreeMap, path::Path};

use otlp_batch::{BatchLimits, DiskQueueConfig, MemoryPoolConfig};
use serde::{Deserialize, Serialize};

use super::{
    AlertsConfig, BreakerConfig, Check, ConfigFileError, DeliveryConfig, DiscoveryConfig, FieldError, HealthConfig,
    KafkaSettings, LoadBalancerConfig, ProductionConfig, ReceiversConfig, TelemetryConfig,
    batch::{self, from_batch},
    check, contradictions, disk_queue, file, reference, yaml,
};

/// All that a file may say of a client: the fields of [`ProductionConfig`], and beside them these parts.
///
/// `docs/configuration.md` has a file that says all of it. A part beside production that is left out, or is as its defaults
/// are, is as if nobody had said anything of it: code that came before counts, or the environment. A field of production
/// that is left out has its default, which beats the environment as all of production does.
///
/// ```
/// use otlp_client::{EnhancedOtlpClient, config::ClientConfig};
///
/// let config = ClientConfig::from_yaml_str(
///     "
///     endpoint: https://collector:4317
///     service_name: shop
///     security: { enable_encryption: true, encryption_key: '${QUEUE_KEY}' }
///     resource_attributes: { service.namespace: shops, host.name: '${HOSTNAME:-unknown}' }
///     batch_limits: { max_batch_bytes: 2MiB, on_full: drop_oldest }
///     memory_pool: { max_size: 64MiB }
///     disk_queue:
///       directory: ${STATE_DIRECTORY:-/var/spool}/telemetry
///       max_bytes: 2GiB
///       durability: 500ms   # or: always, none
///     receivers:
///       headers: { x-api-key: '${file:/run/secrets/key}' }
///     service_discovery:
///       receiver_service: otel-collector
///       consul: { endpoint: http://127.0.0.1:8500 }
///     load_balancer: { strategy: least_loaded }
///     alerts:
///       webhooks: [{ url: '${ALERT_URL}' }]
///     ",
/// )?;
/// assert_eq!(config.memory_pool.max_size, 64 << 20);
/// let builder = EnhancedOtlpClient::builder().with_client_config(config);
/// # let _ = builder;
/// # Ok::<(), otlp_client::config::ConfigFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClientConfig {
    /// The fields at the top of the file.
    pub production: ProductionConfig,
    /// Attributes of the resource. The values may hold references, see [`ProductionConfig`].
    pub resource_attributes: BTreeMap<String, String>,
    /// What batches and records may weigh, and what happens when there is no room.
    pub batch_limits: BatchLimits,
    /// The memory of telemetry that is not delivered yet.
    pub memory_pool: MemoryPoolConfig,
    /// Where what is not delivered in time is kept; the path may hold references. Its key is `security.encryption_key`.
    pub disk_queue: Option<DiskQueueConfig>,
    /// Where telemetry goes and how, beyond one endpoint.
    pub receivers: ReceiversConfig,
    /// Where services are found, and whether this one is to be found.
    pub service_discovery: Option<DiscoveryConfig>,
    /// How batches are spread over several receivers.
    pub load_balancer: Option<LoadBalancerConfig>,
    /// When an endpoint counts as down.
    pub circuit_breaker: Option<BreakerConfig>,
    /// What is recorded, and how contexts travel.
    pub telemetry: TelemetryConfig,
    /// Where items go beside the receivers.
    pub delivery: Option<DeliveryConfig>,
    /// Who may ask how the client is.
    pub health: HealthConfig,
    /// What is watched of the client's own figures, and who hears of it.
    pub alerts: Option<AlertsConfig>,
    /// Kafka as a destination; it needs the feature `kafka`.
    pub kafka: Option<KafkaSettings>,
}

/// The parts beside those of production, as a file says them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Beside {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resource_attributes: BTreeMap<String, String>,
    #[serde(with = "batch::Limits")]
    batch_limits: BatchLimits,
    #[serde(with = "batch::MemoryPool")]
    memory_pool: MemoryPoolConfig,
    #[serde(with = "disk_queue", skip_serializing_if = "Option::is_none")]
    disk_queue: Option<DiskQueueConfig>,
    #[serde(skip_serializing_if = "is_default")]
    receivers: ReceiversConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_discovery: Option<DiscoveryConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer: Option<LoadBalancerConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit_breaker: Option<BreakerConfig>,
    #[serde(skip_serializing_if = "is_default")]
    telemetry: TelemetryConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryConfig>,
    #[serde(skip_serializing_if = "is_default")]
    health: HealthConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<AlertsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kafka: Option<KafkaSettings>,
}

fn is_default<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}

impl Beside {
    /// Its fields.
    const FIELDS: &[&str] = &[
        "resource_attributes",
        "batch_limits",
        "memory_pool",
        "disk_queue",
        "receivers",
        "service_discovery",
        "load_balancer",
        "circuit_breaker",
        "telemetry",
        "delivery",
        "health",
        "alerts",
        "kafka",
    ];

    fn with(self, production: ProductionConfig) -> ClientConfig {
        let Beside { resource_attributes, batch_limits, memory_pool, disk_queue, receivers, .. } = self;
        let Beside { service_discovery, load_balancer, circuit_breaker, telemetry, delivery, .. } = self;
        let Beside { health, alerts, kafka, .. } = self;
        ClientConfig {
            production,
            resource_attributes,
            batch_limits,
            memory_pool,
            disk_queue,
            receivers,
            service_discovery,
            load_balancer,
            circuit_breaker,
            telemetry,
            delivery,
            health,
            alerts,
            kafka,
        }
    }
}

impl From<ProductionConfig> for ClientConfig {
    fn from(production: ProductionConfig) -> Self {
        Beside::default().with(production)
    }
}

/// As a file says it.
impl Serialize for ClientConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document {
            #[serde(flatten)]
            production: ProductionConfig,
            #[serde(flatten)]
            beside: Beside,
        }
        let ClientConfig { production, resource_attributes, batch_limits, memory_pool, disk_queue, .. } = self.clone();
        let ClientConfig { receivers, service_discovery, load_balancer, circuit_breaker, telemetry, .. } = self.clone();
        let ClientConfig { delivery, health, alerts, kafka, .. } = self.clone();
        let beside = Beside {
            resource_attributes,
            batch_limits,
            memory_pool,
            disk_queue,
            receivers,
            service_discovery,
            load_balancer,
            circuit_breaker,
            telemetry,
            delivery,
            health,
            alerts,
            kafka,
        };
        Document { production, beside }.serialize(serializer)
    }
}

impl ClientConfig {
    /// Reads YAML, as [`ProductionConfig::from_yaml_str`] does.
    pub fn from_yaml_str(text: &str) -> Result<Self, ConfigFileError> {
        if text.len() as u64 > file::MAX_BYTES {
            return Err(ConfigFileError::TooLong);
        }
        let document = yaml::parse(text)?;
        let mut node = document.clone();
        let beside = node.split_off(Beside::FIELDS);
        let beside: Beside = yaml::structure(&beside, &[])?;
        let receiver = beside.receivers.endpoints.first().map(String::as_str);
        if receiver.is_some() {
            // They stand in its place.
            node.or_empty_text("endpoint");
        }
        let production = ProductionConfig::from_node(&node, Beside::FIELDS, receiver)?;
        let config = beside.with(production);
        config.validate().map_err(|error| {
            let place = document.place_of(error.field());
            error.at(Some(place))
        })?;
        Ok(config)
    }

    /// Reads a YAML file, as [`ClientConfig::from_yaml_str`].
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        file::read(path.as_ref(), Self::from_yaml_str)
    }

    /// The configuration as YAML that reads back as the same. References stay references; a secret that is written out in
    /// the configuration is written out here.
    ///
    /// # Errors
    ///
    /// A disk queue with a key of its own, or with a path that is no Unicode text: neither can be written.
    pub fn to_yaml(&self) -> Result<String, ConfigFileError> {
        yaml::write(self)
    }

    /// Writes [`ClientConfig::to_yaml`] to a file that only its owner may read; an older one is replaced at once.
    pub fn to_yaml_file(&self, path: impl AsRef<Path>) -> Result<(), ConfigFileError> {
        file::write(path.as_ref(), &self.to_yaml()?)
    }

    /// Names the first field that cannot be used. References are not followed.
    pub fn validate(&self) -> Result<(), FieldError> {
        self.production.validate_beside(&self.receivers.endpoints)?;
        check(!self.resource_attributes.keys().any(|name| name.trim().is_empty()), || {
            FieldError::value("resource_attributes", "the name \"\"", "attributes whose names are not empty")
        })?;
        self.batch_limits.check("batch_limits")?;
        self.memory_pool.check("memory_pool")?;
        if let Some(disk_queue) = &self.disk_queue {
            disk_queue.validate().map_err(|error| from_batch("disk_queue", error))?;
        }
        self.receivers.check("receivers")?;
        self.telemetry.check("telemetry")?;
        let parts: [(&str, Option<&dyn Check>); 6] = [
            ("service_discovery", self.service_discovery.as_ref().map(|part| part as &dyn Check)),
            ("load_balancer", self.load_balancer.as_ref().map(|part| part as &dyn Check)),
            ("circuit_breaker", self.circuit_breaker.as_ref().map(|part| part as &dyn Check)),
            ("delivery", self.delivery.as_ref().map(|part| part as &dyn Check)),
            ("alerts", self.alerts.as_ref().map(|part| part as &dyn Check)),
            ("kafka", self.kafka.as_ref().map(|part| part as &dyn Check)),
        ];
        for (path, part) in parts {
            part.map_or(Ok(()), |part| part.check(path))?;
        }
        contradictions::check_all(self)
    }

    /// The same with another production, in which references are followed.
    pub(crate) fn with_production(
        &self,
        production: &ProductionConfig,
        sources: &dyn reference::Sources,
    ) -> Result<Self, FieldError> {
        let config = ClientConfig { production: production.resolved(sources)?, ..self.clone() };
        config.validate()?;
        Ok(config)
    }

    /// The same with references followed, checked by what will use it.
    pub(crate) fn resolved(&self, sources: &dyn reference::Sources) -> Result<Self, FieldError> {
        let mut follow = |field: &str, text: &mut String| -> Result<(), FieldError> {
            *text = reference::resolve(field, text, sources)?;
            Ok(())
        };
        let mut config = ClientConfig { production: self.production.resolved(sources)?, ..self.clone() };
        for (name, value) in &mut config.resource_attributes {
            follow(&format!("resource_attributes.{name}"), value)?;
        }
        config.disk_queue = config.disk_queue.map(|queue| disk_queue::resolved(queue, sources)).transpose()?;
        config.receivers.follow("receivers", &mut follow)?;
        if let Some(discovery) = &mut config.service_discovery {
            discovery.follow("service_discovery", &mut follow)?;
        }
        if let Some(alerts) = &mut config.alerts {
            alerts.follow("alerts", &mut follow)?;
        }
        if let Some(kafka) = &mut config.kafka {
            kafka.follow("kafka", &mut follow)?;
        }
        config.validate()?;
        if let Some(alerts) = &config.alerts {
            alerts.check_resolved("alerts")?;
        }
        #[cfg(feature = "kafka")]
        if let Some(kafka) = &config.kafka {
            kafka.check_resolved("kafka")?;
        }
        Ok(config)
    }
}
