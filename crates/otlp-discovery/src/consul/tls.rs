//! Connections to agents, with TLS by rustls: the one module that names it. Without the feature `tls`, `https` is
//! refused with its settings, so plaintext is never spoken to it.

use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use otlp_reliability::ConfigError;

use super::ConsulConfig;

#[cfg(feature = "tls")]
pub(super) use self::with_tls::{Connector, connector};
#[cfg(not(feature = "tls"))]
pub(super) use self::without_tls::{Connector, connector};

/// A host that swallows packets is given up after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A query that blocks is silent for minutes; this finds out that the agent's machine is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEP_ALIVE));
    tcp.set_keepalive_interval(Some(KEEP_ALIVE));
    tcp.set_nodelay(true);
    tcp
}

/// Certificates for an endpoint that is not encrypted would be settings without an effect.
fn refuse_certificates(config: &ConsulConfig, accepted: &'static str) -> Result<(), ConfigError> {
    match (&config.ca_file, &config.identity) {
        (None, None) => Ok(()),
        (Some(path), _) => Err(ConfigError::new("consul_ca_file", path, accepted)),
        (_, Some((chain, _))) => Err(ConfigError::new("consul_client_certificate", chain, accepted)),
    }
}

#[cfg(not(feature = "tls"))]
mod without_tls {
    use super::*;

    pub(in crate::consul) type Connector = HttpConnector;

    pub(in crate::consul) fn connector(config: &ConsulConfig, is_https: bool) -> Result<Connector, ConfigError> {
        let accepted = "an http:// endpoint and no certificates, as the feature `tls` of otlp-discovery is off";
        refuse_certificates(config, accepted)?;
        match is_https {
            true => Err(ConfigError::new("consul_endpoint", "https", accepted)),
            false => Ok(tcp()),
        }
    }
}

#[cfg(feature = "tls")]
mod with_tls {
    use std::{
        path::{Path, PathBuf},
        sync::Arc,
    };

    use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    };

    use super::{super::file::read, *};

    /// The largest PEM file that is read: the authorities of a whole system are a quarter of it.
    const MAX_PEM: u64 = 1 << 20;

    pub(in crate::consul) type Connector = HttpsConnector<HttpConnector>;

    /// Reads the certificates. The system's are read for `https` alone.
    pub(in crate::consul) fn connector(config: &ConsulConfig, is_https: bool) -> Result<Connector, ConfigError> {
        if !is_https {
            refuse_certificates(config, "an https:// endpoint beside it, or nothing")?;
        }
        let roots = match (&config.ca_file, is_https) {
            (Some(path), _) => authorities(path)?,
            (None, true) => system_authorities()?,
            (None, false) => RootCertStore::empty(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused("consul_endpoint", Path::new("https"), &error, "versions of TLS"))?
            .with_root_certificates(roots);
        let tls = match &config.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => identity(builder, chain, key)?,
        };
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        let builder = match is_https {
            true => builder.https_only(),
            false => builder.https_or_http(),
        };
        Ok(builder.enable_http1().wrap_connector(tcp()))
    }

    fn authorities(path: &Path) -> Result<RootCertStore, ConfigError> {
        const ACCEPTED: &str = "a readable PEM file with the certificates of authorities";
        let mut roots = RootCertStore::empty();
        for certificate in certificates("consul_ca_file", path, ACCEPTED)? {
            roots.add(certificate).map_err(|error| refused("consul_ca_file", path, &error, ACCEPTED))?;
        }
        Ok(roots)
    }

    fn system_authorities() -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        // Systems carry a few certificates that cannot be parsed; the others serve.
        let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        match added {
            0 => {
                let accepted = "the file of an authority, as the system has none; or install its ca-certificates";
                Err(ConfigError::new("consul_ca_file", None::<PathBuf>, accepted))
            }
            _ => Ok(roots),
        }
    }

    fn identity(
        builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
        chain: &Path,
        key: &Path,
    ) -> Result<ClientConfig, ConfigError> {
        const FIELD: &str = "consul_client_certificate";
        const CHAIN: &str = "a readable PEM file with our certificate, and those above it";
        const KEY: &str = "a readable PEM file with the key of our certificate, in PKCS#8, PKCS#1 or SEC1";
        let certificates = certificates(FIELD, chain, CHAIN)?;
        let pem = read(key, MAX_PEM).map_err(|error| refused(FIELD, key, &error, KEY))?;
        // The error is not repeated: it could hold something of the key.
        let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| refused(FIELD, key, &"no key is in it", KEY))?;
        builder
            .with_client_auth_cert(certificates, secret)
            .map_err(|error| refused(FIELD, chain, &error, "a certificate and the key that fits it"))
    }

    fn certificates(
        field: &'static str,
        path: &Path,
        accepted: &'static str,
    ) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let pem = read(path, MAX_PEM).map_err(|error| refused(field, path, &error, accepted))?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(refused(field, path, &"no certificate is in it", accepted)),
            Err(error) => Err(refused(field, path, &error, accepted)),
        }
    }

    fn refused(
        field: &'static str,
        path: &Path,
        reason: &dyn std::fmt::Display,
        accepted: &'static str,
    ) -> ConfigError {
        ConfigError::new(field, format!("{}: {reason}", path.display()), accepted)
    }
}

#[cfg(all(test, not(feature = "tls")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_nothing_is_sent_in_plaintext_that_should_be_encrypted() {
        let error = connector(&ConsulConfig::new("https://consul"), true).unwrap_err();
        assert!(error.field() == "consul_endpoint" && error.to_string().contains("feature `tls`"), "{error}");
        let error = connector(&ConsulConfig::new("http://consul").with_ca_file("ca.pem"), false).unwrap_err();
        assert!(error.field() == "consul_ca_file" && error.to_string().contains("feature `tls`"), "{error}");
    }
}
