//! The TLS settings as the user gives them: plain data, present with and without the feature `tls`.

use std::fmt;

/// How an `https` endpoint is trusted, and how we identify ourselves to it.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// PEM certificates of the authorities to trust *instead of* the system's; `None` trusts the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Our certificate and key, for receivers that ask for them (mutual TLS).
    pub identity: Option<ClientIdentity>,
    /// The name that the receiver's certificate must carry, where it is not the host of the endpoint.
    pub server_name: Option<String>,
}

/// A client certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM certificate chain, our own certificate first.
    pub certificate_pem: Vec<u8>,
    /// PEM private key (PKCS#8, PKCS#1 or SEC1). A secret.
    pub key_pem: Vec<u8>,
}

/// Says which settings are there, without their content.
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("ca_pem", &self.ca_pem.as_ref().map(Vec::len))
            .field("identity", &self.identity)
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// Shows nothing of certificate and key.
impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_shown() {
        let identity = ClientIdentity { certificate_pem: b"hunter2".to_vec(), key_pem: b"hunter2".to_vec() };
        let config = TlsConfig { identity: Some(identity), ca_pem: Some(b"hunter2".to_vec()), ..TlsConfig::default() };
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
