//! TLS and mutual TLS from PEM.

use std::{fmt, sync::Arc};

use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// The certificate and key of a receiver that speaks TLS, and whom it lets in.
///
/// `Debug` prints no key.
#[derive(Clone)]
pub struct TlsConfig {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<Vec<u8>>,
}

/// Why a TLS configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM text that has no usable section of the wanted sort.
    #[error("{what}: {error}")]
    Pem {
        /// Which of the texts.
        what: &'static str,
        /// What is wrong with it.
        error: rustls_pki_types::pem::Error,
    },
    /// A certificate or key that does not fit, for example to each other.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    /// Certificate authorities of clients that cannot be used.
    #[error(transparent)]
    ClientAuthorities(#[from] rustls::server::VerifierBuilderError),
}

impl TlsConfig {
    /// The certificate chain (leaf first) and its private key, both PEM.
    pub fn new(certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        TlsConfig { certificates: certificates.into(), key: key.into(), client_authorities: None }
    }

    /// Mutual TLS: a client must show a certificate that one of these authorities (PEM) signed.
    pub fn with_client_authorities(self, authorities: impl Into<Vec<u8>>) -> Self {
        TlsConfig { client_authorities: Some(authorities.into()), ..self }
    }

    pub(crate) fn into_server_config(self) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates("client authorities", &pem)? {
                    roots.add(authority)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| TlsError::Pem { what: "key", error })?;
        let mut config = builder.with_single_cert(certificates("certificates", &self.certificates)?, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| TlsError::Pem { what, error })
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").field("mutual", &self.client_authorities.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_pem_is_named() {
        let error = TlsConfig::new("", "").into_server_config().unwrap_err();
        assert!(error.to_string().starts_with("key: "), "{error}");
        let config = TlsConfig::new("", "").with_client_authorities("no PEM");
        assert!(!format!("{config:?}").contains("PEM"));
        assert!(config.into_server_config().is_err());
    }
}
