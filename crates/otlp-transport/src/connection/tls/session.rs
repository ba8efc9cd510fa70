//! The TLS side of one origin: handshakes, and what became of them in words.

use std::{fmt, io};

use otlp_core::ErrorKind;
use rustls::{AlertDescription, Error as TlsError, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Offer, material::invalid, rotation::Rotation};
use crate::{
    config::{ConfigError, EventHook, Target, TlsOptions},
    connection::{
        DialError,
        socket::{HttpVersion, Socket},
    },
};

/// Shakes hands with the receiver of one origin.
pub(crate) struct Tls {
    server_name: ServerName<'static>,
    offer: Offer,
    rotation: Rotation,
}

impl Tls {
    /// Parses what the options hold, and reads the files that they name.
    pub(crate) fn new(
        target: &Target,
        options: Option<&TlsOptions>,
        offer: Offer,
        events: EventHook,
    ) -> Result<Self, ConfigError> {
        let options = options.cloned().unwrap_or_default();
        let name = options.server_name.as_deref().unwrap_or(&target.host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| invalid("server_name", format!("{name:?} is neither a DNS name nor an address")))?;
        Ok(Tls { server_name, offer, rotation: Rotation::new(options, offer, events)? })
    }

    /// # Errors
    ///
    /// The receiver is not who it should be, does not accept us, or does not speak TLS or HTTP as needed.
    pub(in crate::connection) async fn handshake(&self, stream: TcpStream) -> Result<(Socket, HttpVersion), DialError> {
        let connector = TlsConnector::from(self.rotation.client().await?);
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

fn inner(error: &io::Error) -> Option<&TlsError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn explain(error: &io::Error) -> DialError {
    let hint = match inner(error) {
        Some(TlsError::InvalidMessage(_)) => ": the port does not speak TLS; if it is plaintext, use http://",
        Some(TlsError::InvalidCertificate(_)) => {
            ": the receiver's certificate is not trusted; give its CA certificate, or its server name"
        }
        Some(TlsError::NoApplicationProtocol | TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            ": the receiver does not speak HTTP/2, which gRPC needs"
        }
        Some(TlsError::PeerIncompatible(_) | TlsError::AlertReceived(AlertDescription::ProtocolVersion)) => {
            ": the receiver speaks no version of TLS that is accepted here; update it, or lower the minimum version"
        }
        Some(TlsError::AlertReceived(_)) => ": the receiver ended the handshake; does it want a client certificate?",
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
