//! Certificates and keys: from PEM text to what rustls takes. No error shows their content.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use super::Offer;
use crate::config::{ConfigError, PemSource, TlsOptions, TlsVersion};

const FROM_1_2: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const FROM_1_3: &[&SupportedProtocolVersion] = &[&TLS13];

/// The texts that the options name, as they were read together.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    ca: Option<Vec<u8>>,
    /// Certificate and key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Material {
    /// Reads what the options name, files included.
    ///
    /// # Errors
    ///
    /// A file cannot be read; the error names it.
    pub(super) fn read(options: &TlsOptions) -> Result<Self, ConfigError> {
        let ca = options.ca.as_ref().map(|ca| read("CA certificate", ca)).transpose()?;
        let identity = options.identity.as_ref();
        let identity = identity
            .map(|identity| {
                Ok((read("client certificate", &identity.certificate)?, read("client key", &identity.key)?))
            })
            .transpose()?;
        Ok(Material { ca, identity })
    }

    /// What rustls needs, with these authorities of the system beside those that were given.
    ///
    /// # Errors
    ///
    /// A text holds no certificate or key, or certificate and key do not fit together.
    pub(super) fn client_config(
        &self,
        options: &TlsOptions,
        offer: Offer,
        mut roots: RootCertStore,
    ) -> Result<Arc<ClientConfig>, ConfigError> {
        if let Some(pem) = &self.ca {
            for certificate in certificates("CA certificate", pem)? {
                roots.add(certificate).map_err(|error| invalid("CA certificate", error.to_string()))?;
            }
        }
        let versions = match options.min_version {
            TlsVersion::Tls12 => FROM_1_2,
            TlsVersion::Tls13 => FROM_1_3,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| invalid("tls", error.to_string()))?
            .with_root_certificates(roots);
        let mut client = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("client certificate", certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
                    invalid("client key", "no private key found: give PEM with PKCS#8, PKCS#1 or SEC1 content")
                })?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    invalid("client certificate", format!("certificate and key do not fit together: {error}"))
                })?
            }
        };
        client.alpn_protocols = match offer {
            Offer::AnyHttp => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Offer::Http2Only => vec![b"h2".to_vec()],
        };
        Ok(Arc::new(client))
    }
}

/// The files that the options name.
pub(super) fn files(options: &TlsOptions) -> Vec<PathBuf> {
    let identity = options.identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
    options.ca.iter().chain(identity).filter_map(PemSource::file).cloned().collect()
}

fn read(field: &'static str, source: &PemSource) -> Result<Vec<u8>, ConfigError> {
    source.read().map_err(|error| {
        let file = source.file().map_or_else(String::new, |path| path.display().to_string());
        invalid(field, format!("cannot read {file}: {error}"))
    })
}

fn certificates(field: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(invalid(field, "no certificate found: give PEM that begins with -----BEGIN CERTIFICATE-----")),
    }
}

pub(super) fn invalid(field: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Tls { field, reason: reason.into() }
}
