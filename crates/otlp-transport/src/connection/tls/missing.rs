//! What stands in for TLS where it is not compiled in.

use std::io;

use tokio::net::TcpStream;

use super::Offer;
use crate::{
    config::{ConfigError, EventHook, Target, TlsOptions},
    connection::{
        DialError,
        socket::{HttpVersion, Socket},
    },
};

/// Cannot exist: no `https` target gets past the constructor.
#[derive(Debug)]
pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn new(target: &Target, _: Option<&TlsOptions>, _: Offer, _: EventHook) -> Result<Self, ConfigError> {
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
