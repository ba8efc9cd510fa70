//! TLS by rustls: the one module that names it. Without the feature `tls`, `https` endpoints are refused when the
//! transport is built, so plaintext is never spoken to them.

use std::io;

use tokio::net::TcpStream;

use super::{
    DialError,
    socket::{HttpVersion, Socket},
};
use crate::config::{ConfigError, Target, TlsConfig};

/// What the transport is able to speak, offered to the receiver by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// HTTP/2 where the receiver can, else HTTP/1.1.
    AnyHttp,
    /// HTTP/2 or nothing: gRPC.
    Http2Only,
}

#[cfg(not(feature = "tls"))]
mod backend {
    use super::*;

    /// Cannot exist: no `https` target gets past the constructor.
    #[derive(Debug)]
    pub(crate) enum Tls {}

    impl Tls {
        pub(crate) fn new(target: &Target, _: Option<&TlsConfig>, _: Offer) -> Result<Self, ConfigError> {
            Err(ConfigError::FeatureMissing {
                field: "endpoint",
                value: target.to_string(),
                feature: "tls",
                alternative: "an http:// endpoint",
            })
        }

        pub(in crate::connection) async fn handshake(&self, _: TcpStream) -> Result<(Socket, HttpVersion), DialError> {
            match *self {}
        }
    }

    pub(in crate::connection) fn alert(_: &io::Error) -> Option<String> {
        None
    }
}

#[cfg(feature = "tls")]
mod backend {
    use std::{fmt, sync::Arc};

    use otlp_core::ErrorKind;
    use parking_lot::Mutex;
    use rustls::{
        AlertDescription, ClientConfig, Error as TlsError, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    };
    use tokio_rustls::TlsConnector;

    use super::*;

    /// The TLS side of one origin.
    pub(crate) struct Tls {
        server_name: ServerName<'static>,
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
        offer: Offer,
        /// Ready from the start if the authorities were given; else once the system's have been read.
        client: Mutex<Option<Arc<ClientConfig>>>,
    }

    impl Tls {
        /// Parses what the configuration holds. The system's authorities are files, and read at the first handshake.
        pub(crate) fn new(target: &Target, config: Option<&TlsConfig>, offer: Offer) -> Result<Self, ConfigError> {
            let name = config.and_then(|config| config.server_name.as_deref()).unwrap_or(&target.host);
            let server_name = ServerName::try_from(name.to_owned())
                .map_err(|_| invalid("server_name", format!("{name:?} is neither a DNS name nor an address")))?;
            let identity = config.and_then(|config| config.identity.as_ref());
            let identity = identity
                .map(|identity| {
                    let chain = certificates("client certificate", &identity.certificate_pem)?;
                    let key = PrivateKeyDer::from_pem_slice(&identity.key_pem).map_err(|_| {
                        invalid("client key", "no private key found: give PEM with PKCS#8, PKCS#1 or SEC1 content")
                    })?;
                    Ok((chain, key))
                })
                .transpose()?;
            let tls = Tls { server_name, identity, offer, client: Mutex::new(None) };
            let mut roots = RootCertStore::empty();
            if let Some(pem) = config.and_then(|config| config.ca_pem.as_deref()) {
                for certificate in certificates("CA certificate", pem)? {
                    roots.add(certificate).map_err(|error| invalid("CA certificate", error.to_string()))?;
                }
                *tls.client.lock() = Some(tls.client_config(roots)?);
            } else if tls.identity.is_some() {
                // Finds out now whether certificate and key fit; the roots play no part in that.
                tls.client_config(roots)?;
            }
            Ok(tls)
        }

        fn client_config(&self, roots: RootCertStore) -> Result<Arc<ClientConfig>, ConfigError> {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| invalid("tls", error.to_string()))?
                .with_root_certificates(roots);
            let mut client = match &self.identity {
                None => builder.with_no_client_auth(),
                Some((chain, key)) => {
                    builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| {
                        invalid("client certificate", format!("certificate and key do not fit together: {error}"))
                    })?
                }
            };
            client.alpn_protocols = match self.offer {
                Offer::AnyHttp => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
                Offer::Http2Only => vec![b"h2".to_vec()],
            };
            Ok(Arc::new(client))
        }

        async fn client(&self) -> Result<Arc<ClientConfig>, DialError> {
            if let Some(client) = &*self.client.lock() {
                return Ok(client.clone());
            }
            let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
            let found = found.map_err(|_| DialError::tls("the system's certificate authorities could not be read"))?;
            let mut roots = RootCertStore::empty();
            // Systems carry a few certificates that webpki does not parse; the others serve.
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err(DialError::tls(
                    "the system has no certificate authorities: install its ca-certificates, or give a CA certificate",
                ));
            }
            let client = self.client_config(roots).map_err(|error| DialError::tls(error.to_string()))?;
            *self.client.lock() = Some(client.clone());
            Ok(client)
        }

        /// # Errors
        ///
        /// The receiver is not who it should be, does not accept us, or does not speak TLS or HTTP as needed.
        pub(in crate::connection) async fn handshake(
            &self,
            stream: TcpStream,
        ) -> Result<(Socket, HttpVersion), DialError> {
            let connector = TlsConnector::from(self.client().await?);
            let stream = connector.connect(self.server_name.clone(), stream).await.map_err(|error| explain(&error))?;
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => HttpVersion::Http2,
                _ if self.offer == Offer::AnyHttp => HttpVersion::Http1,
                // Receivers behind old balancers speak HTTP/2 without ALPN; if this one does not, its first bytes tell.
                _ => HttpVersion::Http2,
            };
            Ok((Socket::Tls(Box::new(stream)), version))
        }
    }

    /// Shows no key.
    impl fmt::Debug for Tls {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
        }
    }

    fn certificates(field: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match parsed {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(invalid(field, "no certificate found: give PEM that begins with -----BEGIN CERTIFICATE-----")),
        }
    }

    fn invalid(field: &'static str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Tls { field, reason: reason.into() }
    }

    fn inner(error: &io::Error) -> Option<&TlsError> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }

    fn explain(error: &io::Error) -> DialError {
        let hint = match inner(error) {
            Some(TlsError::InvalidMessage(_)) => ": the port does not speak TLS; if it is plaintext, use http://",
            Some(TlsError::InvalidCertificate(_)) => {
                ": the receiver's certificate is not trusted; give its CA certificate, or its server name"
            }
            Some(
                TlsError::NoApplicationProtocol | TlsError::AlertReceived(AlertDescription::NoApplicationProtocol),
            ) => ": the receiver does not speak HTTP/2, which gRPC needs",
            Some(TlsError::AlertReceived(_)) => {
                ": the receiver ended the handshake; does it want a client certificate?"
            }
            _ => "",
        };
        DialError { kind: ErrorKind::Network, message: format!("the TLS handshake failed ({error}){hint}") }
    }

    /// The alert that ended the session, if that is what `error` says.
    pub(in crate::connection) fn alert(error: &io::Error) -> Option<String> {
        match inner(error) {
            Some(TlsError::AlertReceived(alert)) => Some(format!("{alert:?}")),
            _ => None,
        }
    }
}

pub(crate) use self::backend::Tls;
pub(super) use self::backend::alert;
