//! TLS by rustls: the modules here alone name it. Without the feature `tls`, `https` endpoints are refused when the
//! transport is built, so plaintext is never spoken to them.

#[cfg(feature = "tls")]
mod material;
#[cfg(not(feature = "tls"))]
mod missing;
#[cfg(feature = "tls")]
mod rotation;
#[cfg(feature = "tls")]
mod session;

#[cfg(not(feature = "tls"))]
pub(crate) use self::missing::Tls;
#[cfg(not(feature = "tls"))]
pub(super) use self::missing::alert;
#[cfg(feature = "tls")]
pub(crate) use self::session::Tls;
#[cfg(feature = "tls")]
pub(super) use self::session::alert;

/// What the transport is able to speak, offered to the receiver by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// HTTP/2 where the receiver can, else HTTP/1.1.
    AnyHttp,
    /// HTTP/2 or nothing: gRPC.
    Http2Only,
}
