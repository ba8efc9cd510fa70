//! The files for TLS that variables name.

use otlp_transport::{ClientIdentity, TlsOptions};

use crate::{BuildError, environment::ExportVariables};

/// Whom to trust and who we are, as far as variables say it.
pub(super) fn from_files(environment: &ExportVariables) -> Result<Option<TlsOptions>, BuildError> {
    let mut tls = TlsOptions::new();
    if let Some(ca) = &environment.certificate {
        tls = tls.with_ca_file(ca);
    }
    match (&environment.client_certificate, &environment.client_key) {
        (Some(certificate), Some(key)) => tls = tls.with_identity(ClientIdentity::from_files(certificate, key)),
        (None, None) => {}
        (Some(_), None) => return Err(BuildError::HalfAnIdentity { set: "CERTIFICATE", missing: "KEY" }),
        (None, Some(_)) => return Err(BuildError::HalfAnIdentity { set: "KEY", missing: "CERTIFICATE" }),
    }
    Ok((tls != TlsOptions::default()).then_some(tls))
}
