//! The TLS settings as the user gives them: plain data, present with and without the feature `tls`.

use std::{fmt, path::PathBuf};

use super::PemSource;

/// How an `https` endpoint is trusted, and how we identify ourselves to it.
///
/// What comes from files is read when the transport is built, and compared with the files before each new connection:
/// rotated certificates take effect without a restart. Files that are broken or gone by then leave what was read last in
/// force, and the transport says so ([`TransportEvent`](crate::TransportEvent)). Connections that are open live on.
///
/// ```
/// use otlp_transport::{ClientIdentity, TlsOptions, TlsVersion};
///
/// let tls = TlsOptions::new()
///     .with_ca_file("/etc/otlp/ca.pem")
///     .with_identity(ClientIdentity::from_files("/etc/otlp/client.pem", "/etc/otlp/client.key"))
///     .with_min_version(TlsVersion::Tls13);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct TlsOptions {
    pub(crate) ca: Option<PemSource>,
    pub(crate) with_system_roots: bool,
    pub(crate) identity: Option<ClientIdentity>,
    pub(crate) server_name: Option<String>,
    pub(crate) min_version: TlsVersion,
}

/// A version of TLS (RFC 5246, RFC 8446). Older ones are broken and never spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TlsVersion {
    /// TLS 1.2: the default minimum, so both are spoken.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A client certificate and its key, for receivers that ask for them (mutual TLS).
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    pub(crate) certificate: PemSource,
    pub(crate) key: PemSource,
}

impl TlsOptions {
    /// The system's authorities, no identity, the name of the endpoint's host, TLS 1.2 or 1.3.
    pub fn new() -> Self {
        TlsOptions::default()
    }

    /// Trusts these authorities (PEM) *instead of* the system's.
    pub fn with_ca_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        TlsOptions { ca: Some(PemSource::Memory(pem.into())), ..self }
    }

    /// Trusts the authorities in this file (PEM) *instead of* the system's.
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Self {
        TlsOptions { ca: Some(PemSource::File(path.into())), ..self }
    }

    /// Trusts the system's authorities beside those that were given.
    pub fn with_system_roots(self) -> Self {
        TlsOptions { with_system_roots: true, ..self }
    }

    /// Shows this certificate to receivers that ask for one.
    pub fn with_identity(self, identity: ClientIdentity) -> Self {
        TlsOptions { identity: Some(identity), ..self }
    }

    /// The name that the receiver's certificate must carry, where it is not the host of the endpoint.
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        TlsOptions { server_name: Some(name.into()), ..self }
    }

    /// Takes `name` for [`with_server_name`](Self::with_server_name) if none was given.
    pub fn or_server_name(self, name: impl Into<String>) -> Self {
        let server_name = self.server_name.clone().or_else(|| Some(name.into()));
        TlsOptions { server_name, ..self }
    }

    /// The oldest version that is spoken; default TLS 1.2.
    pub fn with_min_version(self, version: TlsVersion) -> Self {
        TlsOptions { min_version: version, ..self }
    }
}

impl ClientIdentity {
    /// A PEM certificate chain, our own certificate first, and its PEM private key (PKCS#8, PKCS#1 or SEC1).
    pub fn from_pem(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        ClientIdentity { certificate: PemSource::Memory(certificate.into()), key: PemSource::Memory(key.into()) }
    }

    /// The files with the certificate chain and the key, which are looked at again before each new connection.
    pub fn from_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        ClientIdentity { certificate: PemSource::File(certificate.into()), key: PemSource::File(key.into()) }
    }
}

/// Shows the names of files, and nothing of certificate and key.
impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("certificate", &self.certificate).field("key", &self.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_shown() {
        let options =
            TlsOptions::new().with_ca_pem("hunter2").with_identity(ClientIdentity::from_pem("hunter2", "hunter2"));
        let shown = format!("{options:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
