//! The configuration of a client in production: one structure, in code or in a YAML file.

use std::{fmt, path::Path};

use otlp_batch::BatchConfig;
use serde::{Deserialize, Serialize};

use super::{
    Check, ConfigFileError, ConnectionConfig, FieldError, LoggingConfig, MonitoringConfig, RetryConfig, SecurityConfig,
    TransportConfig, TransportProtocol, batch, check, file, reference, yaml,
};

/// The configuration of a client in production.
///
/// Each field acts; what cannot act is refused when the client is built, by an error that names the field, its value
/// and what is accepted. What is left out in code comes from [`ProductionConfig::new`].
///
/// # Files
///
/// [`ProductionConfig::from_yaml_file`] reads YAML (or JSON) of at most 1 MiB. What is left out there has the same
/// defaults; `endpoint` and `service_name` have none, nor has `transport.protocol` if a reference hides the port.
/// Durations have a unit, `200ms` or `1m 30s`. A field that is not known or is there twice is refused with its place,
/// as is one that is out of range.
///
/// # References
///
/// Text may hold references: `${NAME}` or `${env:NAME}` is a variable of the environment, `${NAME:-default}` one that may
/// be unset or empty, `${file:/path}` the content of a file without its last line break. They are followed when the client
/// is built or reloaded: what [`ProductionConfig::to_yaml`] writes are the references and not what they stand for. `$${`
/// is the text `${`, and any other `$` is itself; a program that puts values it does not know into a field passes them
/// through [`literal`](super::literal).
///
/// ```
/// use otlp_client::config::ProductionConfig;
///
/// let config = ProductionConfig::from_yaml_str(
///     "
///     endpoint: https://collector:4317
///     service_name: shop
///     service_version: 1.4.0
///     transport: { compression: gzip }
///     batch: { max_batch_size: 1000, batch_timeout: 200ms }
///     security:
///       enable_authentication: true
///       auth_token: ${OTLP_TOKEN}
///     ",
/// )?;
/// assert_eq!(config.batch.max_batch_size, 1000);
///
/// let error = ProductionConfig::from_yaml_str("endpoint: http://a:4317\nservice_name: shop\nbatsh: {}").unwrap_err();
/// assert!(error.to_string().starts_with("line 3, column 1: batsh is not known; the nearest is \"batch\""), "{error}");
/// # Ok::<(), otlp_client::config::ConfigFileError>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductionConfig {
    /// Where telemetry goes, for instance `https://otel-collector:4317`. Over HTTP, `/v1/<signal>` is appended.
    pub endpoint: String,
    /// `service.name` of the resource. Not empty.
    pub service_name: String,
    /// `service.version` of the resource; empty for none.
    #[serde(default)]
    pub service_version: String,
    /// `deployment.environment.name` of the resource; empty for none.
    #[serde(default)]
    pub environment: String,
    /// How the endpoint is spoken to.
    #[serde(default)]
    pub transport: TransportConfig,
    /// How long to wait for the endpoint, and how many connections to it there may be.
    #[serde(default)]
    pub connection: ConnectionConfig,
    /// When batches close, and how much may wait.
    #[serde(default, with = "batch::Batch")]
    pub batch: BatchConfig,
    /// How often and when a failed request is repeated.
    #[serde(default)]
    pub retry: RetryConfig,
    /// What the client tells of itself.
    #[serde(default)]
    pub monitoring: MonitoringConfig,
    /// Who we say we are, and what is kept from others.
    #[serde(default)]
    pub security: SecurityConfig,
    /// What the client prints about itself, and in which form log records travel.
    #[serde(default)]
    pub logging: LoggingConfig,
}

impl ProductionConfig {
    /// The defaults, for a service that sends to `endpoint`; the protocol is that of its port.
    pub fn new(endpoint: impl Into<String>, service_name: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        let protocol = TransportProtocol::of_endpoint(&endpoint);
        ProductionConfig {
            endpoint,
            service_name: service_name.into(),
            service_version: String::new(),
            environment: String::new(),
            transport: TransportConfig { protocol, ..TransportConfig::default() },
            connection: ConnectionConfig::default(),
            batch: BatchConfig::default(),
            retry: RetryConfig::default(),
            monitoring: MonitoringConfig::default(),
            security: SecurityConfig::default(),
            logging: LoggingConfig::default(),
        }
    }

    /// Reads YAML. Names, types, ranges and what contradicts each other are checked; what references stand for, endpoints,
    /// headers, credentials and files are judged when a client is built or reloaded.
    pub fn from_yaml_str(text: &str) -> Result<Self, ConfigFileError> {
        if text.len() as u64 > file::MAX_BYTES {
            return Err(ConfigFileError::TooLong);
        }
        let node = yaml::parse(text)?;
        let config = Self::from_node(&node, &[], None)?;
        config.validate().map_err(|error| {
            let place = node.place_of(error.field());
            error.at(Some(place))
        })?;
        Ok(config)
    }

    /// Reads a YAML file, as [`ProductionConfig::from_yaml_str`].
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        file::read(path.as_ref(), Self::from_yaml_str)
    }

    /// The document without the fields of `others`, which it may have as well. The protocol is chosen by `receiver`, if it
    /// does not say its own endpoint. Ranges are not checked yet.
    pub(super) fn from_node(
        node: &yaml::Node,
        others: &[&'static str],
        receiver: Option<&str>,
    ) -> Result<Self, ConfigFileError> {
        let mut config: ProductionConfig = yaml::structure(node, others)?;
        if !node.says("transport.protocol") {
            let endpoint = receiver.filter(|_| config.endpoint.is_empty()).unwrap_or(&config.endpoint);
            check(names_its_port(endpoint), || {
                let reason = "it is missing, and the port, by which it would be chosen, is in a reference of the \
                              endpoint: say http, http_json or grpc";
                FieldError::contradiction("transport.protocol", reason).at(Some(node.place_of("transport.protocol")))
            })?;
            config.transport.protocol = TransportProtocol::of_endpoint(endpoint);
        }
        if !node.says("batch.max_batch_size") {
            // Whoever bounds the queue alone says nothing against batches that fit in.
            config.batch.max_batch_size = config.batch.max_batch_size.min(config.batch.max_queue_size.max(1));
        }
        Ok(config)
    }

    /// The configuration as YAML that reads back as the same. References stay references; a secret that is written out
    /// in the configuration is written out here.
    pub fn to_yaml(&self) -> Result<String, ConfigFileError> {
        yaml::write(self)
    }

    /// Writes [`ProductionConfig::to_yaml`] to a file that only its owner may read; an older one is replaced at once.
    pub fn to_yaml_file(&self, path: impl AsRef<Path>) -> Result<(), ConfigFileError> {
        file::write(path.as_ref(), &self.to_yaml()?)
    }

    /// Names the first field that cannot be used. References are not followed.
    pub fn validate(&self) -> Result<(), FieldError> {
        self.validate_beside(&[])
    }

    /// As [`ProductionConfig::validate`], where there may be `receivers` in place of the one endpoint.
    pub(super) fn validate_beside(&self, receivers: &[String]) -> Result<(), FieldError> {
        check(!self.endpoint.trim().is_empty() || !receivers.is_empty(), || {
            FieldError::value("endpoint", "empty", "a URL, like https://otel-collector:4317")
        })?;
        check(!self.service_name.trim().is_empty(), || FieldError::value("service_name", "empty", "a name"))?;
        self.transport.check("transport")?;
        self.connection.check("connection")?;
        self.batch.check("batch")?;
        self.retry.check("retry")?;
        self.monitoring.check("monitoring")?;
        self.security.check("security")?;
        let endpoint = if receivers.is_empty() { std::slice::from_ref(&self.endpoint) } else { receivers };
        endpoint.iter().try_for_each(|endpoint| self.check_encryption(endpoint))
    }

    /// What an endpoint, TLS and encryption say of each other.
    fn check_encryption(&self, endpoint: &str) -> Result<(), FieldError> {
        let (is_plain, is_tls) = (has_scheme(endpoint, "http"), has_scheme(endpoint, "https"));
        let tls = self.transport.tls_config.as_ref();
        let asked_by = match tls {
            Some(tls) if tls.enabled => Some("transport.tls_config.enabled"),
            _ if self.security.enable_encryption => Some("security.enable_encryption"),
            _ => None,
        };
        if let (true, Some(field)) = (is_plain, asked_by) {
            let reason = "it is true, and the endpoint is http://, which is not encrypted: make that https://";
            return Err(FieldError::contradiction(field, reason));
        }
        check(!is_tls || tls.is_none_or(|tls| tls.enabled), || {
            let reason =
                "it is false, and the endpoint is https://, which is spoken with TLS: make one of them the other";
            FieldError::contradiction("transport.tls_config.enabled", reason)
        })
    }

    /// The same with references followed, not checked yet.
    pub(super) fn resolved(&self, sources: &dyn reference::Sources) -> Result<Self, FieldError> {
        let mut config = self.clone();
        let follow = |field: &str, text: &mut String| -> Result<(), FieldError> {
            *text = reference::resolve(field, text, sources)?;
            Ok(())
        };
        follow("endpoint", &mut config.endpoint)?;
        follow("service_name", &mut config.service_name)?;
        follow("service_version", &mut config.service_version)?;
        follow("environment", &mut config.environment)?;
        if let Some(tls) = &mut config.transport.tls_config {
            follow("transport.tls_config.cert_file", &mut tls.cert_file)?;
            follow("transport.tls_config.key_file", &mut tls.key_file)?;
            follow("transport.tls_config.ca_file", &mut tls.ca_file)?;
        }
        if let Some(endpoint) = &mut config.monitoring.health_check_endpoint {
            follow("monitoring.health_check_endpoint", endpoint)?;
        }
        // What is switched off needs no variable.
        if config.security.enable_authentication {
            follow("security.auth_token", &mut config.security.auth_token)?;
        }
        if config.security.enable_encryption {
            follow("security.encryption_key", &mut config.security.encryption_key)?;
        }
        Ok(config)
    }
}

/// Whether the port is known, or its absence, without following references.
fn names_its_port(endpoint: &str) -> bool {
    let port = endpoint.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
    !endpoint.contains("${") || (!port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Whether a URL begins with this scheme, which is compared without case.
pub(crate) fn has_scheme(url: &str, scheme: &str) -> bool {
    url.trim_start().split_once("://").is_some_and(|(found, _)| found.eq_ignore_ascii_case(scheme))
}

/// Shows no token, no key, and of the endpoint neither credentials nor query.
impl fmt::Debug for ProductionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProductionConfig")
            .field("endpoint", &shown(&self.endpoint))
            .field("service_name", &self.service_name)
            .field("service_version", &self.service_version)
            .field("environment", &self.environment)
            .field("transport", &self.transport)
            .field("connection", &self.connection)
            .field("batch", &self.batch)
            .field("retry", &self.retry)
            .field("monitoring", &self.monitoring)
            .field("security", &self.security)
            .field("logging", &self.logging)
            .finish()
    }
}

/// A URL without what may be a secret in it.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}
