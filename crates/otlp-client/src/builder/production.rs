//! The settings of a client in production, from one structure.

use otlp_batch::{DiskQueueConfig, EncryptionKey};
use otlp_core::KeyValue;
use otlp_reliability::CircuitBreakerConfig;
use otlp_transport::{Auth, ClientIdentity, ConnectionPoolConfig, TlsOptions};
use parking_lot::Mutex;

use super::policies::RetryChoice;
use crate::{
    BuildError, ClientBuilder, EnhancedOtlpClient,
    config::{ClientConfig, FieldError, Process, ProductionConfig, SecurityConfig, TlsConfig},
    reload::{Reach, ReloadError, Reloadable, Reloading},
};

/// What a configuration said that is looked at when the client is built.
#[derive(Default)]
pub(super) struct Said {
    /// The first thing that cannot be.
    refused: Option<BuildError>,
    /// The key of the disk queue.
    key: Option<EncryptionKey>,
    /// Whether the disk queue is to be encrypted.
    is_encrypted: bool,
    /// The configuration, with references followed.
    config: Option<ClientConfig>,
    /// When an endpoint counts as down where the configuration does not say it; `None` for never.
    otherwise_down: Option<CircuitBreakerConfig>,
    /// Whether a variable switches the client off.
    is_disabled: bool,
    /// What is set and has no effect.
    pub(super) notices: Vec<String>,
}

impl EnhancedOtlpClient {
    /// A client as `config` says; short for [`ClientBuilder::with_production_config`] and [`ClientBuilder::build`].
    ///
    /// A configuration with an `encryption_key` needs a disk queue to encrypt, which only the builder can give it.
    ///
    /// # Errors
    ///
    /// Those of [`ClientBuilder::build_blocking`].
    pub async fn with_production_config(config: ProductionConfig) -> Result<Self, BuildError> {
        EnhancedOtlpClient::builder().with_production_config(config).build().await
    }
}

impl ClientBuilder {
    /// Sets all that `config` says, and follows the references in it: variables and files are read here. What is set
    /// after this beats it. What is wrong with it is an error of [`ClientBuilder::build_blocking`].
    ///
    /// ```no_run
    /// use otlp_client::{DiskQueueConfig, EnhancedOtlpClient, config::ProductionConfig};
    ///
    /// let config = ProductionConfig::from_yaml_file("/etc/shop/telemetry.yaml")?;
    /// let client = EnhancedOtlpClient::builder()
    ///     .with_production_config(config)
    ///     .with_disk_queue(DiskQueueConfig::new("/var/spool/shop"))
    ///     .build_blocking()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_production_config(self, config: ProductionConfig) -> Self {
        self.or_refused(|builder| {
            let config = ClientConfig::from(config).resolved(&Process)?;
            builder.said.key = config.production.security.key("security")?;
            builder.apply(config.production.clone());
            builder.said.config = Some(config);
            Ok(())
        })
    }

    /// Sets all that `config` says, as [`ClientBuilder::with_production_config`], and the parts beside it. Alerts that it
    /// names are watched from the start.
    pub fn with_client_config(self, config: ClientConfig) -> Self {
        self.or_refused(|builder| {
            let config = config.resolved(&Process)?;
            builder.said.key = config.production.security.key("security")?;
            builder.apply(config.production.clone());
            builder.apply_beside(config.clone())?;
            builder.said.config = Some(config);
            Ok(())
        })
    }

    /// Sets what `set` makes of the settings, or notes why it could not.
    pub(super) fn or_refused(mut self, set: impl FnOnce(&mut Self) -> Result<(), BuildError>) -> Self {
        if let Err(error) = set(&mut self) {
            self.said.refused.get_or_insert(error);
        }
        self
    }

    fn apply(&mut self, config: ProductionConfig) {
        let ProductionConfig {
            endpoint,
            service_name,
            service_version,
            environment,
            transport,
            connection,
            batch,
            retry,
            monitoring,
            security,
            logging,
        } = config;
        self.export.endpoint = Some(endpoint).filter(|endpoint| !endpoint.is_empty());
        self.service_name = Some(service_name);
        for (name, value) in [("service.version", service_version), ("deployment.environment.name", environment)] {
            if !value.is_empty() {
                self.resource_attributes.push(KeyValue::new(name, value));
            }
        }
        self.export.protocol = Some(transport.protocol.into());
        self.export.compression = Some(transport.compression);
        self.export.tls = transport.tls_config.as_ref().filter(|tls| tls.enabled).map(tls_options);
        self.export.require_tls = security.enable_encryption;
        self.export.pool = ConnectionPoolConfig {
            max_connections: connection.max_connections,
            connection_timeout: connection.connect_timeout,
            idle_timeout: connection.keep_alive_timeout,
            ..ConnectionPoolConfig::default()
        };
        self.export.max_idle_connections = Some(connection.max_idle_connections);
        self.export.timeout = Some(connection.request_timeout);
        self.batch = Some(batch);
        self.retry = RetryChoice::Config(retry);
        self.configure_monitoring(&monitoring);
        if security.enable_authentication {
            self.export.auth = Some(Auth::bearer(security.auth_token.as_str()));
        }
        self.logging = Some(logging);
        self.said.notices.extend(idle(&security));
        self.said.is_encrypted = security.enable_encryption;
        self.said.otherwise_down.clone_from(&self.circuit_breaker);
    }
}

impl Said {
    /// Of a client that a variable switches off: nothing else matters.
    pub(super) fn disabled() -> Self {
        Said { is_disabled: true, ..Said::default() }
    }

    /// The client as it can be reloaded, if there is a configuration to reload.
    pub(super) fn reloading(&mut self, reach: Reach) -> Reloadable {
        if self.is_disabled {
            return Err(|| ReloadError::Disabled);
        }
        let Some(config) = self.config.take() else { return Err(|| ReloadError::NotConfigured) };
        let auth = reach.auth.filter(|_| config.production.security.enable_authentication);
        let (otherwise_down, reach) = (self.otherwise_down.take(), Reach { auth, ..reach });
        Ok(Reloading { in_force: Mutex::new(config), otherwise_down, reach })
    }

    /// What was refused, and what the key has to encrypt: the disk queue as it has to be.
    pub(super) fn settle(
        &mut self,
        disk_queue: Option<DiskQueueConfig>,
    ) -> Result<Option<DiskQueueConfig>, BuildError> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        let contradiction = |field, reason| Err(FieldError::contradiction(field, reason).into());
        match (disk_queue, self.key.take()) {
            (Some(disk_queue), Some(key)) => Ok(Some(disk_queue.with_encryption_key(key))),
            (Some(disk_queue), None) if self.is_encrypted && !disk_queue.is_encrypted() => contradiction(
                "security.encryption_key",
                "it is empty, enable_encryption is true, and there is a disk queue, which would not be encrypted: give \
                 a key",
            ),
            (None, Some(_)) => contradiction(
                "security.encryption_key",
                "it encrypts the disk queue, and there is none, so it would encrypt nothing (what is sent is encrypted \
                 by TLS, without it): add a disk queue (with_disk_queue of the builder), or leave it empty",
            ),
            (disk_queue, None) => Ok(disk_queue),
        }
    }
}

/// What is set in vain.
fn idle(security: &SecurityConfig) -> Vec<String> {
    let mut notices = Vec::new();
    let mut idle = |is_on: bool, value: &str, field: &str, flag: &str| {
        if !is_on && !value.is_empty() {
            notices.push(format!("security.{field} is set and not used, because security.{flag} is false"));
        }
    };
    idle(security.enable_authentication, &security.auth_token, "auth_token", "enable_authentication");
    idle(security.enable_encryption, &security.encryption_key, "encryption_key", "enable_encryption");
    notices
}

fn tls_options(tls: &TlsConfig) -> TlsOptions {
    let mut options = TlsOptions::new();
    if !tls.ca_file.is_empty() {
        options = options.with_ca_file(&tls.ca_file);
    }
    if !tls.cert_file.is_empty() {
        options = options.with_identity(ClientIdentity::from_files(&tls.cert_file, &tls.key_file));
    }
    options
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::ConnectionConfig;

    #[test]
    fn connections_are_as_many_and_as_long_as_the_configuration_says() {
        let seconds = Duration::from_secs;
        let connection = ConnectionConfig {
            connect_timeout: seconds(1),
            request_timeout: seconds(2),
            keep_alive_timeout: seconds(3),
            max_idle_connections: 4,
            max_connections: 5,
        };
        let mut config = ProductionConfig::new("https://127.0.0.1:1", "shop");
        config.connection = connection;
        config.security.enable_encryption = true;
        let builder = EnhancedOtlpClient::builder().with_production_config(config);
        let pool = ConnectionPoolConfig {
            max_connections: 5,
            connection_timeout: seconds(1),
            idle_timeout: seconds(3),
            ..ConnectionPoolConfig::default()
        };
        assert_eq!(builder.export.pool, pool);
        assert_eq!((builder.export.timeout, builder.export.max_idle_connections), (Some(seconds(2)), Some(4)));
        assert!(builder.export.require_tls);
    }
}
