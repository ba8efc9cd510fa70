//! Why a receiver could not be started.

use std::{io, net::SocketAddr};

use crate::TlsError;

/// Why a receiver could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on, mostly because another program does.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The TLS configuration cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The receiver's own thread or runtime cannot be started.
    #[error("the receiver's thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}
