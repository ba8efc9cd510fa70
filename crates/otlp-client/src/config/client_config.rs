//! All that a file may say of a client: the configuration of production, and what the client has beside it.

use std::{collections::BTreeMap, path::Path};

use otlp_batch::{BatchLimits, DiskQueueConfig, MemoryPoolConfig};
use serde::{Deserialize, Serialize};

use super::{
    Check, ConfigFileError, FieldError, ProductionConfig,
    batch::{self, from_batch},
    check, disk_queue, file, reference, yaml,
};

/// All that a file may say of a client: the fields of [`ProductionConfig`], and beside them these parts.
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
}

impl Beside {
    /// Its fields.
    const FIELDS: &[&str] = &["resource_attributes", "batch_limits", "memory_pool", "disk_queue"];
}

impl From<ProductionConfig> for ClientConfig {
    fn from(production: ProductionConfig) -> Self {
        ClientConfig::of(production, Beside::default())
    }
}

impl ClientConfig {
    fn of(production: ProductionConfig, beside: Beside) -> Self {
        let Beside { resource_attributes, batch_limits, memory_pool, disk_queue } = beside;
        ClientConfig { production, resource_attributes, batch_limits, memory_pool, disk_queue }
    }

    /// Reads YAML, as [`ProductionConfig::from_yaml_str`] does.
    pub fn from_yaml_str(text: &str) -> Result<Self, ConfigFileError> {
        if text.len() as u64 > file::MAX_BYTES {
            return Err(ConfigFileError::TooLong);
        }
        let mut node = yaml::parse(text)?;
        let beside = node.split_off(Beside::FIELDS);
        let production = ProductionConfig::from_node(&node, Beside::FIELDS)?;
        let config = ClientConfig::of(production, yaml::structure(&beside, &[])?);
        config.check_beside().map_err(|error| {
            let place = beside.place_of(error.field());
            error.at(Some(place))
        })?;
        Ok(config)
    }

    /// Reads a YAML file, as [`ClientConfig::from_yaml_str`].
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        Self::from_yaml_str(&file::read(path.as_ref())?)
    }

    /// The configuration as YAML that reads back as the same. References stay references.
    ///
    /// # Errors
    ///
    /// A disk queue with a key of its own, or with a path that is no Unicode text: neither can be written.
    pub fn to_yaml(&self) -> Result<String, ConfigFileError> {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(flatten)]
            production: &'a ProductionConfig,
            #[serde(flatten)]
            beside: Beside,
        }
        let ClientConfig { production, resource_attributes, batch_limits, memory_pool, disk_queue } = self;
        let (batch_limits, memory_pool) = (*batch_limits, *memory_pool);
        let (resource_attributes, disk_queue) = (resource_attributes.clone(), disk_queue.clone());
        let beside = Beside { resource_attributes, batch_limits, memory_pool, disk_queue };
        yaml::write(&Document { production, beside })
    }

    /// Writes [`ClientConfig::to_yaml`] to a file that only its owner may read; an older one is replaced at once.
    pub fn to_yaml_file(&self, path: impl AsRef<Path>) -> Result<(), ConfigFileError> {
        file::write(path.as_ref(), &self.to_yaml()?)
    }

    /// Names the first field that cannot be used. References are not followed.
    pub fn validate(&self) -> Result<(), FieldError> {
        self.production.validate()?;
        self.check_beside()
    }

    fn check_beside(&self) -> Result<(), FieldError> {
        check(!self.resource_attributes.keys().any(|name| name.trim().is_empty()), || {
            FieldError::value("resource_attributes", "the name \"\"", "attributes whose names are not empty")
        })?;
        self.batch_limits.check("batch_limits")?;
        self.memory_pool.check("memory_pool")?;
        self.disk_queue
            .as_ref()
            .map_or(Ok(()), |disk_queue| disk_queue.validate().map_err(|error| from_batch("disk_queue", error)))
    }

    /// The parts beside those of production, with references followed.
    pub(crate) fn beside_resolved(&self, sources: &dyn reference::Sources) -> Result<Self, FieldError> {
        let mut config = self.clone();
        for (name, value) in &mut config.resource_attributes {
            *value = reference::resolve(&format!("resource_attributes.{name}"), value, sources)?;
        }
        config.disk_queue = config.disk_queue.map(|queue| disk_queue::resolved(queue, sources)).transpose()?;
        config.check_beside()?;
        Ok(config)
    }
}
